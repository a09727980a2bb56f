"""What cannot be encoded again is said; what goes wrong loses nothing."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from reencode_cases import MASKS, Enrol, OtherEncoder, assert_same, content, known, recognizer, run

from maskwise.errors import (
    ConfigurationError,
    InputError,
    ModelError,
    StorageError,
)
from maskwise.gallery import Gallery, open_gallery
from maskwise.gallery.sqlite import SqliteGallery
from maskwise.gallery.where import copies_beside
from maskwise.reencode import make_plan, re_encode
from maskwise.testing.command_line import GOLD, photo
from maskwise.testing.enrolments import axis, reference
from maskwise.testing.fakes import (
    FakeDetector,
)
from maskwise.types import F32, U8, Detection, Image, Wear


def test_who_would_be_lost_stops_it_unless_that_is_wanted(gallery: Gallery) -> None:
    Path("photos/olive.png").unlink()
    Path("photos/ruby-3.png").unlink()
    before, held = known(gallery), content(gallery)
    plan = make_plan(gallery)
    assert plan.origins == {"photo": 2, "none": 2}
    assert {f.why for f in plan.missing} == {"neither photo nor face was kept"}
    with pytest.raises(ConfigurationError, match=r"1 of 2 people .*\(Olive\).*--drop-missing"):
        re_encode(gallery, recognizer(), plan)
    assert known(gallery) == before
    assert content(gallery).keys() == held.keys()
    assert copies_beside(Path("g.db")) == []
    report = re_encode(gallery, recognizer(), plan, drop_missing=True)
    assert report.lost == ("Olive",)
    assert [f.step.reference.source for f in report.failures] == [
        "photos/olive.png",
        "photos/ruby-3.png",
    ]
    assert [p.subject for p in gallery.people()] == ["Ruby"]
    assert report.size == gallery.size()
    assert report.before is not None
    with open_gallery(report.before) as old:
        assert known(old) == before


def test_nobody_left_is_refused_even_so(gallery: Gallery) -> None:
    shutil.rmtree("photos")
    with pytest.raises(ConfigurationError, match="none of 4 photos"):
        re_encode(gallery, recognizer(), make_plan(gallery), drop_missing=True)
    assert gallery.encoder_id == "fake-encoder"


def test_imported_encodings_cannot_be_turned_round(gallery: Gallery) -> None:
    gallery.enrol(
        "Imported",
        [reference("imported: x#1", [(Wear("unknown"), axis(0, 4))], encoder="fake-encoder")],
    )
    plan, report = run(gallery, drop_missing=True)
    assert [f.step.subject for f in plan.missing] == ["Imported"]
    assert report.lost == ("Imported",)


def test_a_photo_in_which_no_face_is_found_any_more(gallery: Gallery) -> None:
    class Blind(FakeDetector):
        id = "blind"

        def detect(self, image: Image) -> list[Detection]:
            return [] if "olive" in image.source else super().detect(image)

    plan = make_plan(gallery)
    with pytest.raises(ConfigurationError, match="1 of 2 people"):
        re_encode(gallery, recognizer(detector=Blind()), plan)
    assert gallery.encoder_id == "fake-encoder"
    # What was encoded is not encoded again.
    report = re_encode(gallery, recognizer(detector=Blind()), plan, drop_missing=True)
    assert report.resumed == 3
    assert "no face found where the enrolled one was" in report.failures[0].why
    assert {r.detector_id for r in gallery.show("Ruby").references} == {"blind"}


def test_an_interrupted_run_changes_nothing_and_goes_on(gallery: Gallery, enrol: Enrol) -> None:
    before, held = known(gallery), content(gallery)
    seen: list[str] = []

    def stop(step: object) -> None:
        seen.append("one")
        if len(seen) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(gallery, on_reference=stop)
    assert known(gallery) == before
    assert content(gallery).keys() == held.keys()
    (draft,) = copies_beside(Path("g.db"))
    assert draft.name.startswith("g.db.re-encoding-")
    assert draft.stat().st_mode & 0o777 == 0o600
    _, report = run(gallery)
    assert report.resumed == 3
    assert copies_beside(Path("g.db")) == [report.before]
    with open_gallery(enrol("wanted.db", other=True)) as wanted:
        assert_same(gallery, wanted)


def test_models_that_cannot_run_leave_no_draft(gallery: Gallery) -> None:
    class Broken(OtherEncoder):
        def encode_batch(self, chips: U8) -> F32:
            raise ModelError("the file is cut short")

    before = content(gallery).keys()
    with pytest.raises(ModelError, match="cut short"):
        re_encode(gallery, recognizer(encoder=Broken()), make_plan(gallery))
    assert copies_beside(Path("g.db")) == []
    assert content(gallery).keys() == before


def test_a_draft_is_for_one_precision(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(step: object) -> None:
        raise KeyboardInterrupt

    for precision in ("fp32", "fast"):
        monkeypatch.setenv("MASKWISE_PRECISION", precision)
        with pytest.raises(KeyboardInterrupt):
            run(gallery, on_reference=stop)
    assert len(copies_beside(Path("g.db"))) == 2


def test_a_draft_is_for_one_set_of_models_and_for_what_is_enrolled_now(
    gallery: Gallery, photos: dict[str, list[Path]]
) -> None:
    def stop(step: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(gallery, on_reference=stop)
    with pytest.raises(KeyboardInterrupt):
        re_encode(gallery, recognizer(other=False), make_plan(gallery), on_reference=stop)
    assert len(copies_beside(Path("g.db"))) == 2
    # Olive, who was done, is enrolled with a mask more meanwhile.
    recognizer(gallery, other=False).enrol("Olive", photos["Olive"], masks=["gas", *MASKS])
    _, report = run(gallery)
    assert report.resumed == 0
    labels = {t.wear.label for t in content(gallery)["Olive", "photos/olive.png"]}
    assert labels == {"none", "virtual:surgical", "virtual:n95", "virtual:gas"}
    # A draft that is damaged is of no use, and in nobody's way.
    other = recognizer(other=False)
    (draft,) = (p for p in copies_beside(Path("g.db")) if p != report.before)
    draft.write_bytes(b"x" * 5000)
    re_encode(gallery, other, make_plan(gallery))
    assert gallery.encoder_id == "fake-encoder"


def test_who_is_enrolled_meanwhile_is_not_lost(
    gallery: Gallery, photos: dict[str, list[Path]]
) -> None:
    plan = make_plan(gallery)
    late = photo("photos/late.png", GOLD)
    with open_gallery("g.db") as elsewhere:
        recognizer(elsewhere, other=False).enrol("Goldie", late)
    with pytest.raises(InputError, match=r"enrolled meanwhile; run it again"):
        re_encode(gallery, recognizer(), plan)
    assert gallery.encoder_id == "fake-encoder"
    assert not any(".before-" in p.name for p in copies_beside(Path("g.db")))
    _, report = run(gallery)
    assert report.resumed == 4
    assert {p.subject for p in gallery.people()} == {"Ruby", "Olive", "Goldie"}


@pytest.mark.parametrize("where", ["draft", "copy", "gallery"])
def test_a_full_disk_loses_nothing(
    gallery: Gallery, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, held = known(gallery), content(gallery)
    assert isinstance(gallery, SqliteGallery)
    full = sqlite3.OperationalError("database or disk is full")
    with monkeypatch.context() as patch:
        if where == "gallery":
            # The real thing: SQLite may take no page more.
            (pages,) = gallery._connection.execute("PRAGMA page_count").fetchone()
            gallery._connection.execute(f"PRAGMA max_page_count = {pages}")
            patch.setattr(OtherEncoder, "dim", 4000)
            patch.setattr(
                OtherEncoder,
                "encode_batch",
                lambda self, chips: np.eye(4000, dtype=np.float32)[: len(chips)],
            )
        elif where == "draft":
            patch.setattr("maskwise.gallery.enrolling.add_templates", _raise(full))
        else:
            patch.setattr("maskwise.gallery.sqlite.copy_to", _raise(OSError(28, "No space left")))
        with pytest.raises(StorageError, match=r"full|No space left"):
            run(gallery)
    assert known(gallery) == before
    assert content(gallery).keys() == held.keys()
    assert gallery.encoder_id == "fake-encoder"
    assert gallery.integrity_check() == []
    assert not any(".before-" in p.name for p in copies_beside(Path("g.db")))
    if where == "gallery":
        gallery._connection.execute("PRAGMA max_page_count = 1000000")
        for draft in copies_beside(Path("g.db")):
            draft.unlink()
    run(gallery)
    assert gallery.encoder_id == "other-encoder"


def _raise(error: Exception) -> Callable[..., None]:
    def failing(*_: object) -> None:
        raise error

    return failing


def test_a_damaged_kept_face_is_said_and_the_photo_taken_instead(enrol: Enrol) -> None:
    place = enrol("g.db", keep="faces")
    connection = sqlite3.connect(place)
    connection.execute(
        "UPDATE kept_face SET face = substr(face, 1, length(face) - 20)"
        " WHERE reference_id = (SELECT max(reference_id) FROM kept_face)"
    )
    connection.commit()
    connection.close()
    with open_gallery(place) as gallery:
        assert make_plan(gallery).origins == {"kept": 3, "photo": 1}
        shutil.rmtree("photos")
        plan = make_plan(gallery)
        (failure,) = plan.missing
        assert failure.why.startswith("a kept face is damaged (")
        assert "nor was its photo found" in failure.why


def test_a_mask_that_cannot_be_drawn_again_stops_it_before_any_work(gallery: Gallery) -> None:
    connection = sqlite3.connect("g.db")
    connection.execute(
        """UPDATE template SET mask_spec = replace(mask_spec, '"n95"', '"my/mask.toml"'),
        mask_type = 'my/mask.toml' WHERE mask_type = 'n95'"""
    )
    connection.commit()
    connection.close()
    with pytest.raises((ConfigurationError, InputError), match=r"my/mask\.toml"):
        make_plan(gallery)


DIES = """
import os, signal, sys
from maskwise.gallery import open_gallery
from maskwise.reencode import make_plan, re_encode
from reencode_cases import recognizer

