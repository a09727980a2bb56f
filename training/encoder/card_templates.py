"""The templates that the model card compares: by one encoder, and of flat masks too.

All go to the cache in ``training/work/``, so that nothing is made twice. Pictures in flat masks
(benchmarks/flat_masks.py) are drawn once, by dlib's five points of the dominant face and the same
for each encoder, and lie there too: git ignores the folder.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import cv2
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "benchmarks"))
import flat_masks
from card_trials import Lfw, Mfr2
from photos import WORK, data_folder

from maskwise import Recognizer, image
from maskwise.errors import ImageError, InputError
from maskwise.evaluate.looks import AS_IS, Look, probe_look, reference_looks
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.template_maker import WORN, Photo, TemplateMaker
from maskwise.evaluate.templates import PhotoTemplates, Progress, make_templates
from maskwise.types import Landmarks

SEED = 0
"""Of the masks on probes: ``maskwise evaluate``'s default."""
BARE: tuple[Look, ...] = (AS_IS,)
REFERENCES = reference_looks("virtual:default")
MASKED = probe_look("virtual:all", SEED)
FLAT = "flat-"
"""What the types of flat masks begin with, among what probes wear."""

Told = Callable[[], object]
Looks = Sequence[Look]


@dataclass(frozen=True)
class Made:
    """What one encoder's pipeline made of all photos. own: of LFW's own pairs."""

    recognizer: Recognizer
    lfw: PhotoTemplates
    own: PhotoTemplates
    flat: PhotoTemplates
    mfr2: PhotoTemplates


@dataclass(frozen=True)
class Flat:
    """Pictures in flat masks, below ``folder``. kind: of each photo, "" for one that got none.

    failure: why there is no picture, "" where there is one. Both are P words.
    """

    folder: Path
    kinds: tuple[str, ...]
    failures: tuple[str, ...]


def made_by(
    recognizers: Sequence[Recognizer], lfw: Lfw, mfr2: Mfr2, bar: Callable[[str, int], Told]
) -> list[Made]:
    """The templates of each recognizer; flat masks are drawn by the first one's landmarks.

    bar: a progress bar of a name and a total.
    """
    photos = lfw.every.photos
    lfw_folder, mfr2_folder = (data_folder() / name for name in ("lfw-dev", "mfr2-dev"))
    with TemplateCache.open(WORK / "templates") as cache:
        told = bar("flat masks", len(photos))
        flat = draw_flat(recognizers[0], cache, lfw_folder, photos, told)

        def made(one: Recognizer) -> Made:
            name = one.encoder.id.partition("/")[0]

            def of(what: str, folder: Path, names: Sequence[str], looks: Looks) -> PhotoTemplates:
                told = bar(f"{what}, {name}", len(names))
                return templates((one, cache), folder, names, looks, told)

            return Made(
                one,
                of("LFW", lfw_folder, photos, (*REFERENCES, MASKED)),
                of("LFW's own pairs", lfw_folder, lfw.own.photos, BARE),
                as_worn(
                    of("flat masks", flat.folder, list(map(as_png, photos)), BARE), photos, flat
                ),
                of("MFR2", mfr2_folder, mfr2.every.photos, REFERENCES),
            )

        return [made(one) for one in recognizers]


def templates(
    maker: tuple[Recognizer, TemplateCache],
    folder: Path,
    photos: Sequence[str],
    looks: Looks,
    told: Told,
) -> PhotoTemplates:
    def on_photo(_: Progress) -> None:
        told()

    recognizer, cache = maker
    return make_templates(recognizer, folder, photos, looks, cache=cache, on_photo=on_photo)


