"""Time YuNet in maskwise beside OpenCV's FaceDetectorYN: the same file and pictures, one run.

    python benchmarks/detectors.py FILE [--scrfd FILE] [--seconds 5] [--threads 1]

FILE is a YuNet, e.g. what `maskwise models path yunet-2023mar` prints. Rounds of all contestants
alternate; the median round counts, in ms a picture. "own size" gives OpenCV's answers, "default"
is what `--detector yunet` does: more looks, for small faces and close-ups. A YuNet of a fixed
input has no "own size" of other pictures and is timed by default only.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np

from maskwise.detect.mmod import Mmod
from maskwise.detect.scrfd import Scrfd
from maskwise.detect.yunet import Yunet
from maskwise.testing.pictures import drawn_face
from maskwise.types import Image

Run = Callable[[Image], object]


def opencv(file: str, size: tuple[int, int]) -> Run:
    judge = cv2.FaceDetectorYN.create(file, "", size, 0.6, 0.3, 5000)
    return lambda image: judge.detect(image.pixels[..., ::-1].copy())


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the detectors beside OpenCV's.")
    parser.add_argument("yunet", metavar="FILE")
    parser.add_argument("--scrfd", metavar="FILE")
    parser.add_argument("--seconds", type=float, default=10.0, help="about, for each picture size")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    threads = arguments.threads
    cv2.setNumThreads(threads)
    for width, height in ((250, 250), (1280, 960)):
        image = drawn_face(0, (height, width), height // 2)
        contestants: dict[str, Run] = {
            "cv2.FaceDetectorYN": opencv(arguments.yunet, (width, height))
        }
        if Yunet(arguments.yunet).input_size is None:
            own = Yunet(arguments.yunet, size=(width, height), threads=threads)
            contestants["yunet, own size"] = own.detect
        contestants["yunet, default"] = Yunet(arguments.yunet, threads=threads).detect
        if arguments.scrfd:
            peer = Scrfd(arguments.scrfd, size=(640, 640), threads=threads)
            contestants["scrfd, 640x640"] = peer.detect
            contestants["scrfd, default"] = Scrfd(arguments.scrfd, threads=threads).detect
        contestants["mmod, default"] = Mmod(threads=threads).detect
        times: dict[str, list[float]] = {name: [] for name in contestants}
        for run in contestants.values():
            run(image)
        end = time.perf_counter() + arguments.seconds
        while time.perf_counter() < end or len(times["mmod, default"]) < 5:
            for name, run in contestants.items():
                start = time.perf_counter()
                run(image)
                times[name].append((time.perf_counter() - start) * 1000)
        base = median(times["cv2.FaceDetectorYN"])
        rounds = len(times["mmod, default"])
        print(f"{width}x{height} px, {threads} thread(s), {rounds} rounds")
        for name, spans in times.items():
            fastest, ratio = np.min(spans), median(spans) / base
            print(f"  {name:20s} {median(spans):8.1f} ms  fastest {fastest:8.1f}  x {ratio:.2f}")


if __name__ == "__main__":
    main()
