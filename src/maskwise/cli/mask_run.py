"""One run of ``maskwise mask``: names, what is there already, the work, the manifest."""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from maskwise.cli.files import (
    OutputFolder,
    nothing_more_fits,
    write_file,
    write_matte,
    write_picture,
)
from maskwise.cli.inputs import Photo, find_photos
from maskwise.cli.mask_options import finder
from maskwise.cli.mask_tally import Tally
from maskwise.cli.options import Tools
from maskwise.cli.output import Progress, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.cli.stopping import Stop, stopping
from maskwise.errors import OutputError

if TYPE_CHECKING:
    from maskwise.mask_dataset import Plan
    from maskwise.mask_dataset.faces import Place
    from maskwise.mask_dataset.journal import Journal
    from maskwise.mask_dataset.work import Job, Target
    from maskwise.types import U8, Image


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
        self._tally = Tally()
        self._known: Mapping[str, tuple[Place, ...]] | None = None

    def go(self) -> int:
        """All of it; the exit code."""
        given = self._given
        if given["landmarks"] is not None:
            from maskwise.mask_dataset.known import read_landmarks

            self._known = read_landmarks(given["landmarks"])
        photos = find_photos(given["paths"], self._skip, given["out"])
        output = OutputFolder(given["out"], (photo.path for photo in photos))
        listed = given["manifest"] or (
            "both" if any(Path(p).is_dir() for p in given["paths"]) else "none"
        )
        with contextlib.ExitStack() as open_files, stopping() as stop:
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
        if given["as_json"]:
            seconds = time.monotonic() - started
            self._tally.as_json(given["out"], manifests, seconds, interrupted)
        self._tally.as_text(given["out"], manifests)
        if fatal is not None:
            raise OutputError(
                f"{fatal}; stopped: what was written is whole, and the same command goes on "
                "from there"
            )
        return INTERRUPTED if interrupted else SKIPPED if self._tally.problems else OK

    def _skip(self, message: str) -> None:
        self._tally.problems.append(message)
        remark(f"skipped {message}")

    # Before the work.

    def _journal(self, output: OutputFolder) -> Journal:
        from maskwise.mask_dataset.journal import Journal

        # A journal that is there has names of its own.
        names = {e: output.name(Path(f"manifest.{e}")).name for e in _ENDINGS}
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
            self._tally.there += done.pictures
            for message in self._tally.count(photo.shown, done):
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
        from maskwise.crew import outcomes, usual_workers
        from maskwise.mask_dataset.work import Workshop

        workers = min(self._given["workers"] or usual_workers(len(jobs)), len(jobs))
        shop = Workshop(output.folder, self._plan, self._finder, PictureWriter(), nothing_more_fits)
        with Progress("drawing masks", len(jobs), unit="photos") as progress:
            results = outcomes(shop, jobs, workers, lambda: stop.asked)
            with contextlib.closing(results):
                for job, outcome in results:
                    for message in self._tally.count(job.source, outcome):
                        progress.remark(message)
                    self._tally.written += outcome.pictures
                    if outcome.fatal:
                        return outcome.reason
                    if journal is not None:
                        journal.add(outcome, job.source)
                    progress.advance()
        return None

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


_ENDINGS: Final = ("csv", "jsonl")


def _sweep(folder: Path) -> None:
    """Remove what a run that was killed left half-written."""
    for path in folder.rglob(".maskwise-*"):
        with contextlib.suppress(OSError):
            path.unlink()
