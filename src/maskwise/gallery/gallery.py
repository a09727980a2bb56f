"""What every gallery does, whatever engine keeps it."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from maskwise.errors import ConfigurationError, EncoderMismatchError, InputError
from maskwise.gallery.accounting import Accounting
from maskwise.gallery.records import (
    DeleteResult,
    EnrolResult,
    GallerySize,
    GalleryStats,
    MergeResult,
    NewReference,
    ProbeWear,
    SubjectDetails,
    SubjectSummary,
)
from maskwise.gallery.stored import StoredReference
from maskwise.models.readers import option_of
from maskwise.types import F32, Candidate, Template

if TYPE_CHECKING:
    from maskwise.gallery.encryption.care import Encryption
    from maskwise.gallery.encryption.keys import OwnerKey
    from maskwise.gallery.index_care import SearchIndex


def re_encode_to(encoder_id: str) -> str:
    """The command that moves a gallery to this encoder; for messages."""
    to = option_of(encoder_id).strip(" ()") or "--encoder ENCODER"
    return f"maskwise gallery re-encode {to}"


class Gallery(Accounting):
    """The store of enrolled people. Every engine keeps these promises.

    - A call that returns has been stored for good; a call that raises has changed nothing.
    - A gallery holds templates of one encoder: the one of its first enrolment. Once empty
      again it takes any. ``replace_templates`` alone moves it to another.
    - Names are what ``clean_name`` makes of them, so ``"é"`` is one name however it is typed.
    - It may be used by several threads; calls then wait for one another.
    - It may keep account of what is done with it, and of consent; see ``Accounting``.

    All methods raise StorageError when the store cannot be reached, read or written, and
    GalleryFormatError when what they read is damaged.
    """

    @property
    @abstractmethod
    def where(self) -> str:
        """The path or URL, without secrets; for messages."""

    @property
    def file(self) -> Path | None:
        """The file that holds it, beside which its calibration lies; None where there is none."""
        return None

    @property
    def search_index(self) -> SearchIndex | None:
        """The index beside its file, which large galleries are searched by; None: it needs none."""
        return None

    @property
    def key(self) -> OwnerKey | None:
        """What opened it, and opens its copies; None for a gallery in clear."""
        return None

    @property
    def encryption(self) -> Encryption | None:
        """What encrypts it and changes its keys; None where the engine does not encrypt."""
        return None

    @property
    @abstractmethod
    def encoder_id(self) -> str | None:
        """The encoder whose templates this gallery holds; None while it is empty."""

    @property
    @abstractmethod
    def encoder_space(self) -> str | None:
        """The space of its templates: they compare with all of that space; None while empty."""

    def check_encoder(self, encoder_id: str) -> None:
        """Raise EncoderMismatchError when the gallery holds templates of another encoder.

        For enrolment, which keeps to one encoder; ``check_comparable`` is for searches.
        """
        pinned = self.encoder_id
        if pinned is not None and pinned != encoder_id:
            raise another_encoder(self.where, pinned, encoder_id)

    def check_comparable(self, encoder_id: str, space: str = "") -> None:
        """Raise EncoderMismatchError unless probes of that encoder compare with the templates.

        They do when the encoder is the gallery's own, or both encoders are of one space.
        space: ``Encoder.space``; "": the id. An empty gallery takes every probe.
        """
        pinned, home = self.encoder_id, self.encoder_space
        if pinned in (None, encoder_id) or home == (space or encoder_id):
            return
        raise EncoderMismatchError(
            f"{self.where} holds templates of the encoder {pinned}, which cannot be compared with "
            f"those of {encoder_id}; use that encoder{option_of(pinned or '')}, or move the "
            f"gallery over: {re_encode_to(encoder_id)}"
        )

    def enrol(self, subject: str, references: Sequence[NewReference]) -> EnrolResult:
        """Store photos of one person, all or none.

        A photo (by its sha256) that the person has already keeps its reference: new templates
        replace those with the same ``Wear.label`` (a new bare or really masked one replaces
        the old one of either kind), the others stay, and ``masks`` are joined.
        Templates must be of the gallery's encoder (see ``check_encoder``).
        Raises InputError for a bad name or no references, and EncoderMismatchError.
        """
        return self.enrol_all([(subject, references)])[0]

    @abstractmethod
    def enrol_all(self, people: Iterable[tuple[str, Sequence[NewReference]]]) -> list[EnrolResult]:
        """Store photos of many people, all or none: ``enrol`` for each, in one transaction.

        people: names with references; it may be a generator, which must not use this gallery.
        Other writers wait until it ends. Raises as ``enrol``.
        """

    @abstractmethod
    def replace_templates(
        self,
        encoder_id: str,
        references: Iterable[tuple[str, NewReference | None]],
    ) -> GallerySize:
        """Give every reference templates of another encoder (or of the same): all or none.

        references: every reference of the gallery once, by its reference_id, with what is now
        known of the photo: templates (of ``encoder_id``), space, box, ipd_px and detector_id
        replace the stored ones; None removes the reference, and with the last one its person.
        Names, ids, times and kept faces stay (``kept`` is ignored); source, photo_sha256 and
        masks must be those stored. It may be a generator, which must not use this gallery. Returns
        what the gallery holds then. Raises InputError when references are missing, unknown, named
        twice, or changed meanwhile, or nobody would be left.
        """

    @abstractmethod
    def holds(
        self, subject: str, photo_sha256: str, masks: Sequence[str], *, kept: bool = False
    ) -> bool:
        """Whether that photo is enrolled for that person with at least these mask types.

        kept: and with a kept face.
        """

    @abstractmethod
    def templates(self, reference_id: str) -> list[Template]:
        """The templates of a reference, oldest first; SubjectError when there is none."""

    @abstractmethod
    def kept_face(self, reference_id: str) -> bytes | None:
        """What ``NewReference.kept`` was; None where no face was kept.

        SubjectError when there is no such reference.
        """

    @abstractmethod
    def export(self, after: str | None = None) -> Iterator[StoredReference]:
        """Every reference whole, with ids, times, templates and kept face: what ``restore`` takes.

        In a stable order: people in the order in which they were enrolled, and each one's
        photos likewise. after: a reference_id; only what follows it comes. Streams: memory does
        not grow with the gallery. The gallery may be used meanwhile; each reference is of one
        moment, but what is stored, changed or deleted meanwhile may come as it was before, as it
        is, or not at all. Raises SubjectError, at once, when there is no reference ``after``.
        """

    @abstractmethod
    def restore(self, records: Iterable[StoredReference]) -> int:
        """Store references as another gallery exported them, all or none, in one transaction.

        Ids, times, the order of ``export`` and every bit of the templates stay. What is there
        with the same content is left as it is, so a batch may come twice. records: may be a
        generator, which must not use this gallery. Returns how many references were stored.
        Raises InputError when a reference is there with other content, a person's id or name
        is another's, or a person has the photo under another id; EncoderMismatchError for
        templates of another encoder than the gallery's.
        """

    def loading(self) -> AbstractContextManager[None]:
        """Around many calls of ``restore``: what fast searches need may be made at the end."""
        return nullcontext()

    @abstractmethod
    def size(self) -> GallerySize:
        """Counts, as of now."""

    @abstractmethod
    def search(
        self, vectors: F32, *, wear: ProbeWear, top: int, other_wear_shift: float = 0.0
    ) -> list[list[Candidate]]:
        """The people nearest to each probe.

        vectors: (P, D) float32 of unit length. Returns P lists of at most ``top`` candidates,
        one a person (their best template), by falling score (cosine similarity, -1..1); equal
        scores keep the order in which the people were enrolled.
        wear "bare": only templates of bare faces count, and for a person without one, all of
        theirs; "masked": only virtually and really masked ones, and for a person without one,
        their bare ones. So everybody can be found. Templates of unknown wear count as bare.
        other_wear_shift: added to the scores of people without a template of the right kind, for
        the order alone: the two kinds of score do not mean the same, and the shift makes equal
        margins over their thresholds equal ranks. Candidates keep their own scores, which then
        need not fall.
        Raises InputError for arrays of another shape, dtype or length, and for top < 1.
        """

    @abstractmethod
    def people(self) -> list[SubjectSummary]:
        """Everybody, by name."""

    @abstractmethod
    def show(self, subject: str) -> SubjectDetails:
        """One person in detail; SubjectError when there is none of that name."""

    @abstractmethod
    def rename(self, old: str, new: str) -> None:
        """Change a name; SubjectError when ``old`` is not there or ``new`` is taken."""

    @abstractmethod
    def merge(self, subject: str, into: str) -> MergeResult:
        """Make one person of two: the photos of ``subject`` become those of ``into``.

        References keep ids, times and templates; one of a photo that ``into`` has already goes.
        Name, uid, consent and date of ``into`` stay, those of ``subject`` go, and so does every
        byte of them. All or nothing. SubjectError when one is not there, InputError when they are
        the same.
        """

    @abstractmethod
    def delete(self, subject: str) -> DeleteResult:
        """Delete a person with all references and templates, bytes and all.

        SubjectError when there is none of that name.
        """

    @property
    def keeps_calibration(self) -> bool:
        """Whether ``keep_calibration`` works."""
        return False

    def calibration(self) -> str | None:
        """The text of its own calibration (docs/calibration.md), where the engine keeps it.

        None where there is none, and for a file's, which lies beside the file.
        """
        return None

    def keep_calibration(self, text: str | None) -> None:
        """Keep a calibration in place of the one before; None takes that away.

        Raises ConfigurationError where the engine keeps none (``keeps_calibration``).
        """
        raise ConfigurationError(f"{self.where}: this gallery keeps no calibration of its own")

    @abstractmethod
    def stats(self) -> GalleryStats:
        """The gallery in figures."""

    @abstractmethod
    def save_copy(self, path: Path) -> None:
        """Write all that it holds, as it stands, to a new SQLite gallery file.

        The file appears whole; that of an encrypted gallery opens with the same key. Raises
        StorageError when it cannot be written or is there already.
        """

    @abstractmethod
    def integrity_check(self) -> list[str]:
        """One sentence for everything that is wrong; [] for a sound gallery."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; closing twice is fine. Other calls then raise StorageError."""

    def __enter__(self) -> Gallery:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def another_encoder(where: str, pinned: str, wanted: str) -> EncoderMismatchError:
    """The error for templates of ``wanted`` where the gallery keeps those of ``pinned``."""
    use = f"use that encoder{option_of(pinned)}"
    if pinned.split("/")[:2] == wanted.split("/")[:2]:  # one file, by other landmarks
        use = "use the detector that its people were enrolled with (--detector)"
    return EncoderMismatchError(
        f"{where} holds templates of the encoder {pinned}, and one gallery takes those of one "
        f"encoder, not also those of {wanted}; {use}, enrol into another gallery, or move this "
        f"one over: {re_encode_to(wanted)}"
    )


def check_probes(vectors: F32, top: int, wear: str, dim: int | None) -> None:
    """Raise InputError unless the arguments of ``search`` are sound (dim None: any width)."""
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype != np.float32:
        got = f"{vectors.shape} {vectors.dtype}" if isinstance(vectors, np.ndarray) else vectors
        raise InputError(f"search: expected (P, D) float32 probes, got {got}")
    if dim is not None and vectors.shape[1] != dim:
        raise InputError(
            f"search: this gallery's templates have {dim} numbers, the probes {vectors.shape[1]}"
        )
    lengths = np.linalg.norm(vectors, axis=1)
    if not (np.abs(lengths - 1) <= 1e-3).all():
        raise InputError(f"search: expected probes of unit length, got {lengths.tolist()[:5]}")
    if top < 1:
        raise InputError(f"search: top must be 1 or more, got {top}")
    if wear not in ("bare", "masked"):
        raise InputError(f"search: wear is 'bare' or 'masked', got {wear!r}")
