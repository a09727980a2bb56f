"""What insightface 2.1 says of pictures: recorded, to compare with. Where insightface is installed,

    python tests/compat_insightface/record_faceanalysis.py
    python tests/compat_insightface/record_faceanalysis.py --detector scrfd_500m_bnkps.onnx

write tests/golden/insightface.json (drawn pictures, small model files) and insightface_scrfd.json
(the sample people, that detector) anew. --out FILE: all answers there, unrounded; the first then
works with insightface 0.7.3 too, which lacks the cases named ``auto``. --photos: other photos.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import cv2
import insight_models as built
import numpy as np

RECORD = Path(__file__).parents[1] / "golden" / "insightface.json"
REAL_RECORD = RECORD.with_name("insightface_scrfd.json")
SAMPLES = Path(__file__).parents[2] / "src" / "maskwise" / "samples"
SHOWN = 6  # numbers of an embedding, besides its length
KEPT = 3  # faces of a picture that are written down

PICTURES = {
    "wide": (1, 300, 420),
    "tall": (2, 420, 200),
    "small": (3, 70, 90),
    "large": (4, 700, 900),
    "square": (5, 320, 320),
}
SIZES = ((320, 320), (320, 224), (160, 256))


def answers(insightface: Any, folder: Path) -> dict[str, Any]:
    """Everything that is compared, by case; ``insightface`` is the module, theirs or ours."""
    built.write_pack(folder / "models" / "built")
    pictures = {name: built.picture(*values) for name, values in PICTURES.items()}
    found: dict[str, Any] = {}
    for size in SIZES:
        app = _app(insightface, folder)
        app.prepare(ctx_id=-1, det_size=size)
        for name, picture in pictures.items():
            case = f"{name} {size[0]}x{size[1]}"
            found[case] = _faces(app.get(picture))
            for count in (1, 2):
                found[f"{case} most {count}"] = _faces(app.get(picture, max_num=count))
            found[f"{case} largest 2"] = _rows(
                app.det_model.detect(picture, max_num=2, metric="max")
            )
    app = _app(insightface, folder)
    app.prepare(ctx_id=-1, det_size=(640, 640))
    found["small 640x640"] = _faces(app.get(pictures["small"]))
    app = _app(insightface, folder)
    app.prepare(ctx_id=-1, det_thresh=0.8, det_size=(320, 320))
    found["threshold 0.8"] = _faces(app.get(pictures["large"]))
    if insightface.__version__ != "0.7.3":
        app.prepare(ctx_id=-1, det_size=None)
        found["auto"] = _faces(app.get(pictures["small"]))
        app.prepare(ctx_id=-1, det_size=[(320, 320), (640, 640)])
        found["auto, two sizes"] = _faces(app.get(pictures["wide"]))
    found.update(_single_models(insightface, folder, pictures))
    found.update(_aligned(insightface, pictures))
    return found


def real_answers(
    insightface: Any, folder: Path, detector: Path, photos: list[Path]
) -> dict[str, Any]:
    """What a real detector and a small encoder say of photos, and of eight of them in one."""
    pack = folder / "models" / "real"
    pack.mkdir(parents=True, exist_ok=True)
    shutil.copy(detector, pack)
    built.write_encoder(pack / "w600k_r50.onnx")
    app = _app(insightface, folder, "real")
    app.prepare(ctx_id=-1, det_size=(640, 640))
    pictures = [cv2.imread(str(photo)) for photo in photos]
    found = {
        f"{number} {photo.name}": _faces(app.get(picture))
        for number, (photo, picture) in enumerate(zip(photos, pictures, strict=True))
    }
    for number in range(0, len(pictures) - 7, 8):
        tiles = [
            cv2.resize(picture, (200 + 30 * k, 260))
            for k, picture in enumerate(pictures[number : number + 8])
        ]
        rows = [np.hstack([tiles[k], tiles[7 - k]]) for k in range(4)]
        mosaic = np.vstack(rows)
        found[f"mosaic {number}"] = _faces(app.get(mosaic))
        found[f"mosaic {number} most 3"] = _faces(app.get(mosaic, max_num=3))
        largest = app.det_model.detect(mosaic, max_num=3, metric="max")
        found[f"mosaic {number} largest 3"] = _rows(largest)
    large = cv2.resize(pictures[0], None, fx=6, fy=6)
    found["large"] = _faces(app.get(large))
    return found


def _app(insightface: Any, folder: Path, pack: str = "built") -> Any:
    return insightface.app.FaceAnalysis(
        pack,
        root=str(folder),
        allowed_modules=["detection", "recognition"],
        providers=["CPUExecutionProvider"],
    )


def _single_models(insightface: Any, folder: Path, pictures: dict[str, Any]) -> dict[str, Any]:
    def opened(path: Path) -> Any:
        model = insightface.model_zoo.get_model(str(path), providers=["CPUExecutionProvider"])
        model.prepare(ctx_id=-1)
        return model

    found = {}
    plain = opened(built.write_detector(folder / "plain.onnx", points=False))
    found["no points"] = _rows(plain.detect(pictures["wide"], input_size=(320, 320)))
    fixed = opened(built.write_detector(folder / "fixed.onnx", size=256))
    found["one size"] = _rows(fixed.detect(pictures["wide"]))
    faces = [cv2.resize(pictures["large"][y : y + 150, :170], (112, 112)) for y in (0, 90, 300)]
    for name in ("outside", "inside"):
        path = built.write_encoder(folder / f"{name}.onnx", inside=name == "inside")
        encoder = opened(path)
        found[f"get_feat, {name}"] = _embeddings(encoder.get_feat(faces))
        stretched = encoder.get_feat(pictures["tall"])
        found[f"get_feat, {name}, stretched"] = _embedding(stretched[0])
        found[f"compute_sim, {name}"] = float(encoder.compute_sim(stretched, stretched[:, ::-1]))
        blob = np.stack([one[..., ::-1].transpose(2, 0, 1) for one in faces]).astype(np.float32)
        found[f"forward, {name}"] = _embeddings(encoder.forward(blob))
    return found


def _aligned(insightface: Any, pictures: dict[str, Any]) -> dict[str, Any]:
    align = insightface.utils.face_align
    rng = np.random.default_rng(11)
    found = {}
    for number in range(6):
        scale = rng.uniform(0.3, 6)
        points = (align.arcface_dst * scale + rng.normal(0, 4 * scale, (5, 2))).astype(np.float32)
        turn = rng.uniform(-1, 1)
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        points = (points @ spin + 60).astype(np.float32)
        for size in (112, 224, 128):
            chip, matrix = align.norm_crop2(pictures["large"], points, size)
            same = align.norm_crop(pictures["large"], landmark=points, image_size=size)
            assert (chip == same).all()
            found[f"norm_crop {number} {size}"] = {
                "matrix": np.asarray(matrix).tolist(),
                "rows": chip.astype(np.float64).mean(axis=(1, 2))[:: size // 8].tolist(),
            }
    mirrored = align.arcface_dst * np.float32([-1, 1]) + np.float32([400, 90])
    found["mirrored"] = align.estimate_norm(mirrored).tolist()
    return found


def _faces(faces: Any) -> list[dict[str, Any]]:
    return [
        {
            "bbox": face.bbox.tolist(),
            "kps": face["kps"].tolist(),
            "score": float(face.det_score),
            "embedding": _embedding(face.embedding),
            "normed": face.normed_embedding[:SHOWN].tolist(),
        }
        for face in faces
    ]


def _rows(found: Any) -> list[Any]:
    boxes, points = found
    return [boxes.tolist(), None if points is None else points.tolist()]


def _embeddings(vectors: Any) -> dict[str, Any]:
    return {str(number): _embedding(one) for number, one in enumerate(vectors)}


def _embedding(vector: Any) -> list[float]:
    return [float(np.linalg.norm(vector)), *np.ravel(vector)[:SHOWN].tolist()]


def shortened(found: dict[str, Any]) -> dict[str, Any]:
    """What is written down of ``answers``: how many faces, and the first of them."""
    short = {}
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            short[name] = {"faces": len(value), "first": value[:KEPT]}
        elif isinstance(value, list) and value and isinstance(value[0], list):
            boxes, points = value[0], value[1]
            rows = [boxes[:KEPT], None if points is None else points[:KEPT]]
            short[name] = {"faces": len(boxes), "first": rows}
        else:
            short[name] = value
    return short


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def samples() -> list[Path]:
    """Sixteen photos of the sample people, who are synthetic."""
    return sorted(SAMPLES.rglob("*.jpg"))[:16]


def main() -> None:
    import insightface

    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path)
    parser.add_argument("--detector", type=Path)
    parser.add_argument("--photos", type=Path, nargs="*")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if given.detector is None:
            found = answers(insightface, Path(folder))
        else:
            photos = given.photos or samples()
            found = real_answers(insightface, Path(folder), given.detector, photos)
    if given.out is not None:
        given.out.write_text(json.dumps(found), "utf-8")
        return
    if insightface.__version__ != "2.1":
        raise SystemExit(f"expected insightface 2.1, got {insightface.__version__}")
    lines = [
        f" {json.dumps(name)}: {json.dumps(_rounded(value))}"
        for name, value in shortened(found).items()
    ]
    record = RECORD if given.detector is None else REAL_RECORD
    record.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main()
