"""One run of ``maskwise mask``: names, what is there already, the work, the manifest."""

from __future__ import annotations

import contextlib
import hashlib
import signal
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

import click

from maskwise.cli.files import (
    OutputFolder,
    nothing_more_fits,
    write_file,
    write_matte,
    write_picture,
)
from maskwise.cli.identify import NO_FACE_REMEDY
from maskwise.cli.inputs import Photo, find_photos
from maskwise.cli.mask_options import finder
from maskwise.cli.options import Tools
from maskwise.cli.output import Progress, naming, print_json, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import OutputError

if TYPE_CHECKING:
    from maskwise.mask_dataset import Plan
    from maskwise.mask_dataset.faces import Place
    from maskwise.mask_dataset.journal import Done, Journal
    from maskwise.mask_dataset.work import Job, Outcome, Target
    from maskwise.types import U8, Image

_WORDS: Final = {
    "bare": "no face that can wear a mask",
    "no_face": "no face found",
    "unreadable": "not readable",
    "not_written": "not written",
    "failed": "failed",
}


@dataclass(frozen=True, slots=True)
class PictureWriter:
    """Files as every command writes them; is pickled for the processes."""

    def picture(self, path: Path, picture: Image, text: str) -> bytes:
        """Write a picture with ``text`` in its metadata."""
        return write_picture(path, picture, text)

    def matte(self, path: Path, alpha: U8) -> bytes:
        """Write what is covered."""
        return write_matte(path, alpha)

    def file(self, path: Path, data: bytes) -> None:
        """Write any other file."""
        write_file(path, data)


