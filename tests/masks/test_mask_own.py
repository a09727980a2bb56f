from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_scenes import chip_of, parts, posed

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.masks import MaskType, own
from maskwise.masks.draw import _drawn
from maskwise.masks.fit import fit_pose
from maskwise.masks.sheet import Sheet, rgb
from maskwise.masks.specs import check
from maskwise.masks.surface import Shape
from maskwise.types import U8, MaskSpec

ANCHORS = {
    "nose_top": (200, 20),
    "left_cheek": (380, 90),
    "right_cheek": (20, 90),
    "chin": (200, 300),
}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own, "_found", {})


def square(sheet: Sheet, spec: MaskSpec) -> None:
    body = sheet.fill([(-0.9, 0.3), (0.9, 0.3), (0.9, 1.9), (-0.9, 1.9)])
    sheet.paint(body, rgb(spec.color))


def kind(name: str = "square") -> MaskType:
    return MaskType(name, "a square", (("#20c040", 1),), ("plain",), Shape(), 0.0, square)


def alpha_at(spec: MaskSpec, name: str) -> int:
    chip = chip_of(posed())
    _, alpha = masks.wear_on_chips([chip], [spec])
    x, y = np.rint(parts(fit_pose(chip.landmarks))[name]).astype(int)
    return int(alpha[0, 0, y, x])


class TestRegistered:
    def test_it_is_worn_like_any_other(self) -> None:
        assert masks.register(kind()) is masks.mask_type("square")
        spec = masks.spec_for("square")
        assert MaskSpec.from_json(spec.to_json()) == spec
        assert alpha_at(spec, "mouth") == 255
        assert masks.parse_types("n95,square") == ("n95", "square")
        assert masks.random_spec(np.random.default_rng(0), "square").type == "square"

    def test_it_is_not_among_the_built_in_ones(self) -> None:
        masks.register(kind())
        assert "square" not in masks.types()
        assert "square" not in masks.parse_types("all")
        with pytest.raises(ConfigurationError, match=r"scarf.*, square"):
            masks.mask_type("squares")

    def test_again_unchanged_but_not_with_another_look(self) -> None:
        masks.register(kind())
        masks.register(kind())
        with pytest.raises(ConfigurationError, match="registered already"):
            masks.register(replace(kind(), title="another"))

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"name": "cloth"}, "'cloth' is taken"),
            ({"name": "all"}, "'all' is taken"),
            ({"name": "my mask"}, "no name for a mask type"),
            ({"draw": ""}, "needs draw"),
            ({"patterns": ()}, "needs patterns"),
            ({"palette": ()}, "needs a colour"),
            ({"palette": (("red", 1),)}, "no colour 'red'"),
            ({"palette": (("#ff0000", 0),)}, "weight of #ff0000"),
            ({"shape": None}, "needs a shape"),
        ],
    )
    def test_what_is_not_whole_is_refused(self, change: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            masks.register(replace(kind(), **change))  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError, match="expected a MaskType"):
            masks.register("square")  # type: ignore[arg-type]


