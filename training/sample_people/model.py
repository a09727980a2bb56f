"""The face model: how shape, texture and matte of heads vary together.

    python training/sample_people/model.py

reads work/aligned.npz and work/matched.npz and writes work/model.npz. Shape is the flow's
principal components; texture is colour and matte after the shape has been taken out, in two parts:
what is the same on both sides of the face, and what differs (light from a side, mostly). Photos
whose flow went astray, or whose face is covered or turned, are left out.
"""

from __future__ import annotations

import cv2
import numpy as np
from correspond import FACE, ellipse, smooth, structure, warped
from photos import HEIGHT, WIDTH, WORK

from maskwise.types import F32

SHAPES, EVEN, ODD = 16, 140, 40
WEIGHT = (0.35 + FACE + 0.6 * ellipse(96, 131, 38, 44, 3)).astype(np.float32)
"""How much a pixel counts when components are sought: eyes, nose and mouth most."""


def principal(rows: F32, count: int) -> tuple[F32, F32, F32]:
    """(count, D) unit components, (count,) standard deviations, (N, count) scores in those."""
    values, vectors = np.linalg.eigh((rows @ rows.T).astype(np.float64))
    order = np.argsort(values)[::-1][:count]
    singular = np.sqrt(values[order])
    components = (vectors[:, order] / singular).T.astype(np.float32) @ rows
    deviations = singular / np.sqrt(len(rows))
    return components, deviations.astype(np.float32), (rows @ components.T) / deviations


def pack(head: F32, alpha: F32) -> F32:
    """(H, W, 4) float32: colour, carried outwards beyond the person, and 255 times the matte."""
    alpha = alpha[..., None]
    colour, known = head * alpha, alpha.copy()
    for spread in (2, 5, 12, 30):
        there = np.clip(cv2.GaussianBlur(known, (0, 0), spread), 1e-4, None)
        fill = cv2.GaussianBlur(colour, (0, 0), spread) / there[..., None]
        share = np.clip(there[..., None] * 4, 0, 1) * (1 - known)
        colour, known = colour + fill * share, known + share
    return np.dstack([colour / np.clip(known, 1e-3, None), 255 * alpha]).astype(np.float32)


def mirrored(stack: F32) -> F32:
    """Left and right exchanged, in the last axis but one."""
    return stack[..., ::-1, :]


def main() -> None:
    cv2.setNumThreads(2)
    data, matched = np.load(WORK / "aligned.npz"), np.load(WORK / "matched.npz")
    heads, mattes = data["heads"], matched["mattes"]
    flows = matched["flows"].astype(np.float32)
    mean = cv2.imread(str(WORK / "mean3.png"))[..., ::-1].astype(np.float32)
    target = structure(mean).astype(np.float32)
    core = ellipse(96, 131, 42, 50, 2)[..., None] > 0.5

    keep = np.arange(len(heads))
    for share in (0.8, 0.75):
        middle = flows[keep].mean(0)
        rows = ((flows[keep] - middle) * np.sqrt(FACE + 0.05)[..., None]).reshape(len(keep), -1)
        _, _, scores = principal(rows, SHAPES)
        rest = rows - scores @ (np.linalg.lstsq(scores, rows, rcond=None)[0])
        odd = np.sqrt((rest**2).mean(1)) / 0.5 + (np.abs(scores).max(1) / 3) ** 2
        likeness = np.array(
            [
                np.corrcoef(
                    structure(warped(heads[i].astype(np.float32), flows[i]))[core[..., 0]],
                    target[core[..., 0]],
                )[0, 1]
                for i in keep
            ]
        )
        rank = odd.argsort().argsort() - likeness.argsort().argsort()
        keep = keep[np.sort(np.argsort(rank)[: int(share * len(keep))])]
    print(f"{len(keep)} of {len(heads)} photos kept; likeness from {likeness.min():.2f}")

    heads, mattes, flows = heads[keep], mattes[keep], flows[keep]
    flows = np.stack([smooth(f, 7.0) for f in flows])
    # A face and its mirror image are equally likely: the mean is even.
    turn = np.array([-1, 1], np.float32)
    shape_mean = (flows.mean(0) + mirrored(flows.mean(0)) * turn) / 2
    weight = np.sqrt(FACE + 0.05)[..., None]
    rows = ((flows - shape_mean) * weight).reshape(len(keep), -1)
    shapes, shape_dev, shape_scores = principal(rows, SHAPES)
    shape_scores = np.clip(shape_scores, -2.5, 2.5)
    shapes = shapes.reshape(SHAPES, HEIGHT, WIDTH, 2) / weight

    half = WIDTH // 2
    even = np.empty((len(keep), HEIGHT, half, 4), np.float32)
    odd_part = np.empty_like(even)
    for i in range(len(keep)):
        flow = shape_mean + np.tensordot(shape_scores[i] * shape_dev, shapes, 1)
        packed = pack(heads[i].astype(np.float32), mattes[i].astype(np.float32) / 255)
        texture = warped(packed, flow.astype(np.float32))
        even[i] = ((texture + mirrored(texture)) / 2)[:, :half]
        odd_part[i] = ((texture - mirrored(texture)) / 2)[:, :half]
    even_mean = even.mean(0)
    saved = {}
    even -= even_mean
    for name, part, count in (("even", even, EVEN), ("odd", odd_part, ODD)):
        np.multiply(part, WEIGHT[:, :half, None], out=part)
        rows = part.reshape(len(keep), -1)
        components, deviations, scores = principal(rows, count)
        share = (deviations**2).sum() * len(keep) / (rows**2).sum()
        print(f"{count} {name} components hold {share:.1%} of the weighted variance", flush=True)
        components = components.reshape(count, HEIGHT, half, 4) / WEIGHT[:, :half, None]
        saved[name] = components.astype(np.float16)
        saved[name + "_dev"], saved[name + "_scores"] = deviations, scores
    np.savez(
        WORK / "model.npz",
        keep=keep,
        people=data["people"][keep],
        shape_mean=shape_mean,
        shapes=shapes.astype(np.float32),
        shape_dev=shape_dev,
        shape_scores=shape_scores,
        even_mean=even_mean,
        **saved,
    )


if __name__ == "__main__":
    main()
