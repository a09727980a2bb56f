"""The calibration beside a gallery: it decides, or it stops the decision."""

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from maskwise import Recognizer, decide, encode
from maskwise.decide import OperatingPoints
from maskwise.errors import ConfigurationError, MaskwiseError
from maskwise.gallery import gallery_file, open_gallery
from maskwise.own_calibration import carry, entries, joined, place_beside, read_own
from maskwise.testing.fakes import (
    FakeDetector,
    FakeEncoder,
    FakeMaskClassifier,
    FakePredictor,
    face_picture,
)

RED, GREEN = (220, 60, 60), (60, 200, 60)
MODELS = {
    "detector": "fake-detector",
    "landmarks": "fake-predictor",
    "mask": "fake-mask",
    "encoder": "fake-encoder",
}


def row(*thresholds: float) -> dict[str, Any]:
    return {
        "fmr": [0.1, 0.01],
        "threshold": list(thresholds),
        "non_mated": 1000,
        "calibrated_on": "some people",
        "llr": {"kind": "logistic", "slope": 10.0, "offset": -9.0, "low": -3.0, "high": 3.0},
    }


def content(**changes: Any) -> dict[str, Any]:
    pairs = ("bare-bare", "bare-masked", "masked-masked")
    return {
        "format": "maskwise-operating-points",
        "version": 1,
        "encoders": {"fake-encoder": {pair: row(0.6, 0.8) for pair in pairs}},
        "provenance": {"models": dict(MODELS)},
        "target_fmr": 0.1,
        **changes,
    }


def write(path: Path, given: Any) -> Path:
    path.write_text(json.dumps(given))
    return path


def recognizer(gallery: Any, **arguments: Any) -> Recognizer:
    return Recognizer(
        gallery,
        detector=FakeDetector(),
        predictor=FakePredictor(),
        mask_classifier=FakeMaskClassifier(),
        encoder=FakeEncoder(),
        **arguments,
    )


def face(colour: tuple[int, int, int], *, left: int = 90, masked: bool = False) -> Any:
    return face_picture([(colour, left, 40, 120)], masked=[0] if masked else [])


