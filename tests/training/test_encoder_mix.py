"""A student that is mixed with the stock network, as a file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    names = ("mix", "network")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path[:] = before


def run(parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, *given: object) -> None:
    monkeypatch.setattr(sys, "argv", ["mix.py", *map(str, given)])
    parts.mix.main()


def test_shares_of_none_and_all_are_the_two_files(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stock = parts.network.STOCK
    student = stock.with_name("maskwise-v1.onnx")
    for share, expected in ((0, stock), (1, student)):
        out = tmp_path / f"{share}.onnx"
        run(parts, monkeypatch, student, "--share", share, "--out", out)
        # Not by bytes: a nought may have got another sign.
        found, wanted = (list(parts.network.read(path).parameters()) for path in (out, expected))
        assert all(map(torch.equal, found, wanted))


def test_the_manifest_gets_the_new_digest_and_nothing_else(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = (parts.mix.PACKAGE / "manifest.toml").read_text("utf-8")
    student = parts.network.STOCK.with_name("maskwise-v1.onnx")
    (tmp_path / "files").mkdir()
    (tmp_path / "manifest.toml").write_text(before, "utf-8")
    monkeypatch.setattr(parts.mix, "PACKAGE", tmp_path)
    run(parts, monkeypatch, student, "--share", "0.5", "--name", "maskwise-v1")
    after = (tmp_path / "manifest.toml").read_text("utf-8")
    changed = [a for a, b in zip(after.splitlines(), before.splitlines(), strict=True) if a != b]
    assert [line.partition(" ")[0] for line in changed] == ["sha256"]


def test_a_share_beyond_one_is_refused(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SystemExit):
        run(parts, monkeypatch, "x.onnx", "--share", "1.2", "--out", tmp_path / "y.onnx")
