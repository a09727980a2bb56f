"""What insightface's own ArcFaceONNX says of our small files: writes tests/golden/arcface.json.

In an environment with insightface 2.1 (pip install insightface onnxruntime), from the root:

    PYTHONPATH=src python tests/encode/record_insightface.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from encoder_files import encoder_file

from maskwise.types import U8

GOLDEN = Path(__file__).parents[1] / "golden" / "arcface.json"

FILES: dict[str, dict[str, Any]] = {
    "as PyTorch exports": {},
    "as mxnet exported": {"inside": "mxnet"},
    "one face at a time": {"batch": 1, "declared": [1, 512]},
    "Sub and Mul by name": {"names": ["Sub_1", "Mul_2"]},
    "names that begin otherwise": {"names": ["/Sub_1", "/Mul_2"]},
    "Sub alone": {"names": ["Sub_1", "_minus0"]},
}
"""Files by the arguments of ``encoder_file``."""

KEYPOINTS = [[[55, 60], [88, 57], [73, 81], [60, 101], [86, 99]],
             [[40, 70], [92, 82], [61, 104], [38, 127], [79, 138]]]  # fmt: skip
"""(2, 5, 2) px of ``picture``: a face as large as the chip, and a larger one, turned."""


def chips() -> U8:
    """(3, 112, 112, 3) uint8 RGB: noise, and noise that brightens downwards and to the right."""
    noise = np.random.default_rng(11).integers(0, 256, (3, 112, 112, 3))
    ramp = np.arange(112)
    noise[1] = (noise[1] + 2 * ramp[:, None, None]) // 2
    noise[2] = (noise[2] + 2 * ramp[None, :, None]) // 2
    return noise.clip(0, 255).astype(np.uint8)


def picture() -> U8:
    """(180, 150, 3) uint8 RGB, smooth: a pixel more or less changes little."""
    y, x = np.mgrid[:180, :150].astype(np.float64)
    planes = [np.sin(x / 17 + y / 29), np.cos(x / 23 - y / 13), np.sin(x * y / 900)]
    return np.uint8(np.round(127.5 + 120 * np.stack(planes, axis=2)))


def shown(rows: Any) -> list[list[float]]:
    """The first eight numbers of each row, and its length."""
    rows = np.asarray(rows, np.float64)
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return [[float(f"{n:.7g}") for n in row] for row in np.hstack([rows[:, :8], lengths])]


def record(path: Path, batches: bool) -> dict[str, Any]:
    from insightface.model_zoo.arcface_onnx import ArcFaceONNX

    model = ArcFaceONNX(str(path))
    bgr = [np.ascontiguousarray(chip[..., ::-1]) for chip in chips()]
    rows = model.get_feat(bgr) if batches else np.concatenate([model.get_feat(c) for c in bgr])
    faces = [SimpleNamespace(kps=np.array(points, np.float32)) for points in KEYPOINTS]
    found = [model.get(np.ascontiguousarray(picture()[..., ::-1]), face) for face in faces]
    return {"chips": shown(rows), "faces": shown(found)}


def main() -> None:
    golden = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, given in FILES.items():
            path = encoder_file(Path(folder) / "small.onnx", **given)
            golden[name] = record(path, "batch" not in given)
    lines = [f'"{name}": {json.dumps(rows)}' for name, rows in golden.items()]
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
