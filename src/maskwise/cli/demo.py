"""``maskwise demo``: the whole job on the sample people, or on yours."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from maskwise.cli.demo_page import Shown, page
from maskwise.cli.enrol_people import Summary, enrol_people
from maskwise.cli.files import OutputFolder, write_file, write_picture
from maskwise.cli.identify import COLUMNS, NUMBERS, Looked, look, meaning, table_row
from maskwise.cli.inputs import Person, Photo, find_people, find_photos
from maskwise.cli.options import Tools, pass_tools
from maskwise.cli.output import Progress, print_table, remark
from maskwise.cli.results import OUTCOME_WORDS
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.cli.tally import VERDICTS, Tally, Truth, verdict
from maskwise.errors import ConfigurationError, EncoderMismatchError, OutputError

if TYPE_CHECKING:
    from rich.text import Text

    from maskwise.answers import Identification
    from maskwise.gallery import Gallery
    from maskwise.pipeline import Recognizer
    from maskwise.types import Decision

_ROWS_SHOWN: Final = 100
_TALLY_COLUMNS: Final = ("group", "probes", *VERDICTS, "rank 1")


@dataclass(slots=True)
class Run:
    """What the demo finds out. problems: a sentence for everything that was left out."""

    problems: list[str] = field(default_factory=list)
    rows: list[list[str | Text]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    tally: Tally = field(default_factory=Tally)
    pictures: list[Shown] = field(default_factory=list)

    def skip(self, message: str) -> None:
        """Left out before anything ran."""
        self.problems.append(message)
        remark(f"skipped {message}")


@click.command(name="demo")
@click.option(
    "--people",
    type=click.Path(exists=True, file_okay=False),
    metavar="DIR",
    help="Whom to enrol, laid out as for enrol.  [default: the sample people]",
)
@click.option(
    "--probes",
    type=click.Path(exists=True),
    metavar="DIR",
    help="Whom to identify.  [default: the sample probes; with --people alone, the last photo "
    "of everybody who has two or more]",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="demo-output",
    show_default=True,
    metavar="DIR",
    help="Where the gallery and the pictures go.",
)
@pass_tools
@click.pass_context
def command(
    ctx: click.Context, tools: Tools, *, people: str | None, probes: str | None, out: Path
) -> None:
    """Enrol a folder of people, identify a folder of probes, and show the pictures.

    Without options it runs on synthetic people that ship with maskwise: bare and masked probes,
    and strangers. Writes DIR/index.html, DIR/masks.png (one person wearing every mask),
    DIR/annotated/ and DIR/demo-gallery.sqlite3. Running it again is fast and changes nothing.

    Where the probes' names tell whom they show (Ada_bare.jpg, or a folder Ada), right and wrong
    answers are counted. A probe that is itself an enrolled photo is left out.

    \b
    Examples:
      maskwise demo
      maskwise demo --people people/ --probes visitors/ --out demo-output/

    Exit codes: 0 done; 1 some input was skipped (each is named); 2 usage or gallery error;
    130 interrupted.
    """
    run = Run()
    enrolled, photos = _inputs(people, probes, out, run.skip)
    inputs = [photo.path for person in enrolled for photo in person.photos]
    output = OutputFolder(out, [*inputs, *(photo.path for photo in photos)])
    interrupted = False
    from maskwise.gallery import open_gallery

    with open_gallery(out / "demo-gallery.sqlite3") as store:
        recognizer = tools.recognizer(gallery=store)
        try:
            _tidy(store, enrolled, recognizer.encoder.id)
            summary = Summary()
            enrol_people(recognizer, enrolled, summary)
            run.problems += summary.problems
            click.echo(f"{summary.text(store.where)}\n")
            photos = _unknown_photos(store, photos)
            _identify(recognizer, photos, [person.name for person in enrolled], output, run)
            sheet = _contact_sheet(recognizer, enrolled, output)
        except KeyboardInterrupt:
            interrupted = True
            remark(
                "interrupted: who was enrolled and what was drawn is kept; run it again to go on"
            )
        people_count = store.size().people
    _print_rows(run, recognizer.target_fpir, people_count)
    if not interrupted:
        _finish(run, sheet, output, people_count, invented=probes is None and people is None)
    ctx.exit(INTERRUPTED if interrupted else SKIPPED if run.problems else OK)


def _inputs(
    people: str | None, probes: str | None, out: Path, skip: Callable[[str], None]
) -> tuple[list[Person], list[Photo]]:
    """Whom to enrol and whom to identify."""
    enrolled = find_people([people or _samples("people")], skip)
    if not enrolled:
        raise ConfigurationError(
            f"{people}: nobody to enrol there; name a folder with one sub-folder a person"
        )
    alone = people is not None and (
        probes is None or Path(probes).resolve() == Path(people).resolve()
    )
    if not alone:
        return enrolled, find_photos([probes or _samples("probes")], skip, out)
    # One folder for both: everybody's last photo is kept apart.
    held_out = [person.photos.pop() for person in enrolled if len(person.photos) > 1]
    if not held_out:
        remark("no folder of probes, and nobody with a second photo: nobody to identify")
        return enrolled, held_out
    remark(
        f"no folder of probes of its own: the last photo of {len(held_out)} people is a probe, "
        "their other photos are enrolled"
    )
    return enrolled, held_out


def _samples(which: str) -> str:
    """The folder of the sample "people" or "probes"."""
    from maskwise import samples

    return str(samples.people() if which == "people" else samples.probes())


def _tidy(store: Gallery, people: Sequence[Person], encoder_id: str) -> None:
    """Take out of the demo's own gallery what is not in the folder any more."""
    wanted = {person.name: {_sha256(photo.path) for photo in person.photos} for person in people}
    try:
        store.check_encoder(encoder_id)
    except EncoderMismatchError:
        wanted = {}
    for summary in store.people():
        held = {r.photo_sha256 for r in store.show(summary.subject).references}
        if not held <= wanted.get(summary.subject, set()):
            store.delete(summary.subject)


