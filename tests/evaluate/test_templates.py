"""Photos -> templates, on backends without models: nothing dropped, nothing made twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_people import (
    Colours,
    Mouths,
    calls,
    colour_of,
    people,
    picture,
    recognizer,
    save,
    two_faces,
)
from PIL import Image as PillowImage

from maskwise import Recognizer, masks
from maskwise.align import ChipSpec
from maskwise.errors import InputError, OutputError
from maskwise.evaluate.looks import AS_IS, BARE, Look, probe_look, reference_looks
from maskwise.evaluate.template_cache import FILE, TemplateCache
from maskwise.evaluate.templates import PhotoTemplates, Progress, make_templates
from maskwise.image import find_images
from maskwise.types import Landmarks

ALL = reference_looks("virtual:surgical,n95,cloth")


def names(folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in find_images(folder)]


def make(r: Recognizer, folder: Path, looks: Any = (AS_IS,), **arguments: Any) -> PhotoTemplates:
    arguments.setdefault("photos", names(folder))
    cache = arguments.pop("cache", None)
    if cache is not None:
        return make_templates(r, folder, looks=looks, cache=cache, **arguments)
    with TemplateCache.in_memory() as own:
        return make_templates(r, folder, looks=looks, cache=own, **arguments)


def equal(a: PhotoTemplates, b: PhotoTemplates) -> bool:
    return (
        (a.photos, a.looks, a.photo_sha256, a.notes) == (b.photos, b.looks, b.photo_sha256, b.notes)
        and np.array_equal(a.vectors, b.vectors, equal_nan=True)
        and np.array_equal(a.mask, b.mask, equal_nan=True)
        and (a.status == b.status).all()
        and (a.wear == b.wear).all()
        and (a.valid == b.valid).all()
    )


def test_templates_are_those_of_the_recognizer(tmp_path: Path) -> None:
    folder = people(tmp_path, 4, 2, masked=[(1, 0)])
    r = recognizer("surgical,n95,cloth")
    made = make(r, folder, ALL)
    assert made.valid.sum() == 8 * 4 - 3
    for row, photo in enumerate(made.photos):
        face, _ = r.dominant(folder / photo)
        assert np.array_equal(made.vectors[row, 0], face.template.vector)
        assert made.mask[row, 0] == np.float32(face.mask.probability)
        assert r.enrol(photo, folder / photo).templates == made.valid[row].sum()
        specs = [masks.spec_for(name) for name in r.mask_types]
        stored = r.templates(face.chip, face.mask, specs)
        for template, vector in zip(stored, made.vectors[row, made.valid[row]], strict=True):
            np.testing.assert_allclose(vector, template.vector, atol=1e-6)
        assert [t.wear.label for t in stored] == made.wear[row, made.valid[row]].tolist()


def test_a_mask_on_the_photo_is_met_as_a_camera_would(tmp_path: Path) -> None:
    folder = people(tmp_path, 3, 1)
    r = recognizer()
    look = probe_look("virtual:all", seed=1)
    made = make(r, folder, (AS_IS, look))
    for row, photo in enumerate(made.photos):
        spec = look.spec(made.photo_sha256[row])
        assert spec is not None
        face, _ = r.dominant(folder / photo)
        worn = masks.wear_on_image(r.load(folder / photo), [face.landmarks], [spec]).image
        seen, _ = r.dominant(worn)
        assert np.array_equal(made.vectors[row, 1], seen.template.vector)
        assert made.mask[row, 1] == np.float32(seen.mask.probability)
        assert made.wear[row].tolist() == ["none", f"virtual:{spec.type}"]
    assert made.masked.tolist() == [[False, True]] * 3


def test_a_second_run_asks_no_model(tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 9, 2, masked=[(2, 1)])
    save(np.zeros((40, 40, 3), np.uint8), folder / "empty" / "0.png")
    (folder / "p00" / "broken.jpg").write_bytes(b"no picture")
    looks = (*ALL, probe_look("virtual:all"), BARE)
    said: list[Progress] = []
    with TemplateCache.open(tmp_path / "cache") as cache:
        first = make(recognizer(), folder, looks, cache=cache, on_photo=said.append)
    assert said[-1] == Progress(20, 20, 0, 2)
    again = recognizer()
    with TemplateCache.open(tmp_path / "cache") as cache:
        second = make(again, folder, looks, cache=cache, on_photo=said.append)
    assert calls(again) == 0
    assert equal(first, second)
    assert [p.done for p in said] == [*range(1, 21)] * 2
    assert said[-1] == Progress(20, 20, 19, 2)


def test_a_photo_that_moves_is_known_and_one_that_changes_is_not(tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 2, 1)
    r = recognizer()
    with TemplateCache.open(tmp_path / "cache") as cache:
        before = make(r, folder, cache=cache)
        asked = calls(r)
        shutil.move(folder / "p00", folder / "renamed")
        moved = make(r, folder, cache=cache)
        assert calls(r) == asked
        assert sorted(moved.photo_sha256) == sorted(before.photo_sha256)
        save(picture(5, 0), folder / "renamed" / "0.png")
        changed = make(r, folder, cache=cache)
        assert calls(r) > asked
        expected = r.dominant(folder / "renamed" / "0.png")[0].template.vector
        assert np.array_equal(changed.vectors[1, 0], expected)
    assert changed.data_sha256 != moved.data_sha256 != before.data_sha256


def test_other_models_make_their_own(tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 1, 1)
    with TemplateCache.open(tmp_path / "cache") as cache:
        make(recognizer(), folder, cache=cache)
        other = recognizer(encoder=Colours("other colours"))
        assert make(other, folder, cache=cache).encoder_id == "other colours"
        assert calls(other) == 4


def test_fewer_bits_are_cached_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = people(tmp_path, 2)
    with TemplateCache.in_memory() as cache:
        make(recognizer(), folder, cache=cache)
        for value, asked in (("fp32", False), ("fast", True), ("fast", False), ("fp32", False)):
            monkeypatch.setenv("MASKWISE_PRECISION", value)
            r = recognizer()
            make(r, folder, cache=cache)
            assert bool(calls(r)) == asked, value


def test_another_look_costs_no_search_for_faces(tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 3, 1)
    r = recognizer()
    whole = make(r, folder, ALL)
    with TemplateCache.open(tmp_path / "cache") as cache:
        make(r, folder, cache=cache)
        again = recognizer()
        made = make(again, folder, ALL, cache=cache)
    assert again.encoder.batches == [9]  # type: ignore[attr-defined]
    assert calls(again) == 1
    assert equal(made, whole)


def test_only_what_is_wanted_is_made(tmp_path: Path) -> None:
    folder = people(tmp_path, 3, 1)
    r = recognizer()
    wanted = np.zeros((3, 4), bool)
    wanted[1, 2] = True
    made = make(r, folder, ALL, wanted=wanted)
    wanted[:, 0] = True
    assert (made.valid == wanted).all()
    assert made.status[0].tolist() == ["found", "", "", ""]
    assert not made.failures(2)
    with pytest.raises(InputError, match=r"wanted: expected \(3, 4\)"):
        make(r, folder, ALL, wanted=wanted[:, :3])


def test_every_photo_has_a_status(tmp_path: Path) -> None:
    folder = people(tmp_path, 2, 1, masked=[(1, 0)])
    save(np.zeros((40, 40, 3), np.uint8), folder / "empty.png")
    save(two_faces(95), folder / "two.png")
    save(two_faces(50), folder / "small.png")
    (folder / "broken.jpg").write_bytes(b"no picture")
    (folder / "folder.jpg").mkdir()
    photos = ["p00/0.png", "p01/0.png", "empty.png", "two.png", "small.png", "broken.jpg"]
    photos += ["folder.jpg", "nobody/1.png", "p00/0.png/1.png"]
    looks = (AS_IS, BARE, Look(("n95",)), probe_look("virtual:n95"))
    made = make(recognizer(), folder, looks, photos=photos)
    assert made.photos == tuple(photos)
    assert made.status.tolist() == [
        ["found"] * 4,
        ["found", *["wears_mask"] * 3],
        ["no_face"] * 4,
        # These drawn faces grow by the mask, and then one dominates.
        [*["several_faces"] * 3, "found"],
        ["found"] * 4,
        ["unreadable"] * 4,
        ["unreadable"] * 4,
        ["missing"] * 4,
        ["missing"] * 4,
    ]
    assert made.failures(0) == {"no_face": 1, "unreadable": 2, "missing": 2}
    assert made.failures(2) == {"no_face": 1, "unreadable": 2, "missing": 2, "wears_mask": 1}
    assert (made.valid == np.isin(made.status, ["found", "several_faces"])).all()
    assert np.isnan(made.vectors[~made.valid]).all()
    assert np.isfinite(made.vectors[made.valid]).all()
    assert made.wear[:3].tolist() == [
        ["none", "none", "virtual:n95", "virtual:n95"],
        ["real"] * 4,
        ["unknown", "none", "virtual:n95", "virtual:n95"],
    ]
    assert "of 2 faces" in made.notes[3, 0]
    assert "broken.jpg" in made.notes[5, 0]
    assert made.photo_sha256[6] == made.photo_sha256[7] == ""
    assert made.masked[:2, 0].tolist() == [False, True]


def test_photos_of_several_people_can_be_refused(tmp_path: Path) -> None:
    save(two_faces(95), tmp_path / "two.png")
    r = recognizer()
    taken, refused = make(r, tmp_path, ALL), make(r, tmp_path, ALL, several_faces="refuse")
    assert taken.valid.all()
    assert not refused.valid.any()
    assert (refused.status == "several_faces").all()
    # As the recognizer would choose, were the second face smaller.
    smaller = save(two_faces(50), tmp_path / "other.png")
    assert np.allclose(taken.vectors[0, 0], r.dominant(smaller)[0].template.vector, atol=0.01)


def test_a_face_that_no_mask_fits(tmp_path: Path) -> None:
    folder = people(tmp_path, 1, 1)

    r = recognizer()
    predict = r.predictor.predict

    def bent(image: Any, found: Any) -> Any:
        made = predict(image, found)
        out = []
        for points in made:
            moved = np.array(points.points)
            moved[4] = moved[:4].mean(0) - np.float32([0, 40])  # a nose above the eyes
            out.append(Landmarks("dlib5", moved))
        return out

    r.predictor.predict = bent  # type: ignore[method-assign]
    looks = (AS_IS, Look(("n95",)), probe_look("virtual:n95"))
    made = make(r, folder, looks)
    assert made.status[0, 1:].tolist() == ["mask_unfit", "mask_unfit"]
    assert made.valid[0].tolist() == [True, False, False]


def test_a_classifier_with_chips_of_its_own(tmp_path: Path) -> None:
    folder = people(tmp_path, 2, 2, masked=[(0, 1)])
    own = Mouths.chip_spec

    class Own(Mouths):
        chip_spec = ChipSpec("own", own.size, own.scheme, own.reference, own.used)

    made = make(recognizer(mask_classifier=Own()), folder)
    assert made.masked[:, 0].tolist() == [False, True, False, False]


class StopError(Exception):
    """The user's Ctrl-C."""


