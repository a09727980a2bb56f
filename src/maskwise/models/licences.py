"""Licences that must be accepted before some weights are used; who accepted what, on this machine.

Weights that anyone may use for anything ship with maskwise and need no acceptance. Others are
read where the user has them, once the user has said yes to their terms: by ``maskwise models
accept NAME``, by ``accept`` below, or by naming them in the variable MASKWISE_ACCEPT_LICENCES.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from maskwise.errors import ConfigurationError, LicenceError, OutputError

ACCEPT_VARIABLE: Final = "MASKWISE_ACCEPT_LICENCES"
"""Environment: names of licences that count as accepted, with commas between."""


@dataclass(frozen=True, slots=True)
class Licence:
    """Terms that somebody must agree to.

    name: what ``accept`` takes. weights: what they are of. use: what they allow, in a few words.
    terms: for people, in our words. sources: where the terms stand in their authors' words.
    instead: what does without them. file, sha256: of the weights, where that is one file;
    those of several name the licence in the catalogue.
    """

    name: str
    weights: str
    use: str
    terms: str
    sources: tuple[str, ...]
    instead: str
    file: str = ""
    sha256: str = ""


_ALL: Final = {
    licence.name: licence
    for licence in (
        Licence(
            name="dlib-68-points",
            weights="dlib's 68-point shape predictor",
            use="iBUG 300-W data: no commercial use",
            terms=(
                "These weights were trained on the iBUG 300-W data set, whose licence excludes "
                "commercial use. Its makers hold that this goes for the trained weights too: "
                "they may not be part of a commercial product. For commercial use ask a lawyer, "
                "or Imperial College London."
            ),
            sources=(
                "https://github.com/davisking/dlib-models",
                "https://ibug.doc.ic.ac.uk/resources/300-W/",
            ),
            instead='the five points, which are free (the predictor "dlib5"; in '
            'maskwise.compat.face_recognition model="small")',
            file="shape_predictor_68_face_landmarks.dat",
            sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        ),
        Licence(
            name="insightface-models",
            weights="insightface's models (the buffalo, antelopev2 and raccoon packs)",
            use="non-commercial research only",
            terms=(
                "insightface's program is free for every use (MIT), its trained models are not: "
                "its authors allow them for non-commercial research alone, whichever way they "
                "reached you. That leaves out products, services and the door of an office. For "
                "commercial use its authors sell licences."
            ),
            sources=(
                "https://github.com/deepinsight/insightface#license",
                "https://github.com/deepinsight/insightface/tree/master/model_zoo",
            ),
            instead='the encoders that ship, "maskwise-v1" and "dlib-resnet-v1", or "sface" '
            "(maskwise models pull sface), all free for every use",
        ),
    )
}


_IN_WORDS: Final = {
    "CC0-1.0": "Free for every use: its author gave up all rights to it.",
    "MIT": "Free for every use, also commercial; the copyright notice goes with copies.",
    "Apache-2.0": "Free for every use, also commercial; licence and notices go with copies.",
    "BSD-3-Clause": "Free for every use, also commercial; the copyright notice goes with copies.",
}


def names() -> list[str]:
    """The names of all licences that may be accepted, sorted."""
    return sorted(_ALL)


def licence(name: str) -> Licence:
    """The terms called ``name``; ConfigurationError that lists all when there are none."""
    try:
        return _ALL[name]
    except KeyError:
        raise ConfigurationError(f"no licence {name!r}; there are: {', '.join(names())}") from None


def of_file(sha256: str) -> str:
    """The name of the licence under which the one file of this sha256 stands, else ""."""
    return next((one.name for one in _ALL.values() if sha256 and one.sha256 == sha256), "")


def in_words(licence: str) -> str:
    """What a licence allows, in a sentence; "" for one that we have none for."""
    return _IN_WORDS.get(licence, "")


def accept(name: str) -> Path:
    """Remember, for this user on this machine, that the terms called ``name`` are accepted.

    Returns the small file that says so; deleting it takes it back.
    Raises ConfigurationError when there are no such terms, OutputError when it cannot be written.
    """
    terms = licence(name)
    path = _record(name)
    text = (
        f"Accepted at {datetime.now(timezone.utc).isoformat(timespec='seconds')}: {name}\n"
        f"{terms.weights}: {terms.use}\n{terms.terms}\n" + "".join(f"{s}\n" for s in terms.sources)
    )
    new = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    try:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                new.write_text(text, encoding="utf-8")
                new.replace(path)
            finally:
                new.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"{path}: that you accept cannot be written down ({error.strerror or error}); make "
            f"the folder writable, or set {ACCEPT_VARIABLE}={name}"
        ) from error
    return path


def is_accepted(name: str) -> bool:
    """Whether the terms called ``name`` were accepted, by ``accept`` or by the environment.

    Raises ConfigurationError when there are no such terms, or the environment names others that
    there are not.
    """
    licence(name)
    return name in _in_environment() or _record(name).is_file()


def require(name: str) -> None:
    """LicenceError, which says how to accept and what to use instead, unless accepted."""
    terms = licence(name)
    if not is_accepted(name):
        raise LicenceError(
            f"{terms.weights} ({terms.use}) may be used after you accepted its licence: "
            f"`maskwise models accept {name}`, or set {ACCEPT_VARIABLE}={name}. "
            f"Otherwise use {terms.instead}"
        )


def _in_environment() -> set[str]:
    given = os.environ.get(ACCEPT_VARIABLE, "")
    wanted = {name.strip() for name in given.split(",")} - {""}
    unknown = sorted(wanted - set(_ALL))
    if unknown:
        raise ConfigurationError(
            f"{ACCEPT_VARIABLE}: no licence {unknown[0]!r}; there are: {', '.join(names())}"
        )
    return wanted


def _record(name: str) -> Path:
    import platformdirs

    folder = Path(platformdirs.user_data_dir("maskwise", appauthor=False))
    return folder / "accepted-licences" / f"{name}.txt"
