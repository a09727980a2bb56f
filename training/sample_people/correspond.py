"""Dense correspondence of the aligned heads: where each point of a mean face lies in each photo.

    python training/sample_people/correspond.py

reads work/aligned.npz and writes work/matched.npz: flows, and a soft matte of each person.

Five points give a first smooth warp, DIS optical flow (Kroeger et al., "Fast Optical Flow using
Dense Inverse Search", ECCV 2016) the rest; the mean face sharpens over the rounds. No landmark
model of more than five points takes part. The matte is GrabCut's, started from a head's outline.
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import cv2
import numpy as np
from photos import FIVE, HEIGHT, WIDTH, WORK

from maskwise.types import F32, F64, U8

ROUNDS = 4
YY, XX = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)


def ellipse(cx: float, cy: float, rx: float, ry: float, soft: float) -> F32:
    """1 inside, 0 outside, a logistic edge about ``soft`` px wide."""
    radius = np.hypot((XX - cx) / rx, (YY - cy) / ry)
    far = np.clip((radius - 1) * min(rx, ry) / soft, -30, 30)
    return (1 / (1 + np.exp(far))).astype(np.float32)


FACE = ellipse(96, 128, 52, 68, 3)


def structure(picture: F32) -> U8:
    """Grey values with the light taken out: what optical flow is to follow."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    flat = grey - cv2.GaussianBlur(grey, (0, 0), 14)
    spread = np.sqrt(cv2.GaussianBlur(flat * flat, (0, 0), 20)) + 6
    return np.clip(128 + 45 * flat / spread, 0, 255).astype(np.uint8)


def from_points(five: F64) -> F32:
    """(H, W, 2) float32: a smooth warp that takes FIVE to ``five`` (thin-plate-like kernels)."""

    def kernel(d: F64) -> F64:
        return np.exp(-((d / 34.0) ** 2))

    gaps = kernel(np.linalg.norm(FIVE[:, None] - FIVE[None], axis=2)) + 0.05 * np.eye(5)
    weights = np.linalg.solve(gaps, five - FIVE)
    reach = kernel(np.hypot(XX[..., None] - FIVE[:, 0], YY[..., None] - FIVE[:, 1]))
    return (reach @ weights).astype(np.float32)


def smooth(flow: F32, inner: float) -> F32:
    """Smooth inside the face; outside, carry the face's flow outwards ever more smoothly."""
    wide = cv2.GaussianBlur(flow * FACE[..., None], (0, 0), 18)
    wide /= (cv2.GaussianBlur(FACE, (0, 0), 18) + 0.02)[..., None]
    fine = cv2.GaussianBlur(flow, (0, 0), inner)
    return (fine * FACE[..., None] + wide * (1 - FACE[..., None])).astype(np.float32)


def warped(picture: Any, flow: F32) -> Any:
    """``picture`` seen at each point's place: out(p) = picture(p + flow(p))."""
    return cv2.remap(
        picture, XX + flow[..., 0], YY + flow[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )


def one_flow(arguments: tuple[U8, F64, U8, F32 | None, float]) -> F32:
    """The flow of one head against ``mean`` (a structure image), from ``start``."""
    head, five, mean, start, inner = arguments
    cv2.setNumThreads(1)
    start = from_points(five) if start is None else start
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    dis.setVariationalRefinementAlpha(40)
    dis.setVariationalRefinementDelta(5)
    dis.setVariationalRefinementGamma(10)
    near = structure(warped(head.astype(np.float32), start))
    rest = np.clip(smooth(dis.calc(mean, near, None), inner), -7, 7)
    return smooth(start + rest, inner)


def matte(head: U8) -> U8:
    """(H, W) uint8: how surely each pixel belongs to the person (GrabCut at half size)."""
    cv2.setNumThreads(1)
    cv2.setRNGSeed(1)
    small = cv2.resize(head, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    hair = ellipse(96, 102, 74, 96, 1)[::2, ::2]
    sure = np.maximum(ellipse(96, 118, 50, 72, 1), ellipse(96, 200, 34, 60, 1))[::2, ::2]
    neck = ((YY > 170) & (np.abs(XX - 96) < 50 + (YY - 170)))[::2, ::2]
    labels = np.full(small.shape[:2], cv2.GC_BGD, np.uint8)
    labels[(hair > 0.5) | neck] = cv2.GC_PR_BGD
    labels[ellipse(96, 105, 60, 84, 1)[::2, ::2] > 0.5] = cv2.GC_PR_FGD
    labels[sure > 0.5] = cv2.GC_FGD
    back, front = np.zeros((1, 65)), np.zeros((1, 65))
    try:
        cv2.grabCut(small[..., ::-1].copy(), labels, None, back, front, 4, cv2.GC_INIT_WITH_MASK)
    except cv2.error:
        return np.zeros((HEIGHT, WIDTH), np.uint8)
    person = ((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)).astype(np.uint8) * 255
    person = cv2.medianBlur(person, 5)
    return np.asarray(cv2.GaussianBlur(cv2.resize(person, (WIDTH, HEIGHT)), (0, 0), 1.5), np.uint8)


def main() -> None:
    data = np.load(WORK / "aligned.npz")
    heads, fives = data["heads"], data["fives"]
    flows: Any = [from_points(five) for five in fives]
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for turn in range(ROUNDS):
            mean = np.mean(
                [warped(h.astype(np.float32), f) for h, f in zip(heads, flows, strict=True)], axis=0
            )
            # The mean's own shape must not wander: take the mean flow back out of it.
            drift = smooth(np.mean(flows, axis=0).astype(np.float32), 3)
            mean = warped(mean.astype(np.float32), -drift)
            cv2.imwrite(str(WORK / f"mean{turn}.png"), mean[..., ::-1].astype(np.uint8))
            target, inner = structure(mean), (6.0, 4.5, 3.5, 3.0)[turn]
            jobs = (
                (h, p, target, None if turn == 0 else f, inner)
                for h, p, f in zip(heads, fives, flows, strict=True)
            )
            flows = list(pool.map(one_flow, jobs, chunksize=32))
            size = np.hypot(*(np.stack(flows) * FACE[..., None]).reshape(-1, 2).T).mean()
            print(f"round {turn}: mean flow {size:.2f} px", flush=True)
        mattes = list(pool.map(matte, heads, chunksize=32))
    np.savez(
        WORK / "matched.npz",
        flows=np.stack(flows).astype(np.float16),
        mattes=np.stack(mattes),
    )


if __name__ == "__main__":
    main()