module, name, calls = sys.argv[1], sys.argv[2], int(sys.argv[3])
module = __import__(module, fromlist=["x"])
real, seen = getattr(module, name), []

def dying(*args, **how):
    result = real(*args, **how)
    seen.append(1)
    if len(seen) == calls:
        os.kill(os.getpid(), signal.SIGKILL)
    return result

setattr(module, name, dying)
with open_gallery("g.db") as gallery:
    re_encode(gallery, recognizer(), make_plan(gallery))
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize(
    ("step", "calls", "moved"),
    [
        ("maskwise.reencode.run _encode", 2, False),
        ("maskwise.gallery.enrolling add_templates", 3, False),  # into the draft
        ("maskwise.gallery.sqlite copy_to", 1, False),
        ("maskwise.gallery.enrolling add_templates", 6, False),  # into the gallery
        ("maskwise.gallery.replacing replace", 1, False),  # all, but not stored
        ("maskwise.reencode.run _replace", 1, True),
    ],
)
def test_a_killed_run_leaves_the_old_gallery_or_the_new_one(
    gallery: Gallery, enrol: Enrol, step: str, calls: int, moved: bool
) -> None:
    before, held = known(gallery), content(gallery)
    gallery.close()
    paths = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", DIES, *step.split(), str(calls)],
        env={**os.environ, "PYTHONPATH": paths},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    with open_gallery("g.db") as found:
        assert found.integrity_check() == []
        assert known(found) == before
        assert found.encoder_id == ("other-encoder" if moved else "fake-encoder")
        if not moved:
            for key, templates in content(found).items():
                for t, u in zip(templates, held[key], strict=True):
                    np.testing.assert_array_equal(t.vector, u.vector)
        run(found)
        with open_gallery(enrol("wanted.db", other=True)) as wanted:
            assert_same(found, wanted)
