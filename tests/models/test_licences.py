from __future__ import annotations

from pathlib import Path

import pytest

from maskwise.errors import ConfigurationError, LicenceError, ModelError, OutputError
from maskwise.models import licences

NAME = "dlib-68-points"


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's data folder, yet to be made."""
    import platformdirs

    folder = tmp_path / "user" / "data"
    monkeypatch.setattr(platformdirs, "user_data_dir", lambda *_, **__: str(folder))
    monkeypatch.delenv(licences.ACCEPT_VARIABLE, raising=False)
    return folder


def test_nothing_is_accepted_before_it_is(data: Path) -> None:
    assert not licences.is_accepted(NAME)
    with pytest.raises(LicenceError) as caught:
        licences.require(NAME)
    text = str(caught.value)
    for part in ("iBUG 300-W", "no commercial use", f"maskwise models accept {NAME}"):
        assert part in text
    assert f"MASKWISE_ACCEPT_LICENCES={NAME}" in text
    assert 'model="small"' in text
    assert not data.exists()


def test_what_was_accepted_stays_so(data: Path) -> None:
    path = licences.accept(NAME)
    assert data in path.parents
    assert licences.is_accepted(NAME)
    licences.require(NAME)
    text = path.read_text("utf-8")
    assert NAME in text
    assert "excludes commercial use" in text
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert licences.accept(NAME) == path
    assert path.read_text("utf-8") == text, "the time of the first yes is kept"


def test_deleting_the_file_takes_it_back() -> None:
    licences.accept(NAME).unlink()
    assert not licences.is_accepted(NAME)


@pytest.mark.parametrize("value", [NAME, f" {NAME} ", f",{NAME},,{NAME}"])
def test_the_environment_accepts(value: str, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, value)
    licences.require(NAME)
    assert not data.exists(), "what the environment says is not written down"


@pytest.mark.parametrize("value", ["", " , "])
def test_an_empty_environment_accepts_nothing(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, value)
    assert not licences.is_accepted(NAME)


def test_a_typo_in_the_environment_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.ACCEPT_VARIABLE, f"{NAME},dlib-68")
    with pytest.raises(ConfigurationError, match=r"MASKWISE_ACCEPT_LICENCES: no licence 'dlib-68'"):
        licences.require(NAME)


@pytest.mark.parametrize("name", ["", "dlib-five-points", "../x"])
def test_unknown_names_list_the_known(name: str, data: Path) -> None:
    for ask in (licences.accept, licences.is_accepted, licences.require, licences.licence):
        with pytest.raises(ConfigurationError, match=f"there are: {NAME}"):
            ask(name)
    assert not data.exists()


def test_a_folder_that_cannot_be_written_is_named(data: Path) -> None:
    data.parent.mkdir(parents=True)
    data.write_text("a file, where the folder should be")
    with pytest.raises(OutputError, match=f"set MASKWISE_ACCEPT_LICENCES={NAME}") as caught:
        licences.accept(NAME)
    assert str(data) in str(caught.value)
    assert not licences.is_accepted(NAME)


def test_a_crash_leaves_no_half_yes(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OutputError, match="No space left"):
        licences.accept(NAME)
    assert list((data / "accepted-licences").iterdir()) == []
    assert not licences.is_accepted(NAME)


def test_the_error_is_a_model_error_too() -> None:
    assert issubclass(LicenceError, ModelError)


def test_every_licence_says_all() -> None:
    assert licences.names() == sorted(licences.names()) == [NAME, "insightface-models"]
    for name in licences.names():
        terms = licences.licence(name)
        assert terms.name == name
        assert len(terms.sha256) in (0, 64)
        assert bool(terms.file) == bool(terms.sha256)
        assert all((terms.weights, terms.use, terms.terms, terms.instead))
        assert all(source.startswith("https://") for source in terms.sources)


def test_a_file_is_known_by_its_sha256() -> None:
    assert licences.of_file(licences.licence(NAME).sha256) == NAME
    assert licences.of_file("0" * 64) == ""
    assert licences.of_file("") == "", "licences of several files have no sha256 of their own"
