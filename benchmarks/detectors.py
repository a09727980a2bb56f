"""Time our detectors beside OpenCV's FaceDetectorYN: the same pictures, one run.

    python benchmarks/detectors.py FILE [--scrfd FILE] [--seconds 5] [--threads 1]
    python benchmarks/detectors.py FILE --own [FILE] [--photos DIR] [--seconds 20]

FILE is a YuNet, e.g. what `maskwise models path yunet-2023mar` prints. Rounds of all contestants
alternate; the median round counts, in ms a picture. "own size" gives OpenCV's answers, "default"
is what `--detector yunet` does: more looks, for small faces and close-ups. A YuNet of a fixed
input has no "own size" of other pictures and is timed by default only.

With --own the detector `maskwise` (or a FILE that training/detector exported) is timed instead,
from decoded pixels to boxes, on photos brought to 320 and to 640 px on the longer side, on one
thread and on all cores. Each has its pixels in the order that it takes, RGB or BGR, before the
clock starts. What counts is the median of (time of ours / time of OpenCV's) of the same photo in
the same round.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import cv2
import numpy as np

from maskwise.detect.maskwise_net import MaskwiseNet
from maskwise.detect.mmod import Mmod
from maskwise.detect.scrfd import Scrfd
from maskwise.detect.yunet import Yunet
from maskwise.image import find_images, load
from maskwise.models.session import available_cores
from maskwise.testing.pictures import drawn_face
from maskwise.types import F64, U8, Image

Run = Callable[[Image], object]
_PHOTOS = 24


def opencv(file: str, size: tuple[int, int]) -> Run:
    judge = cv2.FaceDetectorYN.create(file, "", size, 0.6, 0.3, 5000)
    return lambda image: judge.detect(image.pixels[..., ::-1].copy())


def shown(folder: Path | None, side: int) -> list[U8]:
    """Up to _PHOTOS photos (drawn faces without a folder), RGB, ``side`` px on the longer side."""
    if folder is None:
        made = [drawn_face(seed, (side * 3 // 4, side), side // 3) for seed in range(8)]
        return [image.pixels for image in made]
    files = sorted(find_images(folder))
    photos = [load(file).pixels for file in files[:: max(1, len(files) // _PHOTOS)][:_PHOTOS]]
    sizes = [np.array(one.shape[1::-1]) * side / max(one.shape) for one in photos]
    return [
        np.asarray(
            cv2.resize(one, np.rint(size).astype(int).tolist(), interpolation=cv2.INTER_AREA)
        )
        for one, size in zip(photos, sizes, strict=True)
    ]


def own_beside_opencv(
    own: MaskwiseNet, yunet: str, photos: list[U8], seconds: float
) -> tuple[F64, F64]:
    """(rounds, photos) ms of ours and of OpenCV's, which take turns at going first."""
    images, bgr = [Image(one) for one in photos], [one[..., ::-1].copy() for one in photos]
    # One for each size of picture, since a change of size would be timed else.
    judges = {
        one.shape: cv2.FaceDetectorYN.create(yunet, "", one.shape[1::-1], 0.6, 0.3, 5000)
        for one in photos
    }
    runs = (
        lambda i: own.detect(images[i]),
        lambda i: judges[bgr[i].shape].detect(bgr[i]),
    )
    times: list[list[list[float]]] = [[], []]
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times[0]) < 4:
        for spans in times:
            spans.append([0.0] * len(photos))
        # All photos in turn: the threads of either wait awake for a while, in the other's way.
        for which in (0, 1) if len(times[0]) % 2 else (1, 0):
            for i in range(len(photos)):
                start = time.perf_counter()
                runs[which](i)
                times[which][-1][i] = (time.perf_counter() - start) * 1000
    ours, theirs = (np.array(spans[1:]) for spans in times)  # the first round warms up
    return ours, theirs


def bar(yunet: str, own: str | None, folder: Path | None, seconds: float) -> None:
    """The bar of the detector: at most 1.2 times OpenCV's time."""
    cores = available_cores()
    for side in (320, 640):
        photos = shown(folder, side)
        for threads in dict.fromkeys((1, cores)):
            cv2.setNumThreads(threads)
            detector = MaskwiseNet(own, threads=threads)
            ours, theirs = own_beside_opencv(detector, yunet, photos, seconds / 4)
            ratios = ours / theirs
            low, high = np.percentile(ratios, (25, 75))
            fastest = np.median(ours.min(axis=0) / theirs.min(axis=0))
            print(
                f"{side} px, {len(photos)} photos, {threads} of {cores} core(s), {len(ours)} "
                f"rounds: maskwise {np.median(ours):.2f} ms, cv2.FaceDetectorYN "
                f"{np.median(theirs):.2f} ms, x {np.median(ratios):.2f} (quartiles {low:.2f} to "
                f"{high:.2f}; fastest of each photo x {fastest:.2f})"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the detectors beside OpenCV's.")
    parser.add_argument("yunet", metavar="FILE")
    parser.add_argument("--scrfd", metavar="FILE")
    parser.add_argument(
        "--own", metavar="FILE", nargs="?", const="", help="time maskwise's own detector"
    )
    parser.add_argument("--photos", type=Path, help="of --own; without, drawn faces")
    parser.add_argument("--seconds", type=float, default=10.0, help="about, for each picture size")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.own is not None:
        bar(arguments.yunet, arguments.own or None, arguments.photos, arguments.seconds)
        return
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