@pytest.fixture
def shipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thresholds that ship for the fake encoder: so high that nobody passes."""
    table = {"encoders": {"fake-encoder": {"bare-bare": row(1.5, 1.6)}}}
    monkeypatch.setattr(decide, "_shipped_table", lambda: table)


@pytest.mark.usefixtures("shipped")
class TestTheRecognizer:
    def test_it_decides_by_the_file_beside_its_gallery(self, tmp_path: Path) -> None:
        with recognizer(tmp_path / "g.db") as before:
            before.enrol("Ruby", face(RED))
            (found,) = before.identify(face(RED))
            assert found.decision.outcome == "no_match"
            assert found.decision.operating_point is not None
            assert found.decision.operating_point.calibration == "shipped"
        write(tmp_path / "g.db.calibration.json", content())
        for gallery in (tmp_path / "g.db", str(tmp_path / "g.db"), f"sqlite:///{tmp_path}/g.db"):
            with recognizer(gallery) as after:
                (found,) = after.identify(face(RED))
                point = found.decision.operating_point
                assert point is not None
                assert (point.calibration, point.calibrated_on) == ("own", "some people")
                assert found.decision.outcome == "match"
                # 10 x 1 - 9, the score being a cosine of 1.
                assert found.decision.llr == pytest.approx(1, abs=0.01)

    def test_an_open_gallery_has_a_file_too(self, tmp_path: Path) -> None:
        write(tmp_path / "g.db.calibration.json", content())
        with open_gallery(tmp_path / "g.db") as store:
            assert store.file == tmp_path / "g.db"
            assert recognizer(store).operating_points.source == "own"
        with open_gallery(None) as store:
            assert store.file is None
            assert recognizer(store).operating_points.source == "shipped"

    def test_verify_uses_it_at_its_target_without_a_gallery(self, tmp_path: Path) -> None:
        write(tmp_path / "g.db.calibration.json", content())
        r = recognizer(tmp_path / "g.db")
        decision = r.verify(face(RED), face(RED, left=100)).decision
        point = decision.operating_point
        assert point is not None
        assert (point.calibration, point.threshold, point.target_fmr) == ("own", 0.6, 0.1)
        assert decision.llr == pytest.approx(1, abs=0.01)
        strict = recognizer(tmp_path / "g.db", target_fmr=0.01)
        asked = strict.verify(face(RED), face(RED)).decision.operating_point
        assert asked is not None
        assert (asked.target_fmr, asked.threshold) == (0.01, pytest.approx(0.8))
        assert not (tmp_path / "g.db").exists()

    def test_in_memory_and_without_a_file_the_shipped_ones_decide(self, tmp_path: Path) -> None:
        for gallery in (None, ":memory:", "sqlite://", tmp_path / "g.db", tmp_path / "no" / "g.db"):
            assert recognizer(gallery).operating_points.source == "shipped"

    def test_thresholds_that_are_handed_in_come_first(self, tmp_path: Path) -> None:
        (tmp_path / "g.db.calibration.json").write_text("rubbish")
        given = OperatingPoints.shipped("fake-encoder")
        assert recognizer(tmp_path / "g.db", operating_points=given).operating_points is given

    def test_a_copied_gallery_falls_back_and_a_new_one_takes_it_up(self, tmp_path: Path) -> None:
        with recognizer(tmp_path / "g.db") as r:
            r.enrol("Ruby", face(RED))
        write(tmp_path / "g.db.calibration.json", content())
        (tmp_path / "copy.db").write_bytes((tmp_path / "g.db").read_bytes())
        with recognizer(tmp_path / "copy.db") as r:
            assert r.identify(face(RED))[0].decision.outcome == "no_match"
        (tmp_path / "g.db").unlink()
        with recognizer(tmp_path / "g.db") as r:
            r.enrol("Olive", face(GREEN))
            assert r.identify(face(GREEN))[0].decision.outcome == "match"

    def test_one_of_other_models_stops_decisions_but_not_enrolment(self, tmp_path: Path) -> None:
        path = write(
            tmp_path / "g.db.calibration.json",
            content(provenance={"models": {**MODELS, "detector": "hog"}}),
        )
        with recognizer(tmp_path / "g.db") as r:
            r.enrol("Ruby", face(RED))
            wrong = f"{path}: .* detector hog, and this is fake-detector.*calibrate anew"
            with pytest.raises(ConfigurationError, match=wrong):
                r.identify(face(RED))
            with pytest.raises(ConfigurationError, match=wrong):
                r.verify(face(RED), face(RED))


@pytest.mark.usefixtures("shipped")
class TestThePeopleOfAnotherEncoder:
    """A gallery whose calibration is of its own encoder, met by another of the space."""

    def student(self, gallery: Path) -> Recognizer:
        encoder = FakeEncoder()
        encoder.id = "student"  # type: ignore[misc]
        return Recognizer(
            gallery,
            detector=FakeDetector(),
            predictor=FakePredictor(),
            mask_classifier=FakeMaskClassifier(),
            encoder=encoder,
        )

    def test_shipped_thresholds_do_not_take_the_owner_s_place_unnoticed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        curves = {"bare-bare": row(0.7, 0.75)}
        table = {"encoders": {"fake-encoder x student": curves}}
        monkeypatch.setattr(decide, "_shipped_table", lambda: table)
        with recognizer(tmp_path / "g.db") as r:
            r.enrol("Ruby", face(RED))
        with self.student(tmp_path / "g.db") as r:
            (found,) = r.identify(face(RED))
            assert found.decision.outcome == "match"
            assert not any("beside the gallery" in why for why in found.decision.reasons)
        write(tmp_path / "g.db.calibration.json", content())
        with self.student(tmp_path / "g.db") as r:
            (found,) = r.identify(face(RED))
            point = found.decision.operating_point
            assert point is not None
            assert (found.decision.outcome, point.calibration) == ("match", "shipped")
            assert (
                "calibration beside the gallery has none for this pair"
                in (found.decision.reasons[0])
            )

    def test_without_shipped_ones_nothing_is_decided(self, tmp_path: Path) -> None:
        with recognizer(tmp_path / "g.db") as r:
            r.enrol("Ruby", face(RED))
        write(tmp_path / "g.db.calibration.json", content())
        with self.student(tmp_path / "g.db") as r:
            (found,) = r.identify(face(RED))
            assert found.decision.outcome == "insufficient"
            with pytest.raises(ConfigurationError, match="made with the encoder fake-encoder"):
                r.verify(face(RED), face(RED))


def test_the_option_of_the_encoder_that_it_was_made_with_is_named(tmp_path: Path) -> None:
    made_for = encode.create("dlib-resnet-v1").id
    given = content(
        encoders={made_for: {"bare-bare": row(0.6, 0.8)}},
        provenance={"models": {**MODELS, "encoder": made_for}},
    )
    path = write(tmp_path / "c.json", given)
    ours = encode.create().id
    with pytest.raises(ConfigurationError, match=r"made with \(--encoder dlib-resnet-v1\), calib"):
        read_own(path, ours, {**MODELS, "encoder": ours})


def test_its_own_thresholds_reach_first_then_the_shipped_ones(
    tmp_path: Path, shipped: None
) -> None:
    points = read_own(write(tmp_path / "c.json", content()), "fake-encoder", MODELS)
    assert points is not None
    assert points.at_fmr("bare-bare", 0.01).calibration == "own"
    beyond = points.at_fmr("bare-bare", 1e-3)
    # The shipped table ends at 0.01 too.
    assert (beyond.calibration, beyond.supported) == ("own", False)


def test_an_encoder_without_shipped_thresholds_has_no_fallback(tmp_path: Path) -> None:
    points = read_own(write(tmp_path / "c.json", content()), "fake-encoder", MODELS)
    assert points is not None
    assert points.pairs == {"bare-bare", "bare-masked", "masked-masked"}
    assert points.at_fmr("bare-bare", 0.1).threshold == 0.6


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"version": 3}, "format 3.*update maskwise"),
        ({"version": 2}, "damaged"),
        ({"version": 0}, "damaged"),
        ({"version": True}, "damaged"),
        ({"version": "x"}, "damaged"),
        ({"format": "scores"}, "damaged"),
        ({"encoders": {}}, "damaged"),
        ({"encoders": {"fake-encoder": {}}}, "damaged.*no wear pair"),
        ({"encoders": {"fake-encoder": {"bare-bare": {}}}}, "damaged"),
        ({"encoders": {"fake-encoder": {"bare-bare": row(0.8, 0.6)}}}, "damaged"),
        ({"encoders": {"fake-encoder": {"bare-bare": {**row(0, 1), "llr": {}}}}}, "damaged"),
        ({"encoders": {"other": {"bare-bare": row(0.6, 0.8)}}}, "encoder other, and this is fake"),
        ({"provenance": {"models": {**MODELS, "mask": "x"}}}, "mask x, and this is fake-mask"),
        ({"provenance": {"models": {}}}, "detector None"),
        ({"provenance": {}}, "damaged"),
        ({"target_fmr": 0}, "damaged.*target FMR"),
        ({"target_fmr": "x"}, "damaged"),
    ],
)
def test_a_file_that_does_not_fit_is_refused(
    tmp_path: Path, changes: dict[str, Any], why: str
) -> None:
    path = write(tmp_path / "c.json", content(**changes))
    with pytest.raises(ConfigurationError, match=f"{path}: .*{why}.*maskwise calibrate"):
        read_own(path, "fake-encoder", MODELS)


@pytest.mark.parametrize("damage", [b"", b"[]", b"null", b"3", b"\xff\xfe", b'{"format"'])
def test_a_damaged_file_is_refused(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "c.json").write_bytes(damage)
    with pytest.raises(ConfigurationError, match=r"c\.json: .*move the file away"):
        read_own(tmp_path / "c.json", "fake-encoder", MODELS)


def test_a_cut_off_or_altered_file_is_refused_or_read(tmp_path: Path) -> None:
    """Whatever a byte is turned into, it is a message that names the file, never another error."""
    whole = json.dumps(content()).encode()
    rng = np.random.default_rng(0)
    path = tmp_path / "c.json"

    def complaint() -> str | None:
        try:
            read_own(path, "fake-encoder", MODELS)
        except MaskwiseError as error:
            return str(error)
        return None

    told = []
    for _ in range(300):
        text = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        text[rng.integers(len(text))] = rng.integers(256)
        path.write_bytes(text)
        told.append(complaint())
    assert sum(one is not None for one in told) > 200
    assert all(one is None or one.startswith(f"{path}: ") for one in told)


def test_a_folder_is_no_calibration_and_nothing_is_none(tmp_path: Path) -> None:
    (tmp_path / "c.json").mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_own(tmp_path / "c.json", "fake-encoder", MODELS)
    assert read_own(tmp_path / "missing.json", "fake-encoder", MODELS) is None
    (tmp_path / "file").write_text("")
    assert read_own(tmp_path / "file" / "c.json", "fake-encoder", MODELS) is None


def test_readers_see_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    from maskwise.evaluate.files import written_at_once

    path = tmp_path / "c.json"
    versions = [content(target_fmr=0.1), content(target_fmr=0.01)]
    write(path, versions[0])
    stop = threading.Event()
    seen: list[float | str] = []

    def look() -> float | str:
        try:
            points = read_own(path, "fake-encoder", MODELS)
        except Exception as error:
            return repr(error)
        return "gone" if points is None else points.default_fmr

    def read() -> None:
        while not stop.is_set():
            seen.append(look())

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for turn in range(60):
        with written_at_once(path) as file:
            file.write(json.dumps(versions[turn % 2]).encode())
    stop.set()
    for reader in readers:
        reader.join()
    assert seen
    assert set(seen) <= {0.1, 0.01}


def several(**changes: Any) -> dict[str, Any]:
    """Thresholds of fake-encoder, and of its references with a student's probes."""
    pair = "fake-encoder x student"
    student = content(
        encoders={pair: {"bare-bare": row(0.5, 0.7)}},
        provenance={"models": {**MODELS, "encoder": pair, "detector": "hog"}},
        target_fmr=0.02,
    )
    made = joined({"fake-encoder": content(), pair: student})
    return {**made, **changes}