@pytest.mark.parametrize("at", [1, 16, 17, 40, 50])
def test_an_interrupted_run_goes_on(tmp_path: Path, at: int) -> None:
    folder = people(tmp_path / "photos", 25, 2)

    def stop(progress: Progress) -> None:
        if progress.done == at:
            raise StopError

    with TemplateCache.open(tmp_path / "cache") as cache, pytest.raises(StopError):
        make(recognizer(), folder, ALL, cache=cache, on_photo=stop)
    again = recognizer()
    said: list[Progress] = []
    with TemplateCache.open(tmp_path / "cache") as cache:
        resumed = make(again, folder, ALL, cache=cache, on_photo=said.append)
    # At most one batch of 16 is lost.
    assert said[-1].cached == (at - 1) // 16 * 16
    assert again.detector.calls == 50 - said[-1].cached  # type: ignore[attr-defined]
    assert equal(resumed, make(recognizer(), folder, ALL))


_RUN = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from drawn_people import recognizer
from test_templates import ALL, make
from maskwise.evaluate.template_cache import TemplateCache
def slowly(progress):
    print(progress.done, progress.cached, flush=True)
    time.sleep(0.01)
with TemplateCache.open(sys.argv[2]) as cache:
    made = make(recognizer(), Path(sys.argv[1]), ALL, cache=cache, on_photo=slowly)
