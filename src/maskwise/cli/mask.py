"""``maskwise mask``: virtual masks on every face of photos, one photo or whole data sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from maskwise.cli.options import Tools, json_option, model_option, pass_tools
from maskwise.errors import ConfigurationError


@click.command(name="mask")
@click.argument("paths", nargs=-1, metavar="PHOTO_OR_DIR...")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to write; your own files are never replaced.  [required]",
)
@click.option(
    "--types",
    "--type",
    "wanted",
    metavar="NAME|all|random",
    help="surgical, n95, kn95, duckbill, cloth, gas, shield, bandana, gaiter, scarf, nist-wide, "
    "nist-round; all: one file a type; random: type, "
    "colour and pattern drawn for every face. Several names with commas between make one file "
    "each. A mask file of your own (.toml) is a type, too.  [default: surgical; with --mix: "
    "random]",
)
@click.option(
    "--per-image",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="Pictures a photo and type; of several, each is drawn at random within its type.",
)
@click.option(
    "--designs",
    type=click.IntRange(min=1),
    metavar="N",
    help="Draw so many different masks of each type, and choose among them; twice as "
    "fast on small faces, or more.  [default: every face has its own]",
)
@click.option(
    "--mix",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The shares that random draws by: a TOML file, see docs/mask-datasets.md.",
)
@click.option(
    "--wear",
    metavar="STYLE,...|all",
    help="How they are worn: proper, under-nose, under-chin, slipped; several make one file "
    "each.  [default: proper; with --mix: as it says]",
)
@click.option(
    "--coverage",
    metavar="X|low|medium|high",
    help="How far up the nose: 0 (its tip just covered) to 1.  [default: 0.5; as drawn with "
    "random]",
)
@click.option("--color", metavar="#RRGGBB", help="The colour.  [default: usual for the type]")
@click.option("--pattern", metavar="NAME", help="The pattern.  [default: usual for the type]")
@click.option("--text", metavar="TEXT", help="A text on the mask (the pattern text).")
@click.option(
    "--image",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="A picture as the cloth (the pattern image).",
)
@click.option(
    "--spec",
    metavar="JSON|@FILE",
    help="Exactly this mask, or one a face: a spec as JSON, or a file that holds it: JSON, a "
    "side-car, or a picture that maskwise masked.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="Of all that varies. The same seed and file name give the same picture.",
)
@click.option(
    "--aligned",
    metavar="NAME",
    help="The photos are aligned faces already: arcface112, arcface128 or dlib150, of any size. "
    "No face is looked for.",
)
@model_option("detector")
@click.option(
    "--landmarks",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The faces are known: a CSV or JSON lines, see docs/mask-datasets.md. No face is looked "
    "for.",
)
@click.option(
    "--format",
    "ending",
    type=click.Choice(["jpg", "png"]),
    default="jpg",
    show_default=True,
    help="Of the pictures.",
)
@click.option("--alpha", is_flag=True, help="Write what the masks cover, too: <picture>_alpha.png.")
@click.option("--sidecar", is_flag=True, help="Write the truth of each picture: <picture>.json.")
@click.option("--copy-originals", is_flag=True, help="Copy the photos into DIR, too, as they are.")
@click.option(
    "--manifest",
    type=click.Choice(["csv", "jsonl", "both", "none"]),
    help="List every face in DIR/manifest.csv or .jsonl, so that a run that was broken off goes "
    "on.  [default: both for a folder; none for photos]",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    metavar="N",
    help="Processes; the pictures are the same with any number.  [default: one a core, at most "
    "4; 1 for few photos]",
)
@click.option("--preview", is_flag=True, help="Write one sheet of a photo's face in every mask.")
@click.option(
    "--show", is_flag=True, help="Print the specs of masked pictures as JSON; nothing is written."
)
@json_option("the summary as one JSON object")
@pass_tools
@click.pass_context
def command(ctx: click.Context, tools: Tools, /, **given: Any) -> None:
    """Draw virtual masks on every face of photos, or of whole data sets.

    Writes DIR/<photo>_<type>.jpg (<photo>_random.jpg for random), in the sub-folders of the
    folder given. For a folder, lists every face in DIR/manifest.csv and .jsonl; a run that was
    broken off goes on where it was, by the same command.

    \b
    Examples:
      maskwise mask portrait.jpg --out masked/
      maskwise mask portrait.jpg --out masked/ --preview
      maskwise mask portrait.jpg --out masked/ --type cloth --color "#8a1f2d" --pattern checks
      maskwise mask photos/ --out masked/ --types random --per-image 3 --seed 7
      maskwise mask ms1m/ --out masked/ --aligned arcface112 --types random --workers 8
      maskwise mask --show masked/portrait_cloth.jpg

    Exit codes: 0 all photos are masked; 1 some input was skipped (not readable, no face in it,
    or none that can wear a mask; each is named); 2 usage error, or the output cannot be written;
    130 interrupted.
    """
    if not given["paths"]:
        raise click.UsageError("Missing argument 'PHOTO_OR_DIR...'.")
    if given["show"]:
        from maskwise.cli.mask_show import show

        ctx.exit(show(given["paths"]))
    if given["out"] is None:
        raise click.UsageError("Missing option '--out'.")
    if given["aligned"] and given["landmarks"]:
        raise ConfigurationError("--aligned and --landmarks exclude each other; give one")
    from maskwise.cli import mask_options

    plan = mask_options.plan(given)
    if given["preview"]:
        from maskwise.cli.mask_sheet import preview

        ctx.exit(preview(tools, plan, given))
    from maskwise.cli.mask_run import Run

    ctx.exit(Run(tools, plan, given).go())
