"""Thresholds that a gallery on a server has of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from maskwise import Recognizer
from maskwise.cli import main
from maskwise.errors import ConfigurationError
from maskwise.gallery import Gallery, open_gallery
from maskwise.testing.fakes import (
    FakeDetector,
    FakeEncoder,
    FakeMaskClassifier,
    FakePredictor,
    face_picture,
)

RED = (220, 60, 60)
PAIRS = ("bare-bare", "bare-masked", "masked-masked")
ROW = {
    "fmr": [0.1, 0.01],
    "threshold": [0.6, 0.8],
    "non_mated": 1000,
    "calibrated_on": "some people",
    "llr": {"kind": "logistic", "slope": 10.0, "offset": -9.0, "low": -3.0, "high": 3.0},
}


def content(encoder: str = "fake-encoder") -> str:
    models = {
        "detector": "fake-detector",
        "landmarks": "fake-predictor",
        "mask": "fake-mask",
        "encoder": encoder,
    }
    return json.dumps(
        {
            "format": "maskwise-operating-points",
            "version": 1,
            "encoders": {encoder: dict.fromkeys(PAIRS, ROW)},
            "provenance": {"models": models},
        }
    )


def recognizer(gallery: Any) -> Recognizer:
    return Recognizer(
        gallery,
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
    )


def test_it_decides_for_everybody_who_opens_the_gallery(
    connect: Callable[[], Gallery], url: str
) -> None:
    store = connect()
    assert (store.keeps_calibration, store.calibration()) == (True, None)
    store.keep_calibration("{}")
    store.keep_calibration(content())
    with recognizer(url) as there:
        there.enrol("Ruby", face_picture([(RED, 90, 40, 120)]))
        (found,) = there.identify(face_picture([(RED, 90, 40, 120)]))
        point = found.decision.operating_point
        assert point is not None
        assert (point.calibration, point.calibrated_on) == ("own", "some people")
    store.keep_calibration(None)
    assert store.calibration() is None
    assert [e.action for e in store.audit_log()][-1] == "calibration"


def test_one_that_does_not_hold_stops_the_decision(
    connect: Callable[[], Gallery], url: str
) -> None:
    connect().keep_calibration(content("another-encoder"))
    with recognizer(url) as there, pytest.raises(ConfigurationError, match="--drop") as caught:
        _ = there.operating_points
    assert str(caught.value).startswith("postgresql://")


def test_drop(connect: Callable[[], Gallery], url: str) -> None:
    store = connect()
    store.keep_calibration(content())
    result = CliRunner().invoke(main, ["calibrate", "--drop", "--gallery", url, "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"dropped": store.where}
    assert store.calibration() is None
    result = CliRunner().invoke(main, ["calibrate", "--drop", "--gallery", url])
    assert result.exit_code == 2
    assert "no calibration of its own" in result.stderr


def test_drop_beside_a_file(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g.db") as gallery:
        assert not gallery.keeps_calibration
        with pytest.raises(ConfigurationError, match="keeps no calibration"):
            gallery.keep_calibration("{}")
    beside = tmp_path / "g.db.calibration.json"
    beside.write_text(content())
    named = ["--gallery", str(tmp_path / "g.db")]
    for wrong in (["--out", "x"], ["--folder", str(tmp_path)], ["--dry-run"]):
        refused = CliRunner().invoke(main, ["calibrate", "--drop", *wrong, *named])
        assert refused.exit_code == 2
        assert beside.exists()
    result = CliRunner().invoke(main, ["calibrate", "--drop", *named])
    assert result.exit_code == 0
    assert not beside.exists()


def test_a_copy_takes_it_along(connect: Callable[[], Gallery], url: str, tmp_path: Path) -> None:
    with recognizer(tmp_path / "g.db") as there:
        there.enrol("Ruby", face_picture([(RED, 90, 40, 120)]))
    (tmp_path / "g.db.calibration.json").write_text(content())
    copy = ["gallery", "copy", str(tmp_path / "g.db"), url, "--json"]
    for expected in (True, False):  # the second time it is there
        result = CliRunner().invoke(main, copy)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["calibration"] is expected
    assert connect().calibration() == content()
    back = CliRunner().invoke(main, ["gallery", "copy", url, str(tmp_path / "b.db"), "--json"])
    assert json.loads(back.stdout)["calibration"] is True
    assert (tmp_path / "b.db.calibration.json").read_text() == content()
    assert CliRunner().invoke(main, ["gallery", "copy", url, str(tmp_path / "b.db")]).exit_code == 0


def test_what_is_no_text_is_not_copied_to_a_server(url: str, tmp_path: Path) -> None:
    with recognizer(tmp_path / "g.db") as there:
        there.enrol("Ruby", face_picture([(RED, 90, 40, 120)]))
    (tmp_path / "g.db.calibration.json").write_bytes(b"\xff\xfe")
    result = CliRunner().invoke(main, ["gallery", "copy", str(tmp_path / "g.db"), url])
    assert result.exit_code == 2
    assert "everybody was copied, but not the calibration" in result.stderr
    assert "internal error" not in result.stderr
