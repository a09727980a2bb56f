"""URLs of galleries on a server: what is read from them, and what never shows."""

from __future__ import annotations

import subprocess
import sys
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskwise.errors import ConfigurationError, MaskwiseError
from maskwise.gallery import gallery_file, open_gallery
from maskwise.gallery.postgres.place import DEFAULT_DEPTH, parse
from maskwise.gallery.where import without_secrets

WORD = "Tr0ub4dor"
"""In every password of these tests, and nowhere else."""


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://", "postgresql:///"),
        ("postgres://host/db", "postgresql://host/db"),
        ("postgresql://u:Tr0ub4dor@host:6432/db", "postgresql://u@host:6432/db"),
        ("postgresql://u@host/db?password=Tr0ub4dor", "postgresql://u@host/db"),
        ("postgresql://u@host/db?schema=staff", "postgresql://u@host/db?schema=staff"),
        ("postgresql://u@[::1]:1/db?sslmode=require", "postgresql://u@[::1]:1/db"),
        ("postgresql://a:1,b:2/db", "postgresql://a:1,b:2/db"),
        ("postgresql://u%40x@host/a%20b", "postgresql://u%40x@host/a%20b"),
        ("postgresql:///db?host=/var/run", "postgresql://%2Fvar%2Frun/db"),
    ],
)
def test_a_url_is_shown_without_secrets(url: str, shown: str) -> None:
    place = parse(url)
    assert place.shown == shown
    assert WORD not in repr(place)
    # What is shown leads to the same place.
    again = parse(shown)
    assert again.schema == place.schema
    for key in ("host", "port", "user", "dbname"):
        assert again.conninfo.get(key) == place.conninfo.get(key)


def test_our_parameters_are_not_libpqs() -> None:
    place = parse("postgresql://h/db?schema=staff&ef_search=77&connect_timeout=3")
    assert (place.schema, place.depth) == ("staff", 77)
    assert place.conninfo == {"host": "h", "dbname": "db", "connect_timeout": "3"}
    assert parse("postgresql://h/db").depth == DEFAULT_DEPTH


@pytest.mark.parametrize(
    "parameters",
    [
        *("schema=", "schema=A", "schema=pg_x", "schema=a-b", 'schema=a"b', f"schema={'x' * 64}"),
        *("ef_search=0", "ef_search=1001", "ef_search=x", "ef_search=", "nonsense=1"),
    ],
)
def test_parameters_that_cannot_be_are_refused(parameters: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(f"postgresql://u:{WORD}@h/db?{parameters}")


def outcome(url: str) -> tuple[object, ...]:
    """What a URL is read as, or why it is not."""
    try:
        return (parse(url), parse(url).shown)
    except MaskwiseError as error:
        return (error, error.__cause__)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=8))
def test_no_password_ever_shows(before: str, after: str, user: str) -> None:
    password = f"{before}{WORD}{after}"
    for written in (quote(password, safe=""), password):  # as it should be, and as it is typed
        url = f"postgresql://{quote(user, safe='')}:{written}@host:5432/db"
        assert WORD not in without_secrets(url)
        said = "".join(map(repr, outcome(url)))
        assert WORD not in said


def test_there_is_no_file() -> None:
    assert gallery_file(f"postgresql://u:{WORD}@h/db") is None


def test_paths_and_files_stay_as_they_are() -> None:
    for path in ("a:b@c.db", "sqlite:////home/a:b@c/x.db", "C:\\x.db"):
        assert without_secrets(path) == path
    url = f"postgresql://u:{WORD}@h/db?sslmode=require&schema=staff"
    assert without_secrets(url) == "postgresql://u@h/db?schema=staff"


def test_without_the_extra_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [n for n in sys.modules if n.startswith("maskwise.gallery.postgres")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r'pip install "maskwise\[postgres\]"') as caught:
        open_gallery(f"postgresql://u:{WORD}@h/db")
    assert WORD not in str(caught.value)


def test_nothing_of_it_is_imported_before_it_is_used() -> None:
    code = (
        "import sys, maskwise.gallery, maskwise.cli; maskwise.gallery.open_gallery(None).close();"
        "sys.exit(any(m.startswith('psycopg') for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
