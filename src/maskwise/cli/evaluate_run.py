"""What the commands that make scores have in common: cache, progress, score files, report."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

import click

from maskwise.cli.evaluate_options import Common
from maskwise.cli.options import Tools
from maskwise.cli.output import Progress, naming, print_json, printable, remark
from maskwise.cli.status import INTERRUPTED, OK, SKIPPED
from maskwise.errors import ConfigurationError, EvaluationError, OutputError

if TYPE_CHECKING:
    from maskwise.evaluate.report import Report
    from maskwise.evaluate.run import Maker
    from maskwise.evaluate.scores import Scores
    from maskwise.evaluate.searches import Searches
    from maskwise.evaluate.template_cache import TemplateCache
    from maskwise.evaluate.templates import Progress as Made

_SCORES: Final = "scores"
_MOST_NAMED: Final = 10
_STAGES: Final = {"faces": "faces", "masks": "masks on references"}
_LEAST_REPLICATES: Final = 200
_BUDGET: Final = 200_000_000
"""Trials times replicates of one bootstrap: about six seconds on one core."""
_NOT_REPEATED: Final = {"out", "cache", "no_cache", "as_json"}


def named_runs(
    kind: str, reference_wears: Sequence[str], probe_wears: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Name of the scores -> what references and probes wear: every one with every other.

    Raises ConfigurationError for a word that is no wear.
    """
    from maskwise.evaluate.looks import probe_look, reference_looks

    references = list(dict.fromkeys(reference_wears))
    runs: dict[str, tuple[str, str]] = {}
    for reference, probe in itertools.product(references, dict.fromkeys(probe_wears)):
        reference_looks(reference)
        probe_look(probe)
        against = f"-vs-{_plain(reference)}" if len(references) > 1 else ""
        runs[f"{kind}-{_plain(probe)}{against}"] = reference, probe
    return runs


def _plain(wear: str) -> str:
    """``virtual:n95,cloth`` as part of a name: ``n95-cloth``."""
    words = {"none": "bare", "virtual:all": "masked"}.get(wear, wear.removeprefix("virtual:"))
    return re.sub("[^a-z0-9]+", "-", words.lower())