def _unknown_photos(store: Gallery, photos: Sequence[Photo]) -> list[Photo]:
    """The probes that are not themselves enrolled: finding those again would prove nothing."""
    held = {
        reference.photo_sha256
        for person in store.people()
        for reference in store.show(person.subject).references
    }
    fresh = [photo for photo in photos if _sha256(photo.path) not in held]
    if len(fresh) < len(photos):
        remark(
            f"{len(photos) - len(fresh)} of {len(photos)} probes are enrolled photos themselves "
            "(same sha256): left out, they would prove nothing"
        )
    return fresh


def _sha256(path: Path) -> str:
    """Of the file; "" when it cannot be read (reading it as a picture says why)."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _identify(
    recognizer: Recognizer,
    photos: Sequence[Photo],
    people: Sequence[str],
    output: OutputFolder,
    run: Run,
) -> None:
    # Of all who should be enrolled: one whose photos failed is no stranger.
    truths = {photo.shown: Truth.of(photo.relative, people) for photo in photos}
    told = any(truth.subject is not None for truth in truths.values())
    with Progress("identifying", len(photos)) as progress:
        for looked in look(recognizer, photos, top=5):
            progress.advance()
            if looked.problem is not None:
                run.problems.append(looked.problem)
                progress.remark(f"skipped {looked.problem}")
            for result in looked.results:
                run.rows.append(table_row(looked.photo.relative.as_posix(), result))
                run.outcomes[OUTCOME_WORDS[result.decision.outcome]] += 1
                run.decisions.append(result.decision)
            if looked.picture is None:
                continue
            main, said = _main_face(looked), ""
            if told:
                truth = truths[looked.photo.shown]
                run.tally.add(truth, main)
                said = verdict(truth, main)
            try:
                run.pictures.append(
                    Shown(_draw(output, looked), looked.photo.relative.as_posix(), said)
                )
            except OutputError as error:
                run.problems.append(str(error))
                progress.remark(str(error))


def _main_face(looked: Looked) -> Identification | None:
    """The one that the photo is about: bystanders have no name on the file."""
    from maskwise.stages import prominence

    picture = looked.picture
    if picture is None or not looked.results:
        return None
    return max(looked.results, key=lambda r: prominence(r.face.detection, picture))


def _draw(output: OutputFolder, looked: Looked) -> Path:
    from maskwise.annotate import annotate

    assert looked.picture is not None
    target = output.name(Path("annotated") / looked.photo.relative.with_suffix(".jpg"))
    write_picture(target, annotate(looked.picture, looked.results))
    return target


def _contact_sheet(
    recognizer: Recognizer, people: Sequence[Person], output: OutputFolder
) -> Path | None:
    """masks.png: the first bare face that is found, wearing every mask; None without one."""
    from maskwise.cli.mask_sheet import mask_sheet

    for person in people:
        for photo in person.photos[:2]:
            sheet = mask_sheet(recognizer, photo.path, person.name)
            if sheet is not None:
                target = output.name(Path("masks.png"))
                write_picture(target, sheet)
                return target
    return None


def _print_rows(run: Run, fpir: float, people: int) -> None:
    if not run.rows:
        return
    print_table(COLUMNS, run.rows[:_ROWS_SHOWN], right=NUMBERS)
    if len(run.rows) > _ROWS_SHOWN:
        click.echo(f"... and {len(run.rows) - _ROWS_SHOWN} faces more")
    click.echo(meaning(run.decisions, fpir, people))


def _finish(
    run: Run, sheet: Path | None, output: OutputFolder, people: int, *, invented: bool
) -> None:
    """The counts, the page, and where everything lies."""
    faces = ", ".join(f"{count} {outcome}" for outcome, count in run.outcomes.most_common())
    sentences = [f"{people} people enrolled; {len(run.pictures)} probes; faces: {faces or 'none'}."]
    table = None
    if run.tally.verdicts:
        table = (_TALLY_COLUMNS, run.tally.rows())
        sentences += [
            "Right: the right person was named, or a stranger was taken for nobody. Wrong: "
            "somebody else was named. Rank 1: the right person was nearest, accepted or not."
        ]
        click.echo()
        print_table(*table, right=_TALLY_COLUMNS[1:])
    if invented:
        sentences.append(
            "The sample people are synthetic and their masks drawn: these counts show that it "
            "works, not how well it does on real photos."
        )
    for sentence in sentences:
        click.echo(sentence)
    html = page(
        "maskwise demo",
        sentences,
        table=table,
        sheet=sheet,
        pictures=run.pictures,
        folder=output.folder,
    )
    target = output.name(Path("index.html"))
    write_file(target, html)
    click.echo(f"pictures   {output.folder / 'annotated'}\nmasks      {sheet or 'no bare face'}")
    click.echo(f"all        {target}")