STUDENT = {**MODELS, "encoder": "student", "detector": "hog"}


class TestSeveralEncoders:
    def test_each_has_its_own_thresholds_target_and_models(self, tmp_path: Path) -> None:
        path = write(tmp_path / "c.json", several())
        own = read_own(path, "fake-encoder", MODELS)
        pair = read_own(path, "fake-encoder x student", STUDENT)
        assert own is not None
        assert pair is not None
        assert own.at_fmr("bare-bare", 0.1).threshold == 0.6
        assert pair.at_fmr("bare-bare", 0.1).threshold == 0.5
        assert (own.default_fmr, pair.default_fmr) == (0.1, 0.02)
        assert (own.source, pair.source) == ("own", "own")
        assert (own.pairs, pair.pairs) == (
            {"bare-bare", "bare-masked", "masked-masked"},
            {"bare-bare"},
        )

    def test_other_models_than_the_pair_was_made_with_are_an_error(self, tmp_path: Path) -> None:
        path = write(tmp_path / "c.json", several())
        with pytest.raises(ConfigurationError, match="detector hog, and this is fake-detector"):
            read_own(path, "fake-encoder x student", {**MODELS, "encoder": "student"})
        with pytest.raises(ConfigurationError, match="detector fake-detector, and this is hog"):
            read_own(path, "fake-encoder", {**MODELS, "detector": "hog"})

    def test_a_pair_that_is_not_there_is_none(self, tmp_path: Path) -> None:
        path = write(tmp_path / "c.json", several())
        assert read_own(path, "fake-encoder x another", MODELS) is None
        write(path, content())
        assert read_own(path, "fake-encoder x student", STUDENT) is None
        write(path, entries(several())["fake-encoder x student"])
        assert read_own(path, "fake-encoder", MODELS) is None

    def test_another_references_encoder_is_an_error(self, tmp_path: Path) -> None:
        path = write(tmp_path / "c.json", several())
        models = {**STUDENT, "detector": "fake-detector"}
        for wanted in ("student", "other x student", "student x fake-encoder"):
            with pytest.raises(ConfigurationError, match="made with the encoder fake-encoder"):
                read_own(path, wanted, models)

    def test_it_comes_apart_as_it_was_joined(self) -> None:
        found = entries(several())
        assert set(found) == {"fake-encoder", "fake-encoder x student"}
        assert found["fake-encoder"] == content()
        assert joined(found) == several()
        assert joined({"fake-encoder": content()}) == content()

    @pytest.mark.parametrize(
        "changes",
        [
            {"version": 1},
            {"encoders": {}},
            {"encoders": ["fake-encoder"]},
            {"encoders": {"fake-encoder": {}, "other": {}}},
            {"made": {}},
            {"made": {"fake-encoder": {}}},
            {"made": {"fake-encoder": {}, "fake-encoder x student": {}}},
            {"made": []},
        ],
    )
    def test_damage_is_an_error_for_either(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        path = write(tmp_path / "c.json", several(**changes))
        for wanted in ("fake-encoder", "fake-encoder x student"):
            with pytest.raises(ConfigurationError, match=f"{path}: .*damaged.*maskwise calibrate"):
                read_own(path, wanted, MODELS)


def test_where_it_lies(tmp_path: Path) -> None:
    assert place_beside(tmp_path / "g.db") == tmp_path / "g.db.calibration.json"
    assert gallery_file("sqlite:///a/g.db") == Path("a/g.db")
    assert gallery_file("sqlite:////a/g.db") == Path("/a/g.db")
    assert gallery_file("~/g.db") == Path.home() / "g.db"
    assert gallery_file(None) is None
    assert gallery_file(":memory:") is None
    with pytest.raises(ConfigurationError, match="no gallery engine"):
        gallery_file("redis://secret@host")
    assert gallery_file("postgres://secret@host") is None


class TestCarrying:
    def test_it_goes_along_byte_by_byte_and_replaces_none(self, tmp_path: Path) -> None:
        given = b'\xff{"x": 1}\r\n'  # whatever it is worth
        (tmp_path / "a.db.calibration.json").write_bytes(given)
        with open_gallery(tmp_path / "a.db") as a, open_gallery(tmp_path / "b.db") as b:
            assert carry(a, b)
            assert (tmp_path / "b.db.calibration.json").read_bytes() == given
            (tmp_path / "b.db.calibration.json").write_bytes(b"mine")
            assert not carry(a, b)
            assert (tmp_path / "b.db.calibration.json").read_bytes() == b"mine"
            with open_gallery(None) as memory:
                assert not carry(a, memory)
                assert not carry(memory, a)
        assert sorted(p.name for p in tmp_path.iterdir()) == [
            "a.db", "a.db.calibration.json", "b.db", "b.db.calibration.json",
        ]  # fmt: skip
