"""The score file: everything comes back, and nothing wrong gets in."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import made_scores, made_searches

from maskwise.errors import EvaluationError, OutputError
from maskwise.evaluate.score_file import (
    content_sha256,
    read_scores,
    read_searches,
    write_scores,
)
from maskwise.evaluate.scores import Labels, Scores


def same_labels(one: dict[str, Labels], two: dict[str, Labels]) -> bool:
    return one.keys() == two.keys() and all(
        one[key].values == two[key].values and np.array_equal(one[key].codes, two[key].codes)
        for key in one
    )


def test_trials_come_back(tmp_path: Path) -> None:
    scores = made_scores()
    digest = write_scores(tmp_path / "s.npz", scores)
    back = read_scores(tmp_path / "s.npz")
    for name in ("pairs", "scores", "mated", "fold"):
        one, two = getattr(scores, name), getattr(back, name)
        assert one.dtype == two.dtype
        assert np.array_equal(one, two, equal_nan=name == "scores")
    assert (back.provenance, back.photos, back.subjects) == (
        scores.provenance,
        scores.photos,
        scores.subjects,
    )
    assert same_labels(back.labels(), scores.labels())
    assert list(back.attributes) == ["light / side"]
    assert content_sha256(back) == digest == content_sha256(scores)
    without = made_scores(fold=None, attributes={})
    write_scores(tmp_path / "w.npz", without)
    assert read_scores(tmp_path / "w.npz").fold is None


def test_searches_come_back(tmp_path: Path) -> None:
    searches = made_searches()
    digest = write_scores(tmp_path / "s.npz", searches)
    back = read_searches(tmp_path / "s.npz")
    for name in ("mated", "mate_score", "rank", "other_score"):
        assert np.array_equal(
            getattr(back, name), getattr(searches, name), equal_nan=name[-1] == "e"
        )
    for name in ("provenance", "probes", "subjects", "people", "references", "enrol_failures"):
        assert getattr(back, name) == getattr(searches, name)
    assert same_labels(back.labels(), searches.labels())
    assert content_sha256(back) == digest


def test_no_digit_of_a_double_is_lost(tmp_path: Path) -> None:
    scores = np.array(made_scores().scores)
    scores[0] = 0.1
    write_scores(tmp_path / "s.npz", made_scores(scores=scores))
    assert read_scores(tmp_path / "s.npz").scores[0] == 0.1


def test_no_trials_are_a_file_too(tmp_path: Path) -> None:
    none = made_scores().subset(np.zeros(0, np.int64))
    write_scores(tmp_path / "s.npz", none)
    assert len(read_scores(tmp_path / "s.npz")) == 0


def test_equal_content_is_equal_bytes_and_other_content_is_not(tmp_path: Path) -> None:
    one, two, three = (tmp_path / name for name in ("1.npz", "2.npz", "3.npz"))
    write_scores(one, made_scores())
    write_scores(two, read_scores(one))
    assert one.read_bytes() == two.read_bytes()
    assert write_scores(three, made_scores(seed=1)) != content_sha256(made_scores())


def test_numpy_opens_it_without_pickle(tmp_path: Path) -> None:
    write_scores(tmp_path / "s.npz", made_scores())
    with np.load(tmp_path / "s.npz", allow_pickle=False) as columns:
        header = json.loads(columns["header"].tobytes())
        assert columns["scores"].dtype == np.float32
        assert columns["pairs"].shape == (header["count"], 2)
    assert header["provenance"]["encoder_id"] == "net/0123456789ab/chip/l2-1"
    assert header["provenance"]["models"] == {"detector": "a" * 64, "encoder": "b" * 64}


def test_it_is_compact(tmp_path: Path) -> None:
    scores = made_scores(people=100)
    write_scores(tmp_path / "s.npz", scores)
    assert (tmp_path / "s.npz").stat().st_size < 10 * len(scores)


def members(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rebuilt(path: Path, parts: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def header_with(parts: dict[str, bytes], **changes: Any) -> None:
    header = json.loads(np.load(io.BytesIO(parts["header.npy"])).tobytes())
    text = json.dumps({**header, **changes}).encode()
    parts["header.npy"] = npy(np.frombuffer(text, np.uint8))


def drop(name: str) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.pop(name) and None


def put(name: str, array: Any) -> Callable[[dict[str, bytes]], None]:
    return lambda parts: parts.update({name: npy(array)})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda parts: header_with(parts, version=2), "version 2.*update maskwise"),
        (
            lambda parts: header_with(parts, kind="searches"),
            "holds searches, and trials are needed",
        ),
        (lambda parts: header_with(parts, format="other"), "no header of a score file"),
        (lambda parts: header_with(parts, photos=["x"]), "SHA-256"),
        (lambda parts: header_with(parts, count=-1), "make it again"),
        (drop("header.npy"), "make it again"),
        (drop("scores.npy"), "make it again"),
        (put("scores.npy", np.zeros(7140, np.float32)), "SHA-256"),
        (put("scores.npy", np.zeros(7140, np.int64)), "scores is <i8"),
        (put("scores.npy", np.zeros(3, np.float32)), "scores is"),
        (put("mated.npy", np.array([None] * 7140)), "Object arrays cannot be loaded"),
        (put("other.npy", np.zeros(3)), "make it again"),
        (put("pairs.npy", np.zeros((7140, 2000), np.int32)), "larger than it can be"),
        (lambda parts: parts.update({"scores.npy": b"junk"}), "make it again"),
    ],
)
def test_a_changed_file_is_refused(
    tmp_path: Path, change: Callable[[dict[str, bytes]], None], why: str
) -> None:
    path = tmp_path / "s.npz"
    write_scores(path, made_scores())
    assert len(made_scores()) == 7140
    parts = members(path)
    rebuilt(path, parts)
    read_scores(path)
    change(parts)
    rebuilt(path, parts)
    with pytest.raises(EvaluationError, match=f"{path}: .*{why}"):
        read_scores(path)


def test_a_damaged_file_is_refused_wherever_the_damage_is(tmp_path: Path) -> None:
    path = tmp_path / "s.npz"
    write_scores(path, made_scores(people=6))
    whole = path.read_bytes()
    back, refused = content_sha256(made_scores(people=6)), []
    for place in range(0, len(whole), 97):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0x55]) + whole[place + 1 :])
        try:
            found = read_scores(path)
        except EvaluationError as error:
            refused.append(str(error))
        else:  # a byte that says nothing, such as a date
            assert content_sha256(found) == back
    assert len(refused) > len(whole) / 97 / 2
    assert all(text.startswith(f"{path}: ") for text in refused)
    for length in (0, 10, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(EvaluationError, match="make it again"):
            read_scores(path)


def test_a_file_that_contradicts_itself_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = made_scores()
    with monkeypatch.context() as patch:
        patch.setattr(Scores, "_check", lambda self: None)
        write_scores(tmp_path / "s.npz", made_scores(scores=np.full(len(good), np.nan)))
    with pytest.raises(EvaluationError, match=r"s\.npz: contradicts itself .*trial 0 is NaN"):
        read_scores(tmp_path / "s.npz")


def test_a_file_that_is_not_there_or_a_folder(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match="no such file"):
        read_scores(tmp_path / "s.npz")
    with pytest.raises(EvaluationError, match=r"cannot be read|is no score file"):
        read_scores(tmp_path)
    write_scores(tmp_path / "s.npz", made_scores(people=4))
    with pytest.raises(EvaluationError, match="holds trials"):
        read_searches(tmp_path / "s.npz")


def test_what_cannot_be_written_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.npz"
    write_scores(path, made_scores(people=4))
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match=r"s\.npz: cannot be written \(No space left"):
        write_scores(path, made_scores(people=5))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["s.npz"]
    with pytest.raises(OutputError, match="cannot be written"):
        write_scores(tmp_path / "missing" / "s.npz", made_scores(people=4))
    with pytest.raises(OutputError, match="no name of a file"):
        write_scores("", made_scores(people=4))