def draw_flat(
    recognizer: Recognizer, cache: TemplateCache, folder: Path, photos: Sequence[str], told: Told
) -> Flat:
    """One flat mask on the dominant face of each photo, of a type drawn by the photo's content.

    recognizer: finds faces and the points that masks are placed by. A face that wears a mask gets
    none on top. Pictures that are there are not drawn again.
    """
    code = Path(flat_masks.__file__).read_bytes()
    made_by = f"{recognizer.detector.id} {recognizer.predictor.id} {SEED}"
    out = WORK / f"flat-{hashlib.sha256(made_by.encode() + code).hexdigest()[:8]}"
    kinds, failures = [], []
    wanted = [(folder / name, ()) for name in photos]
    known = TemplateMaker(recognizer, cache).photos(wanted)
    for name, photo in zip(photos, known, strict=True):
        kind, failure = _draw(folder / name, photo, recognizer, out / as_png(name))
        kinds.append(kind)
        failures.append(failure)
        told()
    return Flat(out, tuple(kinds), tuple(failures))


def as_png(photo: str) -> str:
    return str(PurePosixPath(photo).with_suffix(".png"))


def flat_kind(photo_sha256: str) -> tuple[str, int]:
    """The type of flat mask on a photo, and the seed that scatters its corners."""
    identity = np.frombuffer(bytes.fromhex(photo_sha256), ">u4").tolist()
    rng = np.random.default_rng([SEED, *identity])
    return str(rng.choice(list(flat_masks.KINDS))), int(rng.integers(1, 1 << 31))


def _draw(path: Path, photo: Photo, recognizer: Recognizer, target: Path) -> tuple[str, str]:
    """The kind that was drawn, and why nothing was."""
    plain = photo.plain
    if photo.failure or plain is None or plain.place is None:
        return "", photo.failure or "no_face"
    kind, seed = flat_kind(photo.sha256)
    bare = plain.mask < WORN
    if not target.exists():
        pixels = image.load(path).pixels
        if bare:
            table = plain.place[4:].reshape(-1, 3)
            points = Landmarks(recognizer.predictor.scheme, table[:, :2], table[:, 2] > 0)
            try:
                pixels, _ = flat_masks.wear(pixels, points, kind, seed)
            except InputError:
                return "", "mask_unfit"
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f"part-{target.name}")
        if not cv2.imwrite(str(unfinished), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)):
            raise ImageError(f"{unfinished}: cannot be written; free some disk space")
        unfinished.rename(target)
    return (kind if bare else ""), ""


def as_worn(found: PhotoTemplates, photos: Sequence[str], flat: Flat) -> PhotoTemplates:
    """``found`` of one look, under the photos' own names, with what is known of their masks."""
    drawn, lost = np.array(flat.kinds, np.str_), np.array(flat.failures, np.str_)
    words = np.char.add(f"virtual:{FLAT}", drawn)
    return replace(
        found,
        photos=tuple(photos),
        wear=np.where(drawn == "", found.wear[:, 0], words)[:, None],
        status=np.where(lost == "", found.status[:, 0], lost)[:, None],
    )


def only(made: PhotoTemplates, places: Sequence[int]) -> PhotoTemplates:
    """The templates of some of the photos."""
    keep = np.array(places, np.int64)
    return replace(
        made,
        photos=tuple(made.photos[place] for place in places),
        photo_sha256=tuple(made.photo_sha256[place] for place in places),
        vectors=made.vectors[keep],
        valid=made.valid[keep],
        status=made.status[keep],
        wear=made.wear[keep],
        mask=made.mask[keep],
        notes={},
    )


def counts(made: PhotoTemplates, flat: PhotoTemplates | None = None) -> dict[str, int]:
    """Photos that gave no template, and mask states that are not what was drawn."""
    column = made.column(AS_IS)
    out = {
        "photos": len(made.photos),
        "no template, as they are": int((~made.valid[:, column]).sum()),
        "taken for masked, as they are": int(made.masked[:, column].sum()),
    }
    if MASKED in made.looks:
        out |= _counts("in drawn masks", made, made.column(MASKED))
    return out if flat is None else out | _counts("in flat masks", flat, 0)


def _counts(name: str, made: PhotoTemplates, column: int) -> dict[str, int]:
    fine, status = made.valid[:, column], made.status[:, column]
    drawn = np.char.startswith(made.wear[:, column], "virtual") & fine
    return {
        # A face that wears a mask already is taken as it is.
        f"no template, {name}": int((~fine & (status != "wears_mask")).sum()),
        f"taken for bare, {name}": int((drawn & ~made.masked[:, column]).sum()),
    }
