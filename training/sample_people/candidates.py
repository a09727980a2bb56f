"""Draw many people, and sort out those that would make good samples.

    python training/sample_people/candidates.py --count 1500 --seed 7

writes work/candidates.npz (their templates) and work/candidates.png, a sheet of those that stand
well apart from each other and from all real people, best first. choose.py makes the set.
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np
from photos import WORK
from render import Model, photo, plain_shot, random_person
from stages import Real, Stages, distances

from maskwise.types import U8


def likely(model: Model, picture: U8, score: float) -> float:
    """How good a face is: the detector's score, and the contrast of eyes and mouth."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    eyes = grey[118:142, 80:176]
    dark, bright = np.quantile(eyes, [0.03, 0.6])
    return score + 0.5 * float(1 - dark / max(float(bright), 1))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--show", type=int, default=60)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    model, stages, real = Model(), Stages(), Real()
    plain = plain_shot()
    found = []
    for index in range(arguments.count):
        person = random_person(np.random.default_rng([arguments.seed, index]), model)
        picture = photo(model, person, plain)
        face = stages.face(picture)
        if face is None or len(face.detections) != 1:
            continue
        found.append(
            (index, face.vector, likely(model, picture, face.detections[0].score), picture)
        )
    vectors = np.stack([f[1] for f in found])
    goodness = np.array([f[2] for f in found])
    nearest = distances(vectors, real.vectors()).min(1)
    low = np.quantile(nearest, [0, 0.1, 0.5])
    print(f"{len(found)} of {arguments.count} found; distance to the nearest real face: {low}")
    apart = distances(vectors, vectors)
    print("pairs:", np.quantile(apart[np.triu_indices(len(found), 1)], [0.001, 0.01, 0.1, 0.5]))
    left = set(np.flatnonzero(nearest > 0.355))
    chosen: list[int] = []
    while left and len(chosen) < arguments.show:
        best = max(left, key=lambda i: goodness[i])
        chosen.append(best)
        left = {i for i in left if apart[i, best] > 0.45}
    tiles = []
    for i in chosen:
        tile = found[i][3][..., ::-1].copy()
        text = f"{found[i][0]} {nearest[i]:.2f} {goodness[i]:.1f}"
        cv2.putText(tile, text, (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1)
        tiles.append(tile)
    while len(tiles) % 10:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[k : k + 10]) for k in range(0, len(tiles), 10)]
    cv2.imwrite(str(WORK / "candidates.png"), np.vstack(rows))
    np.savez(WORK / "candidates.npz", index=[f[0] for f in found], vectors=vectors)


if __name__ == "__main__":
    main()