class Rounds:
    """A bar for each round over the photos; ``what`` is the name of the scores being made."""

    def __init__(self) -> None:
        self.what = ""
        self._stage: tuple[str, str] | None = None
        self._bar: Progress | None = None
        self._done = 0

    def __call__(self, made: Made) -> None:
        """One photo more."""
        if self._stage != (self.what, made.stage) or made.done <= self._done:
            self.close()
            self._stage, self._done = (self.what, made.stage), 0
            self._bar = Progress(f"{self.what}: {_STAGES[made.stage]}", made.total).__enter__()
        assert self._bar is not None
        self._bar.advance(made.done - self._done)
        self._done = made.done
        if made.done == made.total:
            self.close()

    def close(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None


class Run:
    """One command's work: ``with Run(...) as run``, scores by ``keep``, the rest by ``finish``.

    out: of the command, which may not lie in one of ``folders``, that are searched for photos.
    names: of the scores to come; files of others that have such a name are never replaced.
    """

    def __init__(
        self,
        ctx: click.Context,
        tools: Tools,
        common: Common,
        out: Path,
        *,
        names: Sequence[str],
        folders: Sequence[str] = (),
    ) -> None:
        self._ctx, self._tools, self._common = ctx, tools, common
        self.out = out
        self.parts: dict[str, Scores | Searches] = {}
        self._files: list[Path] = []
        self._rounds = Rounds()
        self._stack = contextlib.ExitStack()
        self._check(names, folders)

    def __enter__(self) -> Run:
        from maskwise.evaluate.run import Maker

        common = self._common
        given = {"detector": common.detector, "encoder": common.encoder}
        recognizer = self._tools.recognizer(**{k: v for k, v in given.items() if v is not None})
        cache = self._stack.enter_context(_open_cache(common))
        self._stack.callback(self._rounds.close)
        self.maker: Maker = Maker(
            recognizer, cache, common.several_faces, common.seed, self._rounds
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            remark(
                "interrupted; with --no-cache nothing was kept"
                if self._common.no_cache
                else "interrupted; running the same command again goes on from there"
            )
            self._ctx.exit(INTERRUPTED)

    def begin(self, name: str) -> None:
        """What the bars are of from now on."""
        self._rounds.what = name

    def keep(self, name: str, made: Scores | Searches) -> None:
        """Write the score file."""
        from maskwise.cli.files import make_folder
        from maskwise.evaluate.score_file import write_scores

        path = self._path(name)
        make_folder(path.parent)
        write_scores(path, made)
        self._files.append(path)
        self.parts[name] = made

    def finish(
        self, images: Path, *, target_fmrs: Sequence[float] = (), target_fpirs: Sequence[float] = ()
    ) -> None:
        """Tables, page, JSON, and the exit code. images: what the photos' paths are below."""
        from maskwise.cli.evaluate_json import figures_json
        from maskwise.cli.evaluate_tables import figures, print_figures

        common = self._common
        self._name_unread()
        found = figures(
            self.parts,
            target_fmrs=target_fmrs,
            target_fpirs=target_fpirs,
            replicates=self._replicates(),
            seed=common.seed,
        )
        if not common.as_json:
            print_figures(found)
            click.echo()
        report = None if common.no_report else self._report(images, target_fmrs, target_fpirs)
        if common.as_json:
            print_json(
                {
                    "out": str(self.out),
                    "scores": [str(path) for path in self._files],
                    "page": None if report is None else str(report.page),
                    "parts": figures_json(found),
                    "unread": self.maker.unread,
                }
            )
        else:
            click.echo(f"scores: {printable(str(self.out / _SCORES))}")
            if report is not None:
                click.echo(f"report: {printable(str(report.page))}")
        lost = self.maker.unread or (report is not None and report.not_shown)
        self._ctx.exit(SKIPPED if lost else OK)

    def _report(
        self, images: Path, target_fmrs: Sequence[float], target_fpirs: Sequence[float]
    ) -> Report:
        from maskwise.evaluate.report import write_report

        common = self._common
        targets: dict[str, Any] = {}
        if target_fmrs:
            targets["target_fmr"] = min(target_fmrs)
        if target_fpirs:
            targets["target_fpir"] = min(target_fpirs)
        with Progress("report", len(self.parts)) as progress:
            report = write_report(
                self.parts,
                self.out,
                images=images,
                thumbnails=not common.no_thumbnails,
                find_face=self.maker.face_box,
                replicates=self._replicates(),
                seed=common.seed,
                command=self._command_line(),
                on_part=lambda _: progress.advance(),
                **targets,
            )
        for photo, why in report.not_shown.items():
            remark(f"no thumbnail of {photo}: {why}")
        return report

    def _replicates(self) -> int:
        """As many in the tables as in the page."""
        from maskwise.evaluate.intervals import REPLICATES

        if self._common.replicates is not None:
            return self._common.replicates
        most = max(map(len, self.parts.values()), default=0)
        return min(REPLICATES, max(_LEAST_REPLICATES, _BUDGET // max(most, 1)))

    def _path(self, name: str) -> Path:
        return self.out / _SCORES / f"{name}.npz"

    def _check(self, names: Sequence[str], folders: Sequence[str]) -> None:
        place = Path(os.path.realpath(self.out))
        for folder in folders:
            if Path(os.path.realpath(folder)) in (place, *place.parents):
                raise ConfigurationError(
                    f"{self.out} lies in {folder}, whose pictures would then count the report's "
                    "among them; name another folder with --out"
                )
        from maskwise.evaluate.score_file import read_any

        self._check_out()
        for path in map(self._path, names):
            if path.exists():
                try:
                    read_any(path)
                except EvaluationError as error:
                    raise ConfigurationError(
                        f"{path} is there and is no score file of this maskwise; move it, or name "
                        "another folder with --out"
                    ) from error

    def _check_out(self) -> None:
        """Before the slow part, whose scores would then have no place."""
        from maskwise.evaluate.report.write import check_folder

        if not self._common.no_report:
            check_folder(self.out)
        scores = self.out / _SCORES
        nearest = next(path for path in (scores, *scores.parents) if os.path.lexists(path))
        if not nearest.is_dir():
            raise ConfigurationError(f"{nearest} is a file; name another folder with --out")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise OutputError(
                f"{self.out}: no permission to write to {nearest}; name another folder with --out"
            )

    def _name_unread(self) -> None:
        unread = self.maker.unread
        for photo in list(unread)[:_MOST_NAMED]:
            remark(f"counted as a failure: {naming(photo, unread[photo])}")
        if len(unread) > _MOST_NAMED:
            remark(f"... and {len(unread) - _MOST_NAMED} photos more, all in the report")

    def _command_line(self) -> str:
        """As it could be typed again, without what only says where to write."""
        words = ["maskwise", "evaluate", str(self._ctx.command.name)]
        for parameter in self._ctx.command.params:
            source = self._ctx.get_parameter_source(parameter.name or "")
            if source is None or source.name != "COMMANDLINE" or parameter.name in _NOT_REPEATED:
                continue
            value = self._ctx.params[parameter.name or ""]
            for one in value if isinstance(value, tuple) else (value,):
                if isinstance(parameter, click.Option):
                    words.append(parameter.opts[0])
                words += [] if one is True else [str(one)]
        return shlex.join(words)


def _open_cache(common: Common) -> TemplateCache:
    from maskwise.evaluate.template_cache import TemplateCache

    if common.no_cache:
        if common.cache is not None:
            raise ConfigurationError("--cache and --no-cache contradict each other; give one")
        return TemplateCache.in_memory()
    return TemplateCache.open(common.cache)
