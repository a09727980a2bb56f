from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import ClassVar

import pytest

from maskwise import encode, landmarks
from maskwise.backends import create_backend
from maskwise.errors import ConfigurationError, ModelError

GROUP = "maskwise.test_backends"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package that announces backends, as pip would leave it."""
    (tmp_path / "elsewhere_backends.py").write_text(
        "class Good:\n    name = 'good'\n"
        "class Reads:\n    def __init__(self, what=None):\n        self.what = what\n"
        "def lazy():\n    import a_package_that_is_not_there\n"
        "def fails():\n    raise RuntimeError('no key')\n"
        "def ours():\n    from maskwise.errors import ModelError\n    raise ModelError('torn')\n"
    )
    info = tmp_path / "elsewhere-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: elsewhere\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\n"
        "good = elsewhere_backends:Good\n"
        "own = elsewhere_backends:Good\n"
        "reads = elsewhere_backends:Reads\n"
        "lazy = elsewhere_backends:lazy\n"
        "fails = elsewhere_backends:fails\n"
        "ours = elsewhere_backends:ours\n"
        "gone = not_a_module_at_all:Good\n"
        "typo = elsewhere_backends:Goood\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    yield  # type: ignore[misc]
    sys.modules.pop("elsewhere_backends", None)


def test_a_built_in_one_is_made_when_asked_for() -> None:
    made = []
    factories = {"own": lambda: made.append("own") or "made", "other": lambda: made.append("x")}
    assert create_backend("thing", "own", factories, GROUP) == "made"
    assert made == ["own"]


class TestAddresses:
    readers: ClassVar[dict[str, Callable[[str | None], str]]] = {"reader": lambda w: f"read {w}"}

    def create(self, address: str) -> str:
        return create_backend(
            "thing",
            address,
            {"own": lambda: "own"},
            GROUP,
            readers=self.readers,
            stored={"a-model": "reader", "pack/b": "reader", "other": "elsewhere"}.get,
        )

    @pytest.mark.parametrize(
        ("address", "made"),
        [
            ("own", "own"),
            ("reader", "read None"),
            ("reader:~/x.onnx", "read ~/x.onnx"),
            ("reader:C:\\x.onnx", "read C:\\x.onnx"),
            ("a-model", "read a-model"),
            ("pack/b", "read pack/b"),
        ],
    )
    def test_what_stands_behind_the_colon_is_handed_on(self, address: str, made: str) -> None:
        assert self.create(address) == made

    @pytest.mark.parametrize(
        ("address", "problem"),
        [
            ("own:x", "the thing own ships with maskwise and reads no other file"),
            ("reader:", "write a model's name or a path behind the colon"),
            ("other", "no thing 'other'; there are: own, reader .*maskwise models list"),
            ("", "no thing ''"),
            ("x:y", "no thing 'x:y'"),
        ],
    )
    def test_what_cannot_be_says_why(self, address: str, problem: str) -> None:
        with pytest.raises(ConfigurationError, match=problem):
            self.create(address)


@pytest.mark.usefixtures("installed")
class TestEntryPoints:
    def test_another_packages_is_found_by_its_name(self) -> None:
        assert create_backend("thing", "good", {}, GROUP).name == "good"  # type: ignore[attr-defined]

    def test_it_cannot_take_the_name_of_a_built_in_one(self) -> None:
        assert create_backend("thing", "own", {"own": lambda: "ours"}, GROUP) == "ours"

    def test_an_unknown_name_lists_all_there_are(self) -> None:
        with pytest.raises(ConfigurationError) as caught:
            create_backend("thing", "goof", {"own": lambda: 1, "zebra": lambda: 2}, GROUP)
        expected = "no thing 'goof'; there are: "
        expected += "fails, gone, good, lazy, ours, own, reads, typo, zebra"
        assert str(caught.value) == expected

    def test_another_packages_is_given_what_stands_behind_the_colon(self) -> None:
        made = create_backend("thing", "reads:C:/a file.onnx", {}, GROUP)
        assert made.what == "C:/a file.onnx"  # type: ignore[attr-defined]
        assert create_backend("thing", "reads", {}, GROUP).what is None  # type: ignore[attr-defined]

    def test_errors_of_our_tree_stay(self) -> None:
        with pytest.raises(ModelError, match=r"^torn$"):
            create_backend("thing", "ours", {}, GROUP)

    def test_any_other_is_named(self) -> None:
        with pytest.raises(ConfigurationError, match="cannot be loaded: RuntimeError: no key"):
            create_backend("thing", "fails", {}, GROUP)

    @pytest.mark.parametrize("name", ["gone", "typo", "lazy", "good:a file"])
    def test_what_cannot_be_loaded_is_a_configuration_error(self, name: str) -> None:
        with pytest.raises(ConfigurationError, match=r"the thing '\w+' of .* cannot be loaded"):
            create_backend("thing", name, {}, GROUP)


@pytest.mark.parametrize(
    ("create", "table"),
    [(encode.create, encode.ENCODERS), (landmarks.create, landmarks.PREDICTORS)],
)
def test_the_stages_list_their_own(create: object, table: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        create("nothing-of-the-kind")  # type: ignore[operator]
    assert all(name in str(caught.value) for name in table)


def test_entry_points_are_asked_for_by_group_only() -> None:
    assert all(isinstance(p, EntryPoint) for p in entry_points(group=encode.ENTRY_POINTS))
