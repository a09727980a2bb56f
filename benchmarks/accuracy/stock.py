"""face_recognition's stock pipeline on the same trials, into score files of the same format.

    python benchmarks/accuracy/stock.py --images DIR --pairs FILE --out DIR --cache DIR
        [--probe-wear as-is --probe-wear virtual:all]

What face_recognition's users write, through ``maskwise.compat.face_recognition`` (the same boxes
and encodings, docs/face_recognition.md): ``face_locations`` (dlib's HOG detector, one upsampling),
``face_encodings(model="small")`` of the first box, and the Euclidean distance; the score is minus
the distance. It needs dlib (``pip install "maskwise[dlib]"``).

A probe wears the very mask that it wears for maskwise, drawn on the photo by the landmarks that
maskwise found. A face that maskwise does not find cannot be drawn on, and is a failure here too.
"""

from __future__ import annotations

import argparse
import os
from datetime import datetime, timezone
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from maskwise import Recognizer, __version__, image, masks
from maskwise.compat import face_recognition
from maskwise.compat.face_recognition.engine import HOG_VARIABLE
from maskwise.errors import InputError
from maskwise.evaluate.looks import AS_IS, Look, probe_look
from maskwise.evaluate.score_file import write_scores
from maskwise.evaluate.scores import Labels, Provenance, Scores
from maskwise.evaluate.template_cache import TemplateCache
from maskwise.evaluate.template_maker import WORN, Photo, TemplateMaker
from maskwise.evaluate.templates import make_templates
from maskwise.evaluate.trials import TrialList, read_trials
from maskwise.types import F64, Image, Landmarks

SEED = 0
"""Of the masks on probes: ``maskwise evaluate``'s default."""
_CONSOLE = Console(stderr=True)


class Stock:
    """Encodings of photos, each made once. photos: by path, as maskwise found them."""

    def __init__(self, images: Path, photos: dict[str, Photo], scheme: str) -> None:
        self._images, self._photos, self._scheme = images, photos, scheme
        self._made: dict[tuple[str, str], tuple[str, F64 | None]] = {}

    def side(self, photo: str, look: Look) -> tuple[str, F64 | None]:
        """What a photo wears in a look, and its (128,) float64 encoding; None without a face."""
        key = photo, look.label
        if key not in self._made:
            self._made[key] = self._make(photo, look)
        return self._made[key]

    def _make(self, name: str, look: Look) -> tuple[str, F64 | None]:
        known = self._photos[name]
        if known.failure:
            return "unknown", None
        picture = image.load(self._images / name)
        spec = look.spec(known.sha256)
        if spec is None:
            return "none", encoding(picture)
        plain = known.plain
        if plain is None or not known.has_face:
            return "virtual", None
        if plain.mask >= WORN:  # masks are never drawn on masks
            return "real", encoding(picture)
        assert plain.place is not None
        table = plain.place[4:].reshape(-1, 3)
        points = Landmarks(self._scheme, table[:, :2], table[:, 2] > 0)
        try:
            worn = masks.wear_on_image(picture, [points], [spec]).image
        except InputError:  # a face that no mask fits
            return "virtual", None
        return f"virtual:{spec.type}", encoding(worn)


def encoding(picture: Image) -> F64 | None:
    """(128,) float64 of the first face that face_recognition names; None for none."""
    boxes = face_recognition.face_locations(picture.pixels)
    if not boxes:
        return None
    return face_recognition.face_encodings(picture.pixels, boxes[:1], model="small")[0]


def score(trials: TrialList, stock: Stock, look: Look, provenance: Provenance) -> Scores:
    """Every trial: the reference as it is, the probe in ``look``."""
    sides = []
    for column, worn, what in ((0, AS_IS, "references"), (1, look, f"probes, {look.label}")):
        names = sorted({trials.photos[place] for place in trials.pairs[:, column]})
        sides.append({n: stock.side(n, worn) for n in track(names, what, console=_CONSOLE)})
    scores = np.full(len(trials), np.nan)
    wear: list[list[str]] = [[], []]
    failure: list[list[str]] = [[], []]
    for row, pair in enumerate(trials.pairs.tolist()):
        found = [side[trials.photos[place]] for side, place in zip(sides, pair, strict=True)]
        for column, (label, vector) in enumerate(found):
            wear[column].append(label)
            failure[column].append("no_face" if vector is None else "")
        a, b = found[0][1], found[1][1]
        if a is not None and b is not None:
            scores[row] = -np.linalg.norm(a - b)
    if "labelled" in trials.attributes:  # face_recognition sees no masks: take the data's word
        pairs = [label.split("-") for label in trials.attributes["labelled"].tolist()]
        kinds = {"bare": "none", "masked": "real"}
        wear = [[kinds[pair[column]] for pair in pairs] for column in (0, 1)]
    return Scores(
        provenance,
        trials.photos,
        trials.subjects,
        trials.pairs,
        scores,
        trials.mated,
        Labels.of(wear[0]),
        Labels.of(wear[1]),
        Labels.of(failure[0]),
        Labels.of(failure[1]),
        trials.fold,
        {name: Labels.of(column) for name, column in trials.attributes.items()},
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--images", type=Path, required=True, help="the folder with the photos")
    parser.add_argument("--pairs", type=Path, required=True, help="the list of trials")
    parser.add_argument("--out", type=Path, required=True, help="where the score files go")
    parser.add_argument("--cache", type=Path, help="maskwise's templates: as `maskwise evaluate`")
    parser.add_argument("--probe-wear", action="append", help="as-is (default), virtual:all")
    given = parser.parse_args()
    os.environ[HOG_VARIABLE] = "dlib"
    looks = {wear: probe_look(wear, SEED) for wear in given.probe_wear or ["as-is"]}
    trials = read_trials(given.pairs, given.images)
    recognizer = Recognizer()
    with TemplateCache.open(given.cache) as cache:
        data = make_templates(recognizer, given.images, trials.photos, cache=cache).data_sha256
        wanted = [(given.images / photo, ()) for photo in trials.photos]
        known = TemplateMaker(recognizer, cache).photos(wanted)
        photos = dict(zip(trials.photos, known, strict=True))
    stock = Stock(given.images, photos, recognizer.predictor.scheme)
    given.out.mkdir(parents=True, exist_ok=True)
    for wear, look in looks.items():
        provenance = Provenance(
            "face_recognition/small",
            {"detector": "dlib-hog", "encoder": "dlib-resnet-v1"},
            data,
            trials.sha256,
            __version__,
            SEED,
            datetime.now(timezone.utc).isoformat(timespec="seconds"),
            {"probe wear": wear, "score": "minus the Euclidean distance"},
        )
        path = given.out / f"stock-{wear.replace(':', '-')}.npz"
        write_scores(path, score(trials, stock, look, provenance))
        print(path)


if __name__ == "__main__":
    main()