class TestAnnounced:
    @pytest.fixture(autouse=True)
    def installed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        """A package that announces mask types, as pip would leave it."""
        (tmp_path / "elsewhere_masks.py").write_text(
            "from maskwise.masks import MaskType\n"
            "from maskwise.masks.surface import Shape\n"
            "def paint(sheet, spec):\n"
            "    sheet.paint(sheet.ellipse((0.0, 1.0), 0.8, 0.8), spec and sheet.color[0, 0] + 1)\n"
            "good = MaskType('good', 'g', (('#ffffff', 1),), ('plain',), Shape(), 0.0, paint)\n"
            "def made():\n"
            "    return MaskType('made', 'm', (('#ffffff', 1),), ('plain',), Shape(), 0.0, paint)\n"
            "def broken(): raise RuntimeError('no luck')\n"
            "def nothing(): return None\n"
            "number = 7\n"
        )
        info = tmp_path / "elsewhere-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            f"[{own.GROUP}]\n"
            + "".join(
                f"{n} = elsewhere_masks:{n}\n"
                for n in ("good", "made", "broken", "number", "nothing")
            )
            + "other = elsewhere_masks:good\ncloth = elsewhere_masks:good\n"
            + "gone = not_a_module_at_all:good\n"
        )
        monkeypatch.syspath_prepend(str(tmp_path))
        yield
        sys.modules.pop("elsewhere_masks", None)

    @pytest.mark.parametrize("name", ["good", "made"])
    def test_a_value_or_a_callable(self, name: str) -> None:
        assert alpha_at(masks.spec_for(name), "mouth") == 255
        assert masks.parse_types(name) == (name,)
        assert masks.mask_type("cloth") is masks.TYPES["cloth"]  # a built-in name stays ours

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("broken", "'broken' of elsewhere_masks:broken cannot be loaded: no luck"),
            ("gone", "'gone' of not_a_module_at_all:good cannot be loaded"),
            ("number", "'number' of elsewhere_masks:number cannot be loaded"),
            ("nothing", "must be a maskwise.masks.MaskType or return one, got NoneType"),
            ("other", "is named 'good'; its name must be that of the entry point"),
            ("unknown", "there are: surgical.*broken, gone, good, made"),
        ],
    )
    def test_a_bad_one_is_named(self, name: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            masks.mask_type(name)


def picture() -> U8:
    """(320, 400, 4) BGRA: left half of the picture red, right half blue, clear corners."""
    out = np.zeros((320, 400, 4), np.uint8)
    corners = np.array([[200, 20], [380, 90], [370, 200], [200, 310], [30, 200], [20, 90]])
    cv2.fillPoly(out, [corners], (40, 40, 200, 255), cv2.LINE_AA)
    right = out[:, 200:]
    right[right[..., 3] > 0, :3] = (200, 40, 40)
    return out


def written(
    folder: Path,
    pixels: U8 | None = None,
    anchors: Mapping[str, object] | None = None,
    head: str = 'name = "club"\ntitle = "ours"\nimage = "club.png"\n',
) -> str:
    cv2.imwrite(str(folder / "club.png"), picture() if pixels is None else pixels)
    points = ANCHORS if anchors is None else anchors
    rows = [f"{name} = {list(at) if isinstance(at, tuple) else at}" for name, at in points.items()]
    path = folder / "club.toml"
    path.write_text(head + "[anchors]\n" + "\n".join(rows) + "\n")
    return str(path)


class TestPicture:
    def test_it_is_worn_where_its_anchors_say(self, tmp_path: Path) -> None:
        path = written(tmp_path)
        spec = masks.spec_for(path)
        assert spec.type == path
        assert spec.detail.startswith("sha256=")
        chip = chip_of(posed())
        pixels, alpha = masks.wear_on_chips([chip], [spec])
        where = parts(fit_pose(chip.landmarks))
        for name, least, most in (("mouth", 255, 255), ("chin", 250, 255), ("left eye", 0, 0)):
            x, y = np.rint(where[name]).astype(int)
            assert least <= alpha[0, 0, y, x] <= most, name
        # The picture's left is the left of the photo: red there, blue on the other side.
        x, y = np.rint(where["mouth"]).astype(int)
        left, right = pixels[0, 0, y, x - 12].astype(int), pixels[0, 0, y, x + 12].astype(int)
        assert left[0] > left[2] + 60
        assert right[2] > right[0] + 60

    def test_its_edge_meets_the_nose_at_the_coverage(self, tmp_path: Path) -> None:
        path = written(tmp_path)
        for level in masks.NOSE_COVERAGE:
            spec, known = (masks.spec_for(t, coverage=level) for t in (path, "surgical"))
            tops = []
            for one in (spec, known):
                alpha = _drawn(one, 64).rgba[..., 3]
                tops.append(np.argmax(alpha[:, alpha.shape[1] // 2] > 127) / 64)
            assert tops[0] == pytest.approx(tops[1], abs=0.06)

    def test_the_same_bytes_again_at_any_size_of_the_picture(self, tmp_path: Path) -> None:
        spec = masks.spec_for(written(tmp_path), seed=4)
        first = _drawn(spec, 64)
        own._found.clear()
        again = _drawn(MaskSpec.from_json(spec.to_json()), 64)
        np.testing.assert_array_equal(first.rgba, again.rgba)
        (tmp_path / "large").mkdir()
        large = np.asarray(cv2.resize(picture(), (1600, 1280)), np.uint8)
        times = {name: (4 * x, 4 * y) for name, (x, y) in ANCHORS.items()}
        other = _drawn(masks.spec_for(written(tmp_path / "large", large, times)), 64)
        differ = np.abs(first.rgba.astype(int) - other.rgba)
        assert differ.mean() < 2

    def test_soft_alpha_stays_soft_and_colours_true(self, tmp_path: Path) -> None:
        pixels = picture()
        pixels[..., 3] = (pixels[..., 3] * 0.6).astype(np.uint8)
        sheet = _drawn(masks.spec_for(written(tmp_path, pixels)), 64)
        inside = sheet.rgba[round(64 * 1.7), sheet.rgba.shape[1] // 2 - 20]
        assert inside[3] == pytest.approx(153, abs=2)
        assert inside[0] == pytest.approx(200 * 0.6, abs=3)

    def test_another_colour_tints_it(self, tmp_path: Path) -> None:
        path = written(tmp_path)
        specs = masks.spec_for(path), masks.spec_for(path, color="#20ff20")
        usual, green = (_drawn(spec, 64).rgba for spec in specs)
        solid = usual[..., 3] > 250
        assert green[solid][:, 1].mean() > usual[solid][:, 1].mean() + 60

    def test_styles_and_lists_take_it(self, tmp_path: Path) -> None:
        path = written(tmp_path)
        assert masks.parse_types(f"cloth, {path}") == ("cloth", path)
        assert alpha_at(masks.spec_for(path, wear_style="under-chin"), "mouth") == 0
        assert masks.load_own(path).title == "ours"
        assert path not in masks.types()

    @pytest.mark.parametrize("touched", ["club.toml", "club.png"])
    def test_a_changed_file_does_not_draw_an_old_spec(self, tmp_path: Path, touched: str) -> None:
        spec = masks.spec_for(written(tmp_path))
        if touched == "club.png":
            pixels = picture()
            pixels[150:160, 150:160] = 255
            written(tmp_path, pixels)
        else:
            written(tmp_path, anchors=ANCHORS | {"mouth": (200, 150)})
        own._found.clear()
        with pytest.raises(ConfigurationError, match="is not the one of the spec"):
            check(spec)

    @pytest.mark.parametrize(
        ("anchors", "message"),
        [
            ({"chin": (200, 400)}, r"anchor chin = \[200, 400\] lies outside .* 400 x 320 px"),
            ({"nose": (200, 20)}, "no anchor 'nose'; there are: nose_top, left_cheek"),
            ({"chin": "'low'"}, r"anchor chin must be \[x, y\]"),
            ({"chin": "[1, true]"}, "anchor chin must be a number"),
            ({"chin": (200, 10)}, "nose_top must stand above chin"),
            (
                {"left_cheek": (20, 90), "right_cheek": (380, 90)},
                "left and right are the wearer's; swap",
            ),
            ({"left_cheek": (23, 90)}, "less than 8 px apart"),
        ],
    )
    def test_wrong_anchors(self, tmp_path: Path, anchors: dict[str, object], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            masks.load_own(written(tmp_path, anchors=ANCHORS | anchors))
        with pytest.raises(ConfigurationError, match="anchors lack right_cheek, chin"):
            masks.load_own(written(tmp_path, anchors=dict(list(ANCHORS.items())[:2])))

    @pytest.mark.parametrize(
        ("head", "message"),
        [
            ("name = club\n", "not a mask file in TOML"),
            ('title = "t"\nimage = "club.png"\n', 'needs name = "..."'),
            ('name = "n95"\ntitle = "t"\nimage = "club.png"\n', "'n95' is taken"),
            ('name = "a"\ntitle = "t"\nimage = "club.png"\nsize = 3\n', "unknown key 'size'"),
            ('name = "a"\ntitle = "t"\nimage = "gone.png"\n', "'gone.png': cannot be read"),
            ('name = "a"\ntitle = "t"\nimage = "club.toml"\n', "is no PNG; save it as PNG"),
            ('name = "a"\ntitle = "t"\nimage = "club.png"\nstand_off = 3\n', "from 0 to 0.4"),
        ],
    )
    def test_wrong_files(self, tmp_path: Path, head: str, message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):
            masks.load_own(written(tmp_path, head=head))

    def test_no_file_no_alpha_and_a_damaged_picture(self, tmp_path: Path) -> None:
        with pytest.raises(ConfigurationError, match=r"gone\.toml: cannot be read: No such file"):
            masks.spec_for(str(tmp_path / "gone.toml"))
        for pixels, message in (
            (np.ascontiguousarray(picture()[..., :3]), "no alpha channel; make"),
            (picture() // 4, "all transparent"),
        ):
            with pytest.raises(ConfigurationError, match=message):
                masks.load_own(written(tmp_path, pixels))
        path = written(tmp_path)
        whole = (tmp_path / "club.png").read_bytes()
        (tmp_path / "club.png").write_bytes(whole[: len(whole) // 2])
        with pytest.raises(ConfigurationError, match="cannot be read"):
            masks.load_own(path)
