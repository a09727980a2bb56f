"""Fit the thresholds that ship: ``src/maskwise/operating_points.json``.

    MASKWISE_DATA=... python training/operating_points/fit.py

For each wear pair, all non-mated comparisons among the people of the calibrate part (see
../photos.py): a threshold for a false match rate (FMR) is the lowest score that no more than this
share of them reaches. The table ends where fewer than ``LEAST_MATCHES`` would stand behind a row.

- bare-bare: a bare photo with a bare photo.
- masked-masked: a probe that wears a random virtual mask with the templates that enrolment stores
  of another photo, one a mask type; the best of them counts.
- bare-masked: the same probe with the bare template alone (enrolled with ``--masks none``).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from photos import Chips, chips
from rich.console import Console
from rich.progress import track

from maskwise import detect, encode, masks
from maskwise.compare import compare
from maskwise.types import F32, MaskSpec

TARGET = Path(__file__).resolve().parents[2] / "src" / "maskwise" / "operating_points.json"
LOG = Path(__file__).resolve().parent / "log.txt"
SEED = 7
PROBE_MASKS = 2
LEAST_MATCHES = 10
HIGHEST_FMR, ROWS_A_DECADE = 0.1, 4
_BATCH = 16
_CONSOLE = Console(stderr=True)


def masked_vectors(encoder: encode.Encoder, cut: Chips, specs: list[list[MaskSpec]]) -> F32:
    """(N, M, D) float32: chip i wearing each of the M masks of ``specs[i]``."""
    rows = []
    for index in track(range(len(specs)), "masked templates", console=_CONSOLE):
        pixels, _ = masks.wear_on_chips([cut.chip(index)], specs[index])
        rows.append(encoder.encode_batch(pixels[0]))
    return np.stack(rows)


def bare_vectors(encoder: encode.Encoder, cut: Chips) -> F32:
    """(N, D) float32."""
    starts = track(range(0, len(cut.pixels), _BATCH), "bare templates", console=_CONSOLE)
    return np.concatenate([encoder.encode_batch(cut.pixels[i : i + _BATCH]) for i in starts])


def random_specs(count: int, each: int, seed: int = SEED) -> list[list[MaskSpec]]:
    """``count`` lists of ``each`` random masks: what probes wear."""
    rng = np.random.default_rng(seed)
    return [[masks.random_spec(rng) for _ in range(each)] for _ in range(count)]


def table(non_mated: F32) -> dict[str, list[float]]:
    """FMR and threshold, row by row; rates fall, thresholds rise.

    At a row the threshold is the lowest float32 with ``mean(non_mated >= threshold) <= fmr``.
    """
    ordered = np.sort(non_mated)[::-1]
    lowest = LEAST_MATCHES / len(ordered)
    decades = np.log10(HIGHEST_FMR / lowest)
    rates = HIGHEST_FMR * 10.0 ** -np.arange(0, decades, 1 / ROWS_A_DECADE)
    rates = np.append(rates[rates > lowest * 1.2], lowest)
    allowed = np.floor(rates * len(ordered) + 1e-9).astype(int)
    thresholds = np.nextafter(ordered[allowed], np.float32(2))
    return {
        "fmr": [float(f"{rate:.4g}") for rate in rates],
        "threshold": [round(float(t) + 5e-6, 5) for t in thresholds],
    }


def main() -> None:
    cut = chips("calibrate")
    encoder = encode.create()
    enrolled = [[masks.spec_for(name) for name in masks.types()]] * len(cut.names)
    bare = bare_vectors(encoder, cut)
    worn = masked_vectors(encoder, cut, enrolled)
    probes = masked_vectors(encoder, cut, random_specs(len(cut.names), PROBE_MASKS))

    same = cut.people[:, None] == cut.people[None]
    once = np.triu(~same, 1)
    count, kinds, dim = worn.shape
    scores: dict[str, tuple[F32, F32]] = {}  # wear pair -> mated, non-mated
    bb = compare(bare, bare)
    scores["bare-bare"] = bb[np.triu(same, 1)], bb[once]
    # A photo's own masked copy is no trial: it shows how well a mask is undone, not a person.
    other = np.repeat(same & ~np.eye(count, dtype=bool), PROBE_MASKS, axis=0)
    non_mated = np.repeat(~same, PROBE_MASKS, axis=0)
    flat = probes.reshape(-1, dim)
    bm = compare(flat, bare)
    scores["bare-masked"] = bm[other], bm[non_mated]
    mm = np.max([compare(flat, worn[:, kind]) for kind in range(kinds)], axis=0)
    scores["masked-masked"] = mm[other], mm[non_mated]

    people = len(set(cut.people.tolist()))
    lines = [
        f"detector {detect.create().id}; encoder {encoder.id}; masks {', '.join(masks.types())}",
        f"{count} photos of {people} people, {len(cut.missed)} photos without a face; seed {SEED}",
    ]
    shipped = json.loads(TARGET.read_text("utf-8")) if TARGET.exists() else {"encoders": {}}
    curves = {}
    for pair, (mated, others) in scores.items():
        rows = table(others)
        curves[pair] = {
            **rows,
            "non_mated": int(others.size),
            "calibrated_on": f"{people} people of LFW ({count} photos; masks drawn by maskwise)",
        }
        lines.append(f"{pair}: {mated.size} mated, {others.size} non-mated")
        for fmr, threshold in zip(rows["fmr"], rows["threshold"], strict=True):
            fnmr = float(np.mean(mated < threshold))
            lines.append(f"  FMR {fmr:8.2e}  threshold {threshold:.5f}  FNMR {fnmr:6.3f}")
    shipped["encoders"][encoder.id] = curves
    TARGET.write_text(json.dumps(shipped, indent=1) + "\n", "utf-8")
    LOG.write_text("\n".join(lines) + "\n", "utf-8")
    print(LOG.read_text("utf-8"), end="")


if __name__ == "__main__":
    main()
