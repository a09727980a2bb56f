"""Time a virtual mask beside flat ones, in one run on one core.

    python benchmarks/masks.py [--seconds 20] [--json]

Ours on aligned chips (each in all masks of enrolment, their sheets drawn before), with a new
random spec for each chip (a sheet is drawn for each), and on photos of 250 x 250 px whose
landmarks are given; beside the flat masks of flat_masks.py on the same photos, with the template
read and decoded for each mask, as the best-known tool does, and with templates kept. Rounds of all
contestants alternate, so that a busy machine slows all of them alike; the median round counts.
Detection and landmarks are no part of it. The faces are synthetic: drawn heads in 16 poses.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any, Final

import cv2
import flat_masks
import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "masks"))
from mask_scenes import chip_of, head, landmarks_of, posed

from maskwise import masks
from maskwise.types import Image

PUBLISHED_MS: Final = 56.0
"""MaskTheFace on a 250 x 250 photo, landmarks given, its own code on two cores of a server."""
FLAT: Final = ("surgical", "n95", "kn95", "cloth", "gas")
Run = Callable[[], int]


def chips_run(size: int) -> Run:
    """The masks of enrolment on each of 16 chips."""
    chips = [chip_of(posed(yaw, 3, 2), size) for yaw in np.linspace(-30, 30, 16)]
    specs = [masks.spec_for(name) for name in masks.DEFAULT_TYPES]

    def run() -> int:
        masks.wear_on_chips(chips, specs)
        return len(chips) * len(specs)

    return run


def fresh_run(size: int) -> Run:
    """A random spec for each chip that was not drawn before."""
    chips = [chip_of(posed(yaw, 3, 2), size) for yaw in np.linspace(-30, 30, 16)]
    rng = np.random.default_rng(size)

    def run() -> int:
        masks.wear_each(chips, [masks.random_spec(rng) for _ in chips])
        return len(chips)

    return run


def photo_runs() -> dict[str, Run]:
    """One mask a photo: ours, flat with kept templates, and flat as published."""
    poses = [posed(yaw, 3, 2, scale=50, shift=(125, 100)) for yaw in np.linspace(-30, 30, 16)]
    photos = [(Image(head(pose, (250, 250))), landmarks_of(pose)) for pose in poses]
    specs = [masks.spec_for(name) for name in FLAT]
    files = [flat_masks.template_file(name) for name in FLAT]

    def ours() -> int:
        for photo, points in photos:
            for spec in specs:
                masks.wear_on_image(photo, [points], [spec])
        return len(photos) * len(specs)

    def kept() -> int:
        for photo, points in photos:
            for name in FLAT:
                flat_masks.wear(photo.pixels, points, name)
        return len(photos) * len(FLAT)

    def published() -> int:
        for k, (photo, points) in enumerate(photos[:5]):
            flat_masks.wear_as_published(photo.pixels, points, files[k])
        return 5

    return {
        "photo 250, ours": ours,
        "photo 250, flat, templates kept": kept,
        "photo 250, flat, as published": published,
    }


def measure(contestants: dict[str, Run], seconds: float) -> dict[str, dict[str, Any]]:
    """ms a mask of each: median, fastest, and the number of rounds."""
    for run in contestants.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, run in contestants.items():
            start = time.perf_counter()
            count = run()
            times[name].append((time.perf_counter() - start) * 1000 / count)
    return {
        name: {"median_ms": median(t), "fastest_ms": min(t), "rounds": len(t)}
        for name, t in times.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Time virtual masks beside flat ones.")
    parser.add_argument("--seconds", type=float, default=20.0, help="about, for all of it")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    contestants = {f"chip {size}, ours": chips_run(size) for size in (112, 150, 160)}
    contestants |= {f"chip {size}, ours, new specs": fresh_run(size) for size in (112, 150)}
    contestants |= photo_runs()
    before = os.getloadavg()[0]
    rows = measure(contestants, arguments.seconds)
    flat = rows["photo 250, flat, as published"]["median_ms"]
    kept = rows["photo 250, flat, templates kept"]["median_ms"]
    for row in rows.values():
        row["times_flat"] = flat / row["median_ms"]
        row["times_flat_kept"] = kept / row["median_ms"]
        row["times_published"] = PUBLISHED_MS / row["median_ms"]
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, one used, load {before:.1f} before; "
        f"Python {platform.python_version()}, NumPy {np.__version__}, OpenCV {cv2.__version__}"
    )
    if arguments.json:
        print(json.dumps({"machine": machine, "published_ms": PUBLISHED_MS, "rows": rows}))
        return
    print(machine)
    print(
        f"{'':<34}{'ms a mask':>10}{'fastest':>9}{'rounds':>8}"
        f"{'x flat':>8}{'x kept':>8}{'x 56 ms':>9}"
    )
    for name, row in rows.items():
        print(
            f"{name:<34}{row['median_ms']:>10.2f}{row['fastest_ms']:>9.2f}{row['rounds']:>8}"
            f"{row['times_flat']:>8.1f}{row['times_flat_kept']:>8.1f}"
            f"{row['times_published']:>9.1f}"
        )


if __name__ == "__main__":
    main()
