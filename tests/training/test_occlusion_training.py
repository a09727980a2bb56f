"""What the mask state learns from, with its truth; the network, its calibration, its file."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise import masks
from maskwise.align import DLIB_CHIP, FIVE_CHIP
from maskwise.occlusion import alpha_on_chip, mask_state_net
from maskwise.types import ALPHA_CELLS, U8

FOLDER = Path(__file__).resolve().parents[2] / "training" / "occlusion"
OURS = {"objects", "sample", "data", "network", "calibrate", "export"}
NEED_TORCH = {"network", "calibrate", "export"}


@pytest.fixture(scope="module")
def bring() -> Iterator[Any]:
    """A module of the folder by its name; other folders have some of the same names."""
    before = list(sys.path)
    theirs = {name: sys.modules.pop(name) for name in OURS if name in sys.modules}
    sys.path.insert(0, str(FOLDER))

    def load(name: str) -> ModuleType:
        if name in NEED_TORCH:
            pytest.importorskip("torch")
            pytest.importorskip("onnx")
        return importlib.import_module(name)

    yield load
    sys.path[:] = before
    for name in OURS:
        sys.modules.pop(name, None)
    sys.modules.update(theirs)


@pytest.fixture
def photo() -> tuple[U8, Any, Any, Any]:
    """A grey picture that is its own chip, its points, and the way to the chip."""
    rng = np.random.default_rng(1)
    pixels = rng.integers(90, 160, (150, 150, 3)).astype(np.uint8)
    points = DLIB_CHIP.reference.astype(np.float32)
    return pixels, points, FIVE_CHIP.reference.astype(np.float32), np.eye(2, 3)


def only(bring: Any, what: str) -> Any:
    """A recipe of one kind of sample, as it is placed and photographed."""
    shares = {"drawn": 0.0, "flat": 0.0, "under_chin": 0.0, "hard": 0.0} | {what: 1.0}
    if what == "bare":
        shares.pop("bare")
    return bring("sample").Recipe(
        **shares, photo=0.0, place=(0.0, 0.0, 0.0), measured=0.0, wide=0.0
    )


def test_the_package_reads_what_is_trained(bring: Any) -> None:
    sample = bring("sample")
    assert mask_state_net.STYLES == sample.STYLES
    assert mask_state_net.TYPES == sample.KINDS
    assert sample.CELLS == ALPHA_CELLS
    cells = np.random.default_rng(0).integers(0, 256, (38, 38)).astype(np.uint8)
    assert np.array_equal(alpha_on_chip(cells), sample.on_chip(cells))


def test_alpha_goes_into_cells_and_back(bring: Any) -> None:
    sample = bring("sample")
    alpha = np.zeros((150, 150), np.uint8)
    alpha[70:, 20:120] = 255
    cells = sample.in_cells(alpha)
    assert cells.shape == (38, 38)
    # Cell (r, c) is the mean of rows 4 r - 1 to 4 r + 2.
    assert cells[20, 15] == 255
    assert cells[17, 15] == 64  # rows 67 to 70: one of four
    assert cells[16, 15] == 0
    back = sample.on_chip(cells)
    assert back.shape == (150, 150)
    assert np.abs(back.astype(int) - alpha)[[30, 100]].max() < 140
    assert abs(float(back.mean()) - float(alpha.mean())) < 2


@given(row=st.integers(0, 37), column=st.integers(0, 37))
@settings(max_examples=30, deadline=None)
def test_a_cell_lies_where_it_says(bring: Any, row: int, column: int) -> None:
    sample = bring("sample")
    alpha = np.zeros((150, 150), np.uint8)
    y, x = np.mgrid[:150, :150]
    alpha[(np.abs(y - 4 * row - 0.5) < 2) & (np.abs(x - 4 * column - 0.5) < 2)] = 255
    cells = sample.in_cells(alpha)
    assert cells[row, column] == 255
    inner = 0 < row < 37 and 0 < column < 37
    assert np.count_nonzero(cells) == 1 or not inner


def test_the_nose_is_covered_by_what_lies_on_its_tip(bring: Any) -> None:
    sample = bring("sample")
    alpha = np.zeros((150, 150), np.uint8)
    alpha[80:] = 255
    assert sample.nose_covered(alpha, np.array([75.0, 95.0]), 55.0) == 1
    assert sample.nose_covered(alpha, np.array([75.0, 60.0]), 55.0) == 0
    assert 0.3 < sample.nose_covered(alpha, np.array([75.0, 79.5]), 55.0) < 0.7
    assert sample.nose_covered(alpha, np.array([400.0, 400.0]), 55.0) == 0


def test_bare_faces_have_nothing_covered(bring: Any, photo: Any) -> None:
    sample = bring("sample")
    made = sample.sample(photo, np.random.default_rng(5), ([], []), only(bring, "bare"))
    assert made.what == "bare"
    assert made.kind == -1
    assert made.style.tolist() == [1, 0, 0, 0]
    assert not made.alpha.any()


@pytest.mark.parametrize(
    ("style", "expected"), [("proper", 1), ("under-nose", 2)], ids=["proper", "under-nose"]
)
def test_drawn_masks_say_how_they_are_worn(
    bring: Any, photo: Any, style: str, expected: int
) -> None:
    sample = bring("sample")
    spec = masks.spec_for("surgical", wear_style=style, seed=3)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        made = sample.sample(photo, rng, ([spec], []), only(bring, "drawn"))
        assert made.what == "drawn"
        assert sample.KINDS[made.kind] == "surgical"
        assert made.style.argmax() == expected
        assert made.style.sum() == pytest.approx(1)
        mouth = np.round(FIVE_CHIP.reference[3:].mean(0) / 4).astype(int)
        assert made.alpha[mouth[1], mouth[0]] > 200
        assert made.alpha[4].max() == 0 or made.alpha[4, 10:28].max() == 0  # the forehead


def test_a_mask_under_the_chin_is_not_over_the_mouth(bring: Any, photo: Any) -> None:
    sample = bring("sample")
    for kind, what in (("cloth", "under-chin"), ("scarf", "wrap")):
        spec = masks.spec_for(kind, wear_style="under-chin")
        rng = np.random.default_rng(2)
        made = sample.sample(photo, rng, ([], [spec]), only(bring, "under_chin"))
        assert made.what == what
        assert made.told == (what == "under-chin")
        assert made.style[1:3].sum() == 0
        assert made.style.argmax() == (3 if what == "under-chin" else 0)


def test_flat_masks_cover_the_mouth(bring: Any, photo: Any) -> None:
    sample = bring("sample")
    mouth = np.round(FIVE_CHIP.reference[3:].mean(0) / 4).astype(int)
    noses = []
    for seed in range(30):
        made = sample.sample(photo, np.random.default_rng(seed), ([], []), only(bring, "flat"))
        assert sample.KINDS[made.kind] == "other"
        assert made.alpha[mouth[1], mouth[0]] > 128
        noses.append(float(made.style[1]))
    assert min(noses) < 0.1
    assert max(noses) == 1


@pytest.mark.parametrize("name", ["hand", "microphone", "thing", "sunglasses"])
def test_things_cover_what_they_change(bring: Any, photo: Any, name: str) -> None:
    objects = bring("objects")
    covered = 0
    for seed in range(8):
        chip = photo[0]
        frame = objects.Frame(photo[1].astype(float))
        out, alpha = getattr(objects, name)(chip, frame, np.random.default_rng(seed))
        assert out.dtype == alpha.dtype == np.uint8
        assert out.shape == chip.shape
        changed = np.any(out != chip, axis=2)
        covered += int((alpha > 128).sum())
        if name != "sunglasses":  # their rims cover nothing
            assert not (changed & (cv2.dilate(alpha, np.ones((9, 9))) == 0)).any()
    assert covered > 500


@pytest.mark.parametrize("name", ["beard", "shadow", "open_mouth"])
def test_looks_cover_nothing(bring: Any, photo: Any, name: str) -> None:
    objects = bring("objects")
    frame = objects.Frame(photo[1].astype(float))
    out, alpha = getattr(objects, name)(photo[0], frame, np.random.default_rng(4))
    assert not alpha.any()
    assert (out != photo[0]).any()


def test_samples_hang_on_their_seed(bring: Any, photo: Any) -> None:
    sample = bring("sample")
    chosen = sample.designs(np.random.default_rng(0), 3)
    one, same, other = (
        sample.sample(photo, np.random.default_rng(seed), chosen) for seed in (7, 7, 8)
    )
    assert np.array_equal(one.pixels, same.pixels)
    assert np.array_equal(one.alpha, same.alpha)
    assert not np.array_equal(one.pixels, other.pixels)


def test_clear_plates_are_not_drawn(bring: Any) -> None:
    sample = bring("sample")
    rng = np.random.default_rng(0)
    specs = [sample.design(rng) for _ in range(600)]
    assert any(spec.type == "shield" for spec in specs)
    assert all(spec.pattern != "clear" for spec in specs)
    assert {sample.KINDS[sample.kind_of(s)] for s in specs} == set(sample.KINDS)


def test_variations_mirror_the_alpha_too(bring: Any) -> None:
    data = bring("data")
    pixels = np.zeros((40, 75, 75, 3), np.uint8)
    pixels[:, :, :37] = 200
    alpha = np.zeros((40, 38, 38), np.uint8)
    alpha[:, :, :19] = 255
    lit, mirrored = data.varied(pixels, alpha, np.random.default_rng(0))
    left = lit[:, 37, 5].mean(1) > lit[:, 37, 70].mean(1)
    assert 5 < left.sum() < 35
    assert np.array_equal(left, mirrored[:, 5, 3] == 255)
    assert pixels[0, 0, 0, 0] == 200  # what was given stays


def test_batches_take_every_sample_once(bring: Any) -> None:
    data = bring("data")
    nothing = np.zeros(10)
    samples = data.Samples(*([nothing] * 7))
    parts = data.batches(samples, 3, np.random.default_rng(1))
    assert [len(part) for part in parts] == [3, 3, 3]
    assert len(set(np.concatenate(parts).tolist())) == 9


def test_the_calibration_finds_a_known_scale(bring: Any) -> None:
    calibrate, torch = bring("calibrate"), pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 3, 20_000)
    truth = rng.random(20_000) < 1 / (1 + np.exp(-(0.5 * logits - 0.3)))
    scale, offset = calibrate.platt(torch.from_numpy(logits), torch.from_numpy(truth))
    assert scale == pytest.approx(0.5, abs=0.03)
    assert offset == pytest.approx(-0.3, abs=0.06)


@pytest.mark.filterwarnings("ignore")
def test_the_file_says_what_the_network_says(bring: Any, tmp_path: Path) -> None:
    network, export = bring("network"), bring("export")
    torch, onnxruntime = pytest.importorskip("torch"), pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    made = network.Network().eval()
    calibration = export.Calibration((1.5, 0.2), (0.8, -0.1), 1.3)
    export.export(made, calibration, tmp_path / "m.onnx")
    assert (tmp_path / "m.onnx").stat().st_size < 1_400_000
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    chips = np.random.default_rng(0).integers(0, 256, (3, 150, 150, 3), np.uint8)
    got = session.run(list(export.OUTPUTS), {"chips": chips})
    with torch.inference_mode():
        wanted = export.Exported(made, calibration).eval()(torch.from_numpy(chips))
    for ours, theirs in zip(got, wanted, strict=True):
        assert ours.shape == tuple(theirs.shape)
        limit = 2 if ours.dtype == np.uint8 else 0.01
        assert np.abs(ours.astype(float) - theirs.numpy().astype(float)).max() <= limit
    probability, style, kinds, alpha = got
    assert style.sum(1) == pytest.approx(1, abs=1e-5)
    assert style[:, 1:3].sum(1) == pytest.approx(probability, abs=1e-5)
    assert kinds.sum(1) == pytest.approx(1, abs=1e-5)
    assert alpha.shape == (3, 38, 38)


def test_the_loss_is_least_at_the_truth(bring: Any) -> None:
    network, torch = bring("network"), pytest.importorskip("torch")
    style = torch.eye(4)
    kind = torch.tensor([-1, 0, 10, -1])
    alpha = (torch.rand(4, 38, 38) > 0.5).float()
    told = torch.tensor([True, True, False, True])

    def total(style_: Any, kind_: Any, alpha_: Any) -> float:
        said = network.Said(20 * style_, 20 * kind_, 20 * (alpha_ - 0.5))
        return float(sum(network.loss(said, style, kind, alpha, told).values()))

    kinds = torch.nn.functional.one_hot(kind.clamp(min=0), 11).float()
    right = total(style, kinds, alpha)
    assert right < 0.01
    assert total(style.flip(0), kinds, alpha) > right + 1
    assert total(style, kinds.flip(1), alpha) > right + 1
    assert total(style, kinds, 1 - alpha) > right + 1
    other = alpha.clone()
    other[2] = 1 - other[2]
    assert total(style, kinds, other) == pytest.approx(right, abs=1e-4)  # that one is not told
