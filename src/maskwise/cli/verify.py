"""``maskwise verify``: whether two photos show one person."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from maskwise.cli.explain_draw import draw_explanations, explain_option
from maskwise.cli.files import OutputFolder
from maskwise.cli.options import (
    Tools,
    gallery_place_option,
    json_option,
    model_options,
    pass_tools,
    share_option,
)
from maskwise.cli.output import print_json, printable, remark
from maskwise.cli.results import even_odds, face_fields, verification_json, whose
from maskwise.cli.status import NO_MATCH, OK, UNSURE
from maskwise.errors import ImageError

if TYPE_CHECKING:
    from maskwise.answers import Face, Verification
    from maskwise.pipeline import Recognizer
    from maskwise.types import Image

_STATUS = {"match": OK, "no_match": NO_MATCH, "insufficient": UNSURE}
_ANSWER = {
    "match": "match: one person",
    "no_match": "no match: too unlike to pass as one person",
    "insufficient": "could not tell",
}


@click.command(name="verify")
@click.argument("a", metavar="PHOTO_A")
@click.argument("b", metavar="PHOTO_B")
@share_option(
    "--fmr",
    "The share of pairs of different people that may pass as one person.  [default: that of the "
    "calibration beside the gallery, else 0.001]",
    "--target-fmr",
)
@gallery_place_option
@model_options("detector", "encoder")
@json_option("the result as one JSON object")
@explain_option
@pass_tools
@click.pass_context
def command(
    ctx: click.Context,
    tools: Tools,
    *,
    a: str,
    b: str,
    fmr: float | None,
    gallery: str | None,
    models: dict[str, str],
    as_json: bool,
    explain: Path | None,
) -> None:
    """Say whether two photos show the same person; no gallery is needed.

    The threshold is that of the calibration beside --gallery, where there is one (see maskwise
    calibrate), else the shipped one. The gallery itself is not opened.

    The dominant face of each photo counts. When one of them wears a mask, virtual masks are
    drawn on the other, so that like is compared with like.

    \b
    Examples:
      maskwise verify passport.jpg selfie.jpg
      maskwise verify --fmr 0.0001 passport.jpg selfie.jpg && echo welcome

    Where a face is too small, blurred, dark or bright, "no match" would say nothing: then it
    could not tell, and says why.

    Exit codes: 0 match; 1 no match; 2 usage error; 3 could not tell (a photo that cannot be
    read, without a face, with several alike in size, or too poor).
    """
    from maskwise.gallery import default_place

    arguments = {} if fmr is None else {"target_fmr": fmr}
    recognizer = tools.recognizer(gallery=gallery or default_place(), **models, **arguments)
    output = None if explain is None else OutputFolder(explain, map(Path, (a, b)))
    pictures, result = _verify(recognizer, a, b)
    if as_json:
        print_json(
            {
                "a": _side_json(a, result.a),
                "b": _side_json(b, result.b),
                "decision": verification_json(result.decision),
                "models": recognizer.models,
            }
        )
    else:
        click.echo(_text(a, b, result))
    if output is not None:
        _explain(recognizer, output, Path(Path(a).name), pictures, result)
    ctx.exit(_STATUS[result.decision.outcome])


def _verify(
    recognizer: Recognizer, a: str, b: str
) -> tuple[tuple[Image | None, Image | None], Verification]:
    """Both photos are read first, so that everything wrong with either is said at once."""
    from maskwise.answers import Verification
    from maskwise.types import Decision

    reasons: list[str] = []

    def read(path: str) -> Image | None:
        try:
            return recognizer.load(path)
        except ImageError as error:
            reasons.append(str(error))
            return None

    picture_a, picture_b = read(a), read(b)
    if picture_a is None or picture_b is None:
        decision = Decision("insufficient", None, None, reasons=tuple(reasons))
        return (picture_a, picture_b), Verification(None, None, decision)
    return (picture_a, picture_b), recognizer.verify(picture_a, picture_b)


def _explain(
    recognizer: Recognizer,
    output: OutputFolder,
    name: Path,
    pictures: tuple[Image | None, Image | None],
    result: Verification,
) -> None:
    from maskwise.explain import explain_verified

    a, b = pictures
    found = None if a is None or b is None else explain_verified(recognizer, a, b, result)
    if found is None:
        remark("nothing to explain: two faces were not compared")
        return
    *_, page = draw_explanations(output, name, [found], recognizer.models)
    remark(f"explained: {page}")


def _side_json(shown: str, face: Face | None) -> dict[str, Any]:
    return {"image": shown, **face_fields(face)}


def _text(a: str, b: str, result: Verification) -> str:
    from maskwise.annotate import mask_words

    decision = result.decision
    unsure = decision.outcome == "insufficient"
    lines = [_ANSWER[decision.outcome], *(decision.reasons if unsure else ())]
    point = decision.operating_point
    if point is not None:
        sign = ">=" if decision.outcome == "match" else "<"
        lines += [
            f"score {decision.score:.3f} {sign} threshold {point.threshold:.3f} "
            "(higher is more alike)",
            f"At this threshold about {_one_in(point.target_fmr)} pairs of different people pass "
            f"as one person (FMR {point.target_fmr:.2g}),",
            f"by {whose(point)}, calibrated on {point.calibrated_on}.",
        ]
    elif decision.score is not None:
        lines.append(f"score {decision.score:.3f} (higher is more alike)")
    if decision.llr is not None:
        from maskwise.likelihood import in_words

        bound = decision.llr_is_bound
        least = ("at least " if decision.llr > 0 else "at most ") if bound else ""
        lines.append(
            f"Such a score is {in_words(decision.llr, bound=bound)} (LLR {decision.llr:.1f}): at "
            "even odds beforehand, the probability of one person is "
            f"{_percent(even_odds(decision.llr), least)}."
        )
    lines += [
        f"{path}: {mask_words(face.mask)}"
        for path, face in ((a, result.a), (b, result.b))
        if face is not None
    ]
    lines += () if unsure else decision.reasons
    return "\n".join(printable(line) for line in lines)


def _percent(probability: float, least: str) -> str:
    """least: ``at least`` or ``at most``, where it is no more than that."""
    if probability > 0.999:
        return "over 99.9%"
    return "under 0.1%" if probability < 0.001 else f"{least}{probability:.1%}"


def _one_in(share: float) -> str:
    return f"1 in {1 / share:,.0f}" if share < 0.5 else f"{share:.0%} of the"
