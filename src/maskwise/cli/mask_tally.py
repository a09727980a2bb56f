"""What became of the photos of a run of ``maskwise mask``, counted and said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from maskwise.cli.identify import NO_FACE_REMEDY
from maskwise.cli.output import naming, print_json

if TYPE_CHECKING:
    from maskwise.mask_dataset.journal import Done
    from maskwise.mask_dataset.work import Outcome

_WORDS: Final = {
    "bare": "no face that can wear a mask",
    "no_face": "no face found",
    "unreadable": "not readable",
    "not_written": "not written",
    "failed": "failed",
}


@dataclass(slots=True)
class Tally:
    """Pictures written now and there before, what was left out and why."""

    written: int = 0
    there: int = 0
    bare: int = 0
    left_out: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    def count(self, source: str, what: Outcome | Done) -> Iterator[str]:
        """Count what was left out of a photo, and say it."""
        from maskwise.mask_dataset.work import NO_FACE

        if what.status == "masked":
            self.bare += len(what.bare)
            for reason in what.bare:
                yield f"{source}: left bare: {reason}"
            return
        self.left_out[what.status] += 1
        remedy = f"; {NO_FACE_REMEDY}" if what.reason == NO_FACE else ""
        self.problems.append(naming(source, what.reason + remedy))
        yield f"skipped {self.problems[-1]}"

    def as_json(
        self, out: Path, manifests: Sequence[Path], seconds: float, interrupted: bool
    ) -> None:
        """One object on stdout."""
        print_json(
            {
                "out": str(out),
                "pictures": {"written": self.written, "there": self.there},
                "photos_left_out": dict(sorted(self.left_out.items())),
                "faces_left_bare": self.bare,
                "problems": self.problems,
                "manifest": [str(path) for path in manifests],
                "seconds": round(seconds, 3),
                "interrupted": interrupted,
            }
        )

    def as_text(self, out: Path, manifests: Sequence[Path]) -> None:
        """A few lines on stderr."""
        there = f", {self.there} were there" if self.there else ""
        click.echo(f"{_counted(self.written, 'picture')} written to {out}{there}", err=True)
        if self.left_out:
            parts = ", ".join(f"{n} {_WORDS[key]}" for key, n in sorted(self.left_out.items()))
            total = _counted(sum(self.left_out.values()), "photo")
            click.echo(f"{total} left out: {parts}", err=True)
        if self.bare:
            click.echo(f"{_counted(self.bare, 'face')} left bare", err=True)
        for path in manifests:
            click.echo(f"manifest   {path}", err=True)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
