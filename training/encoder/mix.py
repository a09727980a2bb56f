"""A student, mixed with the stock network: the file that ships, and its line in the manifest.

    PYTHONPATH=src python training/encoder/mix.py NAME.onnx --share 0.9 --name maskwise-v1

Each weight is ``share`` of the student's and the rest the stock network's. With --name the file
goes to where manifest.toml says, and sha256 and size into that table (the rest of it is written
by hand); with --out to another place, to be looked at.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from network import encoder_of, read
from student import mixed

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE.parent / "convert_dlib"))
from convert import file_name, with_digest

PACKAGE = _HERE.parents[1] / "src" / "maskwise" / "models"


def main() -> None:
    parser = argparse.ArgumentParser(description="Mix a student with the stock network.")
    parser.add_argument("student", type=Path, help="an ONNX file that train.py wrote")
    parser.add_argument("--share", type=float, default=1.0, help="of the student, 0 to 1")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--name", help="of the table in manifest.toml")
    where.add_argument("--out", type=Path, help="an ONNX file")
    arguments = parser.parse_args()
    if not 0 <= arguments.share <= 1:
        parser.error("--share is from 0 to 1")
    network = mixed(read(), read(arguments.student), arguments.share)
    data = encoder_of(network).SerializeToString(deterministic=True)
    if arguments.out:
        arguments.out.write_bytes(data)
        return
    manifest = PACKAGE / "manifest.toml"
    text = manifest.read_text(encoding="utf-8")
    (PACKAGE / "files" / file_name(text, arguments.name)).write_bytes(data)
    manifest.write_text(with_digest(text, arguments.name, data), encoding="utf-8")


if __name__ == "__main__":
    main()