class Run:
    """Photos in, masked photos and their manifest out."""

    def __init__(self, tools: Tools, plan: Plan, given: Mapping[str, Any]) -> None:
        self._plan, self._given = plan, given
        self._finder = finder(tools, given)
        self.problems: list[str] = []
        self._left_out: Counter[str] = Counter()
        self._bare = self._written = self._there = 0
        self._known: Mapping[str, tuple[Place, ...]] | None = None

    def go(self) -> int:
        """All of it; the exit code."""
        given = self._given
        if given["landmarks"] is not None:
            from maskwise.mask_dataset.known import read_landmarks

            self._known = read_landmarks(given["landmarks"])
        photos = find_photos(given["paths"], self._skip, leave_out=given["out"])
        output = OutputFolder(given["out"], (photo.path for photo in photos))
        listed = given["manifest"] or (
            "both" if any(Path(p).is_dir() for p in given["paths"]) else "none"
        )
        with contextlib.ExitStack() as open_files, _stopping() as stop:
            journal = None
            if listed != "none":
                photos = self._one_of_a_name(photos)
                journal = self._journal(output)
                open_files.callback(journal.close)
                _sweep(given["out"])
            jobs = self._jobs(photos, output, journal)
            started = time.monotonic()
            interrupted, fatal = False, None
            try:
                fatal = self._work(jobs, output, journal, stop)
            except KeyboardInterrupt:
                interrupted = True
            interrupted = interrupted or stop.asked
            if interrupted:
                remark(
                    "interrupted: the pictures written so far are whole and kept"
                    + ("; the same command goes on from there" if journal is not None else "")
                )
            manifests = []
            if journal is not None and fatal is None:
                manifests = self._write_manifest(journal, listed, photos, output)
        self._summary(manifests, time.monotonic() - started, interrupted)
        if fatal is not None:
            raise OutputError(
                f"{fatal}; stopped: what was written is whole, and the same command goes on "
                "from there"
            )
        return INTERRUPTED if interrupted else SKIPPED if self.problems else OK

    # Before the work.

    def _journal(self, output: OutputFolder) -> Journal:
        from maskwise.mask_dataset.journal import NAME, Journal

        begun = (output.folder / NAME).exists()
        names = {} if begun else {e: output.name(Path(f"manifest.{e}")).name for e in _ENDINGS}
        journal = Journal(output.folder, self._settings(), {"manifest": names})
        for name in journal.head["manifest"].values():
            output.take(output.folder / name)
        return journal

    def _settings(self) -> dict[str, Any]:
        """What the files hang on; a folder takes the masks of one set of settings."""
        from maskwise.mask_dataset.faces import Detected

        kept = {k: self._given[k] for k in ("ending", "alpha", "sidecar", "copy_originals")}
        kept["aligned"] = self._given["aligned"]
        if self._known is not None:
            content = self._given["landmarks"].read_bytes()
            kept["landmarks"] = hashlib.sha256(content).hexdigest()
        elif isinstance(self._finder, Detected):
            models = self._finder.recognizer.models
            kept["models"] = {k: models[k] for k in ("detector", "landmarks")}
        return {**self._plan.settings(), **kept}

    def _one_of_a_name(self, photos: list[Photo]) -> list[Photo]:
        """A manifest names photos as they lie in the folder given: a name stands for one."""
        first: dict[str, Photo] = {}
        for photo in photos:
            other = first.setdefault(photo.relative.as_posix(), photo)
            if other is not photo:
                self._skip(
                    f"{photo.shown}: {other.shown} has the same name; mask the folders one by "
                    "one, each with an --out of its own"
                )
        return list(first.values())

    def _jobs(
        self, photos: list[Photo], output: OutputFolder, journal: Journal | None
    ) -> list[Job]:
        """What is to do, with names. What a journal says is there keeps its names."""
        from maskwise.mask_dataset.work import RETRIED, Job

        todo = []
        for photo in photos:
            relative = photo.relative.as_posix()
            done = None if journal is None else journal.done.get(relative)
            if (
                journal is None
                or done is None
                or done.status in RETRIED
                or not journal.still_holds(relative, photo.shown, output.folder)
            ):
                for name in () if done is None else done.files:
                    output.own(output.folder / name)
                todo.append(photo)
                continue
            for name in done.files:
                output.take(output.folder / name)
            self._there += done.pictures
            for message in self._count(photo.shown, done):
                remark(message)
        jobs = []
        for photo in todo:
            targets = tuple(self._targets(photo, output))
            original = None
            if self._given["copy_originals"]:
                copy = output.copy_name(photo.relative, photo.path)
                original = copy.relative_to(output.folder).as_posix()
            relative = photo.relative.as_posix()
            places = None if self._known is None else self._known.get(relative, ())
            jobs.append(Job(photo.shown, relative, targets, original, places))
        return jobs

    def _targets(self, photo: Photo, output: OutputFolder) -> Iterator[Target]:
        from maskwise.mask_dataset.work import Target

        def name(path: Path) -> str:
            return output.name(path).relative_to(output.folder).as_posix()

        for look in self._plan.looks():
            stem = f"{photo.relative.stem}_{look.label}"
            picture = name(photo.relative.with_name(f"{stem}.{self._given['ending']}"))
            alpha = sidecar = None
            if self._given["alpha"]:
                alpha = name(Path(picture).with_name(f"{Path(picture).stem}_alpha.png"))
            if self._given["sidecar"]:
                sidecar = name(Path(f"{picture}.json"))
            yield Target(look, picture, alpha, sidecar)

    # The work.

    def _work(
        self,
        jobs: list[Job],
        output: OutputFolder,
        journal: Journal | None,
        stop: Stop,
    ) -> str | None:
        """Do the jobs; why it was stopped, where nothing more can be written."""
        from maskwise.mask_dataset.crew import outcomes, usual_workers
        from maskwise.mask_dataset.work import Workshop

        workers = self._given["workers"] or usual_workers(len(jobs))
        shop = Workshop(output.folder, self._plan, self._finder, PictureWriter(), nothing_more_fits)
        with Progress("drawing masks", len(jobs), unit="photos") as progress:
            results = outcomes(shop, jobs, workers, lambda: stop.asked)
            with contextlib.closing(results):
                for job, outcome in results:
                    for message in self._count(job.source, outcome):
                        progress.remark(message)
                    self._written += outcome.pictures
                    if outcome.fatal:
                        return outcome.reason
                    if journal is not None:
                        journal.add(outcome, job.source)
                    progress.advance()
        return None

    def _count(self, source: str, what: Outcome | Done) -> Iterator[str]:
        """Count what was left out, and say it."""
        if what.status != "masked":
            self._left_out[what.status] += 1
            reason = what.reason
            if what.status == "no_face":
                reason += f"; {NO_FACE_REMEDY}"
            self.problems.append(naming(source, reason))
            yield f"skipped {self.problems[-1]}"
        else:
            self._bare += len(what.bare)
            for reason in what.bare:
                yield f"{source}: left bare: {reason}"

    # After it.

    def _write_manifest(
        self, journal: Journal, listed: str, photos: list[Photo], output: OutputFolder
    ) -> list[Path]:
        """All that the journal holds and that is still there, sorted by photo."""
        from maskwise.evaluate.files import written_at_once
        from maskwise.mask_dataset.manifest import Manifest

        asked = {photo.relative.as_posix() for photo in photos}
        names = sorted(
            (n for n in journal.done if n in asked or journal.still_holds(n, None, output.folder)),
            key=lambda name: name.split("/"),
        )
        endings = _ENDINGS if listed == "both" else (listed,)
        paths = [output.folder / journal.head["manifest"][ending] for ending in endings]
        with contextlib.ExitStack() as stack:
            files = {p.suffix: stack.enter_context(written_at_once(p)) for p in paths}
            manifest = Manifest(files.get(".csv"), files.get(".jsonl"))
            for name in names:
                manifest.add(journal.rows(name))
            manifest.flush()
        return paths

    def _summary(self, manifests: list[Path], seconds: float, interrupted: bool) -> None:
        out, left_out = self._given["out"], dict(sorted(self._left_out.items()))
        if self._given["as_json"]:
            print_json(
                {
                    "out": str(out),
                    "pictures": {"written": self._written, "there": self._there},
                    "photos_left_out": left_out,
                    "faces_left_bare": self._bare,
                    "problems": self.problems,
                    "manifest": [str(path) for path in manifests],
                    "seconds": round(seconds, 3),
                    "interrupted": interrupted,
                }
            )
        text = f"{_counted(self._written, 'picture')} written to {out}"
        if self._there:
            text += f", {self._there} were there"
        click.echo(text, err=True)
        if left_out:
            parts = ", ".join(f"{n} {_WORDS[status]}" for status, n in left_out.items())
            click.echo(f"{_counted(sum(left_out.values()), 'photo')} left out: {parts}", err=True)
        if self._bare:
            click.echo(f"{_counted(self._bare, 'face')} left bare", err=True)
        for path in manifests:
            click.echo(f"manifest   {path}", err=True)

    def _skip(self, message: str) -> None:
        self.problems.append(message)
        remark(f"skipped {message}")


_ENDINGS: Final = ("csv", "jsonl")


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed left half-written."""
    for path in folder.rglob(".maskwise-*"):
        with contextlib.suppress(OSError):
            path.unlink()


@dataclass(slots=True)
class Stop:
    """Whether Ctrl-C was pressed."""

    asked: bool = False


@contextlib.contextmanager
def _stopping() -> Iterator[Stop]:
    """The first Ctrl-C asks for a stop after the photos under way; the second is as usual."""
    stop = Stop()

    def ask(number: int, frame: FrameType | None) -> None:
        if stop.asked:
            raise KeyboardInterrupt
        stop.asked = True

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:  # not in the main thread
        yield stop
        return
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