print("valid", made.valid.sum())
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGINT to one process is POSIX's")
def test_ctrl_c_in_the_middle_of_anything(tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 25, 2)
    command = [sys.executable, "-c", _RUN, str(folder), str(tmp_path / "cache")]
    command.append(str(Path(__file__).parent))
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("37 "):
            process.send_signal(signal.SIGINT)
            break
    _, error = process.communicate(timeout=120)
    assert "KeyboardInterrupt" in error
    assert process.returncode != 0
    whole = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
    lines = whole.splitlines()
    assert lines[-1] == "valid 200"
    assert int(lines[-2].split()[1]) >= 32


def test_the_cache_holds_no_pixel_and_no_path(tmp_path: Path) -> None:
    folder = people(tmp_path / "secret-folder", 3, 1)
    save(two_faces(60), folder / "secret-name.png")
    with TemplateCache.open(tmp_path / "cache") as cache:
        make(recognizer(), folder, (*ALL, probe_look("virtual:all")), cache=cache)
        content = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"secret" not in content
    assert b"p00" not in content
    run = bytes(colour_of(0, 0)) * 4
    with PillowImage.open(folder / "p00" / "0.png") as opened:
        assert run in opened.convert("RGB").tobytes()
    assert run not in content


def test_a_cache_of_another_width_is_damage(tmp_path: Path) -> None:
    folder = people(tmp_path / "photos", 1, 1)
    with TemplateCache.open(tmp_path / "cache") as cache:
        make(recognizer(), folder, cache=cache)

        class Wider(Colours):
            dim = 8

        with pytest.raises(OutputError, match=r"templates\.sqlite3: .* damaged"):
            make(recognizer(encoder=Wider()), folder, cache=cache)
    assert (tmp_path / "cache" / FILE).exists()


def test_pictures_are_not_held(tmp_path: Path) -> None:
    folder = tmp_path
    for n in range(12):
        large = np.zeros((1000, 1000, 3), np.uint8)
        large[200:900, 200:900] = colour_of(n, 0)
        save(large, folder / f"{n}.png")
    r = recognizer()
    make(r, folder, ALL, photos=["0.png"])
    tracemalloc.start()
    make(r, folder, ALL)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A picture has 3 MB, decoding takes a few times that; twelve are 36 MB.
    assert peak < 26e6


def test_a_look_that_is_not_there(tmp_path: Path) -> None:
    made = make(recognizer(), people(tmp_path, 1, 1))
    assert made.column(AS_IS) == 0
    with pytest.raises(InputError, match="no templates of the look 'none'; there are: as-is"):
        made.column(BARE)
