"""What a process does with a photo: everything but knowing what is enrolled, and storing."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from maskwise import image
from maskwise.answers import PhotoReport
from maskwise.crew import DIED
from maskwise.enrolment import Asked, Looked, look
from maskwise.errors import ConfigurationError
from maskwise.masks.catalogue import DRAWING_VERSION
from maskwise.stages import Stages

NO_PHOTO: Final = -1
"""The ``photo`` of a job without one: nothing is looked at, and it comes back."""


@dataclass(frozen=True, slots=True)
class PhotoJob:
    """One photo: whose (by number), which of theirs, its name, and its content."""

    person: int
    photo: int
    name: str
    content: bytes = field(repr=False)


def _made_by() -> tuple[str, int]:
    from maskwise import __version__

    return __version__, DRAWING_VERSION


@dataclass(frozen=True, slots=True, eq=False)
class Workshop:
    """A ``crew.Workshop`` that looks at photos. Is pickled for every process.

    make: gives the stages, in the process; pickled too. models: the ids that these must have
    (``Stages.models``); they hold the hash of each file of weights.
    """

    make: Callable[[], Stages]
    asked: Asked
    models: Mapping[str, str]
    made_by: tuple[str, int] = field(default_factory=_made_by)
    token: str = field(default_factory=lambda: secrets.token_hex(16))
    """Tells this one from others, also where it was pickled."""

    def do(self, job: PhotoJob) -> Looked:
        """Look at one photo.

        Raises ConfigurationError where this process has other models than whoever asks, or
        another maskwise: its templates would not fit.
        """
        if job.photo == NO_PHOTO:
            return Looked(PhotoReport(job.name, "already"))
        with _lock:  # stages are for one thread, and a worker of a cluster may have several
            stages = _stages_of(self)
            return look(
                stages,
                self.asked,
                job.name,
                lambda: (
                    image.decode(job.content, job.name),
                    hashlib.sha256(job.content).hexdigest(),
                ),
            )

    def failed(self, job: PhotoJob, reason: str = DIED) -> Looked:
        """The outcome of a photo over which its process ended."""
        return Looked(PhotoReport(job.name, "unreadable", f"{job.name}: {reason}"))


_lock = threading.Lock()
_made: tuple[str, Stages] | None = None


def _stages_of(workshop: Workshop) -> Stages:
    global _made  # noqa: PLW0603  models are opened once a process
    if _made is None or _made[0] != workshop.token:
        mine = _made_by()
        if mine != workshop.made_by:
            raise ConfigurationError(
                f"a worker has maskwise {mine[0]} and draws masks by version {mine[1]}, this is "
                f"{workshop.made_by[0]} with version {workshop.made_by[1]}; install the same on "
                "every machine"
            )
        stages = workshop.make()
        for stage, wanted in workshop.models.items():
            if stages.models[stage] != wanted:
                raise ConfigurationError(
                    f"a worker has the {stage} {stages.models[stage]}, and this is {wanted}; put "
                    "the same models on every machine (maskwise models list)"
                )
        _made = workshop.token, stages
    return _made[1]
