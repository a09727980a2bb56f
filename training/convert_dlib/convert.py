"""Convert dlib's CC0 models into the files that ship with maskwise.

    python training/convert_dlib/convert.py                    writes src/maskwise/models/files
    python training/convert_dlib/convert.py --fp32 OUT         the encoder with float32 weights
    python training/convert_dlib/convert.py --models DIR       where the .dat files lie

Every run writes the same bytes, and the sha256 and size of each file into manifest.toml.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import five_points
import resnet
from datfile import models_folder

_PACKAGE = Path(__file__).resolve().parents[2] / "src" / "maskwise" / "models"


def encoder(models: Path, *, half: bool = True) -> bytes:
    parameters = resnet.read_parameters(models / resnet.SOURCE)
    model = resnet.build_encoder(parameters, half=half)
    data: bytes = model.SerializeToString(deterministic=True)
    return data


def points(models: Path) -> bytes:
    return five_points.pack(five_points.read_cascade(models / five_points.SOURCE))


def detector(models: Path) -> bytes:
    data: bytes = importlib.import_module("mmod").convert(models)
    return data


# The names are those of manifest.toml.
CONVERTERS: dict[str, Callable[[Path], bytes]] = {
    "dlib-resnet-v1": encoder,
    "dlib-five-points": points,
    "dlib-mmod": detector,
}


def with_digest(manifest: str, name: str, data: bytes) -> str:
    """``manifest`` with the sha256 and size of table ``name`` set to those of ``data``."""
    start = manifest.find(f"[{name}]\n")
    if start < 0:
        raise SystemExit(f"manifest.toml has no table [{name}]: describe the file there first")
    end = manifest.find("\n[", start)
    table = manifest[start : end if end >= 0 else len(manifest)]
    new = re.sub(r"(?m)^sha256 = .*$", f'sha256 = "{hashlib.sha256(data).hexdigest()}"', table)
    new = re.sub(r"(?m)^size = .*$", f"size = {len(data)}", new)
    return manifest.replace(table, new)


def file_name(manifest: str, name: str) -> str:
    found = re.search(rf'(?m)^\[{re.escape(name)}\]\nfile = "([^"]+)"$', manifest)
    if found is None:
        raise SystemExit(f"manifest.toml: [{name}] must begin with its file")
    return found.group(1)


def main() -> None:
    parser = argparse.ArgumentParser(description="Convert dlib's CC0 models for maskwise.")
    parser.add_argument("--models", type=Path, help="folder of the .dat files")
    parser.add_argument("--only", choices=CONVERTERS, action="append", help="just this one")
    parser.add_argument("--fp32", type=Path, metavar="OUT", help="write only the fp32 encoder")
    arguments = parser.parse_args()
    models = models_folder(arguments.models)
    if arguments.fp32:
        arguments.fp32.write_bytes(encoder(models, half=False))
        return
    manifest_path = _PACKAGE / "manifest.toml"
    for name in arguments.only or CONVERTERS:
        data = CONVERTERS[name](models)
        manifest = manifest_path.read_text(encoding="utf-8")
        target = _PACKAGE / "files" / file_name(manifest, name)
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(data)
        manifest_path.write_text(with_digest(manifest, name, data), encoding="utf-8")
        digest = hashlib.sha256(data).hexdigest()
        print(f"{target.name}  {len(data)} bytes  sha256 {digest}", file=sys.stderr)


if __name__ == "__main__":
    main()
