"""Train the mask state as it was first: mask or not, from the first blocks of dlib's CC0 encoder.

    MASKWISE_DATA=... python training/occlusion/trunk.py            writes work/trunk.onnx
    MASKWISE_DATA=... python training/occlusion/trunk.py --compare  tries several depths

A logistic regression on averaged features of the encoder's trunk (`build_trunk` of
../convert_dlib/resnet.py). Trained on the train people of lfw-dev (see ../photos.py), each photo
bare and wearing random virtual masks, as it is and as a small face in a JPEG; its penalty is
chosen on the calibrate people, its errors are counted on the report people, and, where mfr2-dev
is there, on real masks. Needs scikit-learn beside what the tests need.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
from onnx import TensorProto, compose, helper, numpy_helper
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

_HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(_HERE.parent), str(_HERE.parent / "convert_dlib")]
import resnet
from photos import Chips, chips, data_folder
from rich.console import Console
from rich.progress import track

from maskwise import detect, image, landmarks, masks
from maskwise.align import DLIB_CHIP, align
from maskwise.masks.styles import STYLES

F32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
OUT = _HERE / "work" / "trunk.onnx"
LOG = _HERE / "trunk_log.txt"
SEED = 9
BLOCK, POOL = 8, 4
TRAIN_PHOTOS, CHECK_PHOTOS, MASKS_EACH, CHIN_EVERY = 1700, 1000, 2, 5
SMALLEST_PX, LARGEST_PX = 12, 40
COVERING = tuple(name for name, style in STYLES.items() if style.covers)
NOT_COVERING = tuple(name for name in STYLES if name not in COVERING)
PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)
_CONSOLE = Console(stderr=True)


def worn_and_bare(cut: Chips, count: int, seed: int) -> tuple[npt.NDArray[np.uint8], Bool]:
    """Chips and truth of up to ``count`` photos, each bare and in MASKS_EACH random masks.

    Every CHIN_EVERY-th also wears a mask under the chin, which covers neither mouth nor nose: bare.
    """
    rng = np.random.default_rng(seed)
    chosen = np.sort(rng.permutation(len(cut.names))[:count])
    pixels, truth = [], []
    for place, index in enumerate(track(chosen, "masks", console=_CONSOLE)):
        specs = [masks.random_spec(rng, styles=COVERING) for _ in range(MASKS_EACH)]
        if place % CHIN_EVERY == 0:
            specs.append(masks.random_spec(rng, styles=NOT_COVERING))
        drawn, _ = masks.wear_on_chips([cut.chip(int(index))], specs)
        pixels += [cut.pixels[index], *drawn[0]]
        truth += [False, *(spec.wear_style in COVERING for spec in specs)]
    return np.stack(pixels), np.array(truth)


def of_any_size(
    pixels: npt.NDArray[np.uint8], truth: Bool, seed: int
) -> tuple[npt.NDArray[np.uint8], Bool]:
    """Every chip twice: as it is, and as if its face had been small in a JPEG.

    LFW's faces are large and sharp. The eyes of the small ones are SMALLEST_PX to LARGEST_PX apart.
    """
    rng = np.random.default_rng(seed)
    left, right = DLIB_CHIP.reference[:2].mean(0), DLIB_CHIP.reference[2:4].mean(0)
    whole = float(np.hypot(*(left - right)))
    small = np.empty_like(pixels)
    for k, chip in enumerate(track(pixels, "small faces", console=_CONSOLE)):
        eyes = np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(LARGEST_PX)))
        side = max(8, round(DLIB_CHIP.size * eyes / whole))
        less = cv2.resize(chip, (side, side), interpolation=cv2.INTER_AREA)
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96))]
        less = cv2.imdecode(cv2.imencode(".jpg", less[..., ::-1], quality)[1], cv2.IMREAD_COLOR)[
            ..., ::-1
        ]
        size = (DLIB_CHIP.size, DLIB_CHIP.size)
        small[k] = cv2.resize(less, size, interpolation=cv2.INTER_LINEAR)
    return np.concatenate([pixels, small]), np.concatenate([truth, truth])


def real_masks() -> tuple[npt.NDArray[np.uint8], Bool, int]:
    """mfr2-dev's chips, whether they wear a mask, and how many faces were not found.

    Looked at to report, never trained on.
    """
    folder = data_folder()
    with (folder / "mfr2-dev-labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    detector, predictor = detect.create("mmod"), landmarks.create()
    pixels, truth, missed = [], [], 0
    for row in track(rows, "real masks", console=_CONSOLE):
        name = row["name"]
        found = sorted((folder / "mfr2-dev").glob(f"{name}/{name}_{int(row['index']):04d}.*"))
        picture = image.load(found[0])
        faces = detector.detect(picture)
        if not faces:
            missed += 1
            continue
        points = predictor.predict(picture, faces[:1])[0]
        pixels.append(align(picture, points, DLIB_CHIP).pixels)
        truth.append(row["mask"] != "no-mask")
    return np.stack(pixels), np.array(truth), missed


def features(model: onnx.ModelProto, pixels: npt.NDArray[np.uint8]) -> F32:
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    starts = track(range(0, len(pixels), 32), "features", console=_CONSOLE)
    return np.concatenate([session.run(None, {"chips": pixels[i : i + 32]})[0] for i in starts])


def fit(train: F32, truth: Bool, check: F32, check_truth: Bool) -> tuple[F32, float, float]:
    """Weights (D,) and bias on raw features, and the penalty with the least check loss."""
    scale = StandardScaler().fit(train)
    best = None
    for penalty in PENALTIES:
        model = LogisticRegression(C=penalty, max_iter=500, class_weight="balanced")
        model.fit(scale.transform(train), truth)
        probability = np.clip(model.predict_proba(scale.transform(check))[:, 1], 1e-7, 1 - 1e-7)
        loss = -np.mean(np.log(np.where(check_truth, probability, 1 - probability)))
        if best is None or loss < best[0]:
            best = loss, penalty, model
    _, penalty, model = best
    weight = model.coef_[0] / scale.scale_
    bias = float(model.intercept_[0] - weight @ scale.mean_)
    return weight.astype(np.float32), bias, penalty


def errors(logits: F32, truth: Bool) -> str:
    """Counts at a probability of one half."""
    worn = logits >= 0
    return (
        f"{np.sum(~worn & truth)} of {truth.sum()} masked called bare, "
        f"{np.sum(worn & ~truth)} of {np.sum(~truth)} bare called masked"
    )


def with_head(trunk: onnx.ModelProto, weight: F32, bias: float) -> onnx.ModelProto:
    """chips (n, 150, 150, 3) uint8 RGB -> probability (n,) float32."""
    head = helper.make_graph(
        [
            helper.make_node("MatMul", ["x", "head.weight"], ["product"], name="head"),
            helper.make_node("Add", ["product", "head.bias"], ["logit"], name="biased"),
            helper.make_node("Sigmoid", ["logit"], ["probability"], name="sigmoid"),
        ],
        "mask_state",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", len(weight)])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["n"])],
        [
            numpy_helper.from_array(weight, "head.weight"),
            numpy_helper.from_array(np.float32(bias), "head.bias"),
        ],
    )
    tail = helper.make_model(head, opset_imports=trunk.opset_import, ir_version=trunk.ir_version)
    joined = compose.merge_models(
        trunk, tail, io_map=[(trunk.graph.output[0].name, "x")], producer_name="maskwise training"
    )
    onnx.checker.check_model(joined, full_check=True)
    return joined


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the mask state.")
    parser.add_argument("--compare", action="store_true", help="try several depths, write nothing")
    arguments = parser.parse_args()
    sets = {
        "train": of_any_size(*worn_and_bare(chips("train", every=4), TRAIN_PHOTOS, SEED), SEED),
        "calibrate": of_any_size(
            *worn_and_bare(chips("calibrate"), CHECK_PHOTOS, SEED + 1), SEED + 1
        ),
    }
    if not arguments.compare:  # nothing is chosen by those that are reported
        sets["report"] = of_any_size(
            *worn_and_bare(chips("report"), CHECK_PHOTOS, SEED + 2), SEED + 2
        )
    real, real_truth, missed = real_masks()
    choices = [(3, 7), (4, 4), (7, 4), (8, 4), (8, 8)] if arguments.compare else [(BLOCK, POOL)]
    for block, pool in choices:
        trunk = resnet.build_trunk(block, pool)
        made = {name: features(trunk, pixels) for name, (pixels, _) in sets.items()}
        weight, bias, penalty = fit(
            made["train"], sets["train"][1], made["calibrate"], sets["calibrate"][1]
        )
        lines = [f"trunk of {block} blocks, {pool}x{pool} cells, penalty {penalty:g}, seed {SEED}"]
        for name, (_, truth) in sets.items():
            lines.append(f"  {name}: {errors(made[name] @ weight + bias, truth)}")
        found = errors(features(trunk, real) @ weight + bias, real_truth)
        lines.append(f"  real masks (mfr2-dev): {found}; {missed} faces not found")
        print("\n".join(lines))
    if not arguments.compare:
        data = with_head(trunk, weight, bias).SerializeToString(deterministic=True)
        OUT.parent.mkdir(parents=True, exist_ok=True)
        OUT.write_bytes(data)
        LOG.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    main()
