"""Files of names and encodings, in every shape, into a gallery: all or nothing, and once."""

from __future__ import annotations

import io
import json
import pickle
import struct
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maskwise import Recognizer, encode
from maskwise.encode.dlib_resnet import DlibResnet
from maskwise.errors import EncoderMismatchError, InputError, StorageError
from maskwise.gallery import Gallery, encoding_files, encoding_rows, open_gallery
from maskwise.gallery.encoding_looks import DLIB_DIRECTION, LEAST_COSINE
from maskwise.gallery.importing import Imported, import_encodings, read
from maskwise.testing.enrolments import ENCODER, axis, reference, unit_vectors
from maskwise.types import F32, NO_MASK

NAMES = ["Ada", "Zoë", "Ada"]
DIRECTION = np.frombuffer(bytes.fromhex(DLIB_DIRECTION), np.int8) / 71
"""About as long as dlib's encodings are."""


def like_dlib(count: int, seed: int = 0) -> F32:
    """(count, 128) float32 that look as if dlib's network had made them, to the warnings."""
    noise = np.random.default_rng(seed).normal(0, 0.04, (count, 128))
    return np.asarray(DIRECTION + noise, np.float32)


ROWS = like_dlib(3)
LISTS = ROWS.astype(float).tolist()
BY_NAME = {"Ada": [LISTS[0], LISTS[2]], "Zoë": LISTS[1]}


@pytest.fixture
def gallery() -> Iterator[Gallery]:
    with open_gallery(None) as store:
        yield store


def save(path: Path, value: Any) -> Path:
    """Write ``value`` as the ending of ``path`` says."""
    if path.suffix == ".npz":
        np.savez(path, **value)
    elif path.suffix == ".npy":
        np.save(path, value, allow_pickle=True)
    elif path.suffix == ".json":
        path.write_text(json.dumps(value), "utf-8")
    elif path.suffix in (".csv", ".txt", ".tsv"):
        path.write_text(value, "utf-8")
    else:
        path.write_bytes(pickle.dumps(value))
    return path


def table(rows: Sequence[Sequence[Any]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(map(str, row)) + "\n" for row in rows)


CSV_ROWS = [[name, *row] for name, row in zip(NAMES, LISTS, strict=True)]
HEADER = ["name", *(f"e{k}" for k in range(128))]
PAIRS = list(zip(NAMES, ROWS, strict=True))
RECORDS = [{"name": name, "encoding": row} for name, row in zip(NAMES, LISTS, strict=True)]
BY_ROW = {"names": NAMES, "encodings": ROWS}

SHAPES: dict[str, tuple[str, Any]] = {
    "npz of names and encodings": ("a.npz", BY_ROW),
    "npz in double precision": ("a.npz", {"names": NAMES, "encodings": ROWS.astype("f8")}),
    "npz by position": ("a.npz", {"arr_0": ROWS, "arr_1": NAMES}),
    "npz with other titles": ("a.npz", {"known_face_names": NAMES, "known_encodings": ROWS}),
    "npz with names as objects": ("a.npz", {"names": np.array(NAMES, object), "encodings": ROWS}),
    "json of lists": ("a.json", {"names": NAMES, "encodings": LISTS}),
    "json of records": ("a.json", RECORDS),
    "json of two lists": ("a.json", [LISTS, NAMES]),
    "json of pairs": ("a.json", [[name, row] for name, row in zip(NAMES, LISTS, strict=True)]),
    "csv": ("a.csv", table(CSV_ROWS)),
    "csv with a header": ("a.csv", table([HEADER, *CSV_ROWS])),
    "csv of pandas": (
        "a.csv",
        table([["", *HEADER], *([k, *row] for k, row in enumerate(CSV_ROWS))]),
    ),
    "csv with the name last": ("a.csv", table([[*row, name] for name, *row in CSV_ROWS])),
    "csv of semicolons": ("a.csv", table(CSV_ROWS, ";")),
    "csv with a byte order mark": ("a.csv", "\ufeff" + table(CSV_ROWS) + "\n\n"),
    "tsv": ("a.tsv", table(CSV_ROWS, "\t")),
    "pickle as tutorials write": ("a.pickle", {"encodings": list(ROWS), "names": NAMES}),
    "pickle of encodings and names": ("a.pkl", (list(ROWS), NAMES)),
    "pickle of names and encodings": ("a.dat", [NAMES, LISTS]),
    "pickle of pairs": ("a", PAIRS),
    "pickle of pairs the other way": ("a.p", [(row, name) for name, row in PAIRS]),
    "pickle of records": ("a.pkl", RECORDS),
    "pickle of more than that": ("a.pkl", {"names": NAMES, "encodings": ROWS, "paths": [1, 2]}),
    "npy of a dict": ("a.npy", np.array({"names": NAMES, "encodings": LISTS}, object)),
}
GROUPED: dict[str, tuple[str, Any]] = {
    "npz by name": ("a.npz", {"Ada": ROWS[[0, 2]], "Zoë": ROWS[1]}),
    "json by name": ("a.json", BY_NAME),
    "pickle by name": ("a.pickle", BY_NAME),
    "pickle by name, of arrays": ("a.dat", {"Ada": [ROWS[0], ROWS[2]], b"Zo\xc3\xab": ROWS[1]}),
    "npy by name": ("a.npy", np.array({"Ada": ROWS[[0, 2]], "Zoë": ROWS[1]}, object)),
}


@pytest.mark.parametrize(("file", "value"), SHAPES.values(), ids=SHAPES)
def test_every_shape_gives_its_rows(file: str, value: Any, tmp_path: Path) -> None:
    found = read(save(tmp_path / file, value))
    assert found.names == ("Ada", "Zoë", "Ada")
    assert (found.encodings.dtype, found.encodings.shape) == (np.dtype("f4"), (3, 128))
    assert (found.encodings == ROWS).all()
    assert found.source == str(tmp_path / file)


@pytest.mark.parametrize(("file", "value"), GROUPED.values(), ids=GROUPED)
def test_every_shape_by_name_gives_its_rows(file: str, value: Any, tmp_path: Path) -> None:
    found = read(save(tmp_path / file, value))
    assert found.names == ("Ada", "Ada", "Zoë")
    assert (found.encodings == ROWS[[0, 2, 1]]).all()


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(protocol: int, tmp_path: Path) -> None:
    for number, value in enumerate((BY_ROW, (LISTS, NAMES), PAIRS)):
        path = tmp_path / f"{number}.pickle"
        path.write_bytes(pickle.dumps(value, protocol))
        assert (read(path).encodings == ROWS).all()


def test_a_number_may_be_a_name_and_one_person_may_have_many(tmp_path: Path) -> None:
    found = read(save(tmp_path / "a.pickle", {7: ROWS[0], 8: ROWS[1:]}))
    assert found.names == ("7", "8", "8")
    assert read(save(tmp_path / "b.json", {"name": "Ada", "encoding": LISTS[0]})).names == ("Ada",)


@pytest.mark.parametrize(
    ("names", "value"),
    [
        ("names.txt", "Ada\nZoë\nAda\n"),
        ("names.txt", "\ufeffAda\r\nZoë\r\nAda"),
        ("names.csv", "name\nAda\nZoë\nAda\n"),
        ("names.csv", "Ada\nZoë\nAda\n"),
        ("names.json", NAMES),
        ("names.json", {"names": NAMES}),
        ("names.npy", np.array(NAMES)),
        ("names.npy", np.array(NAMES, object)),
        ("names.pickle", NAMES),
    ],
)
@pytest.mark.parametrize(
    ("file", "encodings"),
    [
        ("a.npy", ROWS),
        ("a.npy", np.asfortranarray(ROWS.astype(">f8"))),
        ("a.npz", {"arr_0": ROWS}),
        ("a.npz", {"encodings": ROWS}),
        ("a.pickle", list(ROWS)),
        ("a.json", LISTS),
        ("a.csv", table(LISTS)),
    ],
)
def test_names_of_a_file_of_their_own(
    file: str, encodings: Any, names: str, value: Any, tmp_path: Path
) -> None:
    found = read(save(tmp_path / file, encodings), save(tmp_path / names, value))
    assert found.names == ("Ada", "Zoë", "Ada")
    assert (found.encodings == ROWS).all()


NAN = [[float("nan")] * 128]
REFUSED: dict[str, tuple[str, Any, str]] = {
    "a format that is none": ("a.xyz", None, "expected .npz, .npy, .json, .csv, or a pickle"),
    "no names": ("a.npy", ROWS, "--names FILE"),
    "no names in an npz": ("a.npz", {"arr_0": ROWS}, "--names FILE"),
    "no names in a pickle": ("a.pickle", list(ROWS), "--names FILE"),
    "no names in a json": ("a.json", LISTS, "--names FILE"),
    "no names in a csv": ("a.csv", table(LISTS), "--names FILE"),
    "nothing": ("a.json", {}, "holds no encodings"),
    "empty lists": ("a.json", {"names": [], "encodings": []}, "holds no encodings"),
    "an empty list": ("a.json", [], "holds no encodings"),
    "a number": ("a.json", 7, "expected a dict of names and encodings"),
    "text": ("a.json", "Ada", "expected a dict of names and encodings"),
    "too few names": ("a.json", {"names": ["Ada"], "encodings": LISTS}, "1 names for 3 encodings"),
    "too many names": ("a.npz", {"names": [*NAMES, "X"], "encodings": ROWS}, "4 names for 3"),
    "an empty name": ("a.json", {" ": LISTS}, r"row 1: a person's name cannot be empty"),
    "an empty name in a row": ("a.csv", table([*CSV_ROWS, ["", *LISTS[0]]]), "row 4: .*empty"),
    "a long name": ("a.json", {"x" * 201: LISTS}, "at most 200 characters"),
    "a name that is none": ("a.json", {"names": [1.5], "encodings": LISTS[:1]}, "name is text"),
    "a name that is true": ("a.json", {"names": [True], "encodings": LISTS[:1]}, "name is text"),
    "NaN": ("a.json", {"Ada": NAN}, r"row 1 \('Ada'\) holds NaN"),
    "infinity": ("a.csv", table([["Ada", *(["inf"] * 128)]]), "infinite"),
    "too large": ("a.json", {"Ada": [1e300] * 128}, "much too large"),
    "much too large": ("a.json", {"Ada": [10**400] * 128}, "much too large"),
    "zeros": ("a.npz", {"Ada": ROWS[0], "Bo": ROWS[0] * 0}, r"row 2 \('Bo'\) is all zeros"),
    "two widths": ("a.json", {"A": [LISTS[0]], "B": [1.0] * 64}, r"row 2 \('B'\) has 64 numbers"),
    "two widths of one": ("a.json", {"A": [LISTS[0], [1.0]]}, "encoding 2 has 1 numbers"),
    "nobody's encodings": ("a.json", {"Ada": []}, "got an empty list"),
    "an empty encoding": ("a.json", {"Ada": [[]]}, "got an empty list"),
    "null": ("a.json", {"Ada": None}, "got NoneType"),
    "text in an encoding": ("a.json", {"Ada": [1.0, "x"]}, "a list with str in it"),
    "truth in an encoding": ("a.json", {"Ada": [1.0, True]}, "a list with bool in it"),
    "too deep": ("a.json", {"Ada": [[LISTS]]}, "a list with list in it"),
    "three dimensions": ("a.npz", {"Ada": ROWS[None]}, "expected one encoding"),
    "an array of text": ("a.npz", {"Ada": np.array(["x"]), "B": ROWS, "C": ROWS}, "<U1"),
    "an array of times": ("a.npy", np.array(["2020"], "M8[D]"), r"array of datetime64"),
    "complex numbers": ("a.npz", {"Ada": ROWS * 1j}, "expected numbers or text"),
    "rows of three": ("a.json", [["Ada", LISTS[0], 1]], "row 1: expected a name with an encoding"),
    "a record without an encoding": ("a.json", [{"name": "Ada"}], "row 1: expected a name"),
    "a header alone": ("a.csv", table([HEADER]), "no rows below the header"),
    "an empty csv": ("a.csv", "\n\n", "holds no rows"),
    "a csv of names": ("a.csv", "Ada\nBo\n", "row 1: expected a name with an encoding"),
    "a ragged csv": ("a.csv", table([*CSV_ROWS, ["Ada", 1]]), "line 4: 2 cells where the first"),
    "a csv with a hole": ("a.csv", "Ada,1.0,2.0\nBo,,1\n", "line 2: could not convert"),
    "one name twice": ("a.json", None, "'Ada' stands twice"),
    "a pickle of a class": ("a.pickle", pytest.approx, "refused, because the pickle asks for"),
    "an npy of a class": ("a.npy", np.array([Path("x")], object), "asks for .*pathlib"),
    "an npz of a class": ("a.npz", {"Ada": np.array([Path("x")], object)}, r"\[Ada\]: refused"),
}


@pytest.mark.parametrize(("file", "value", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused_says_why(file: str, value: Any, told: str, tmp_path: Path) -> None:
    path = tmp_path / file
    if value is None:
        path.write_text('{"Ada": [1], "Ada": [2]}' if file == "a.json" else "hello\n")
    else:
        save(path, value)
    with pytest.raises(InputError, match=told) as error:
        read(path)
    assert str(error.value).startswith(str(path))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    for path, told in (
        (tmp_path / "none.npz", "no such file"),
        (tmp_path, "a folder"),
        (tmp_path / "empty", "is empty"),
        (tmp_path / ("x" * 300), "cannot be read"),
        (tmp_path / "a\0b", "cannot be read"),
    ):
        with pytest.raises(InputError, match=told):
            read(path)


def test_names_that_do_not_fit_their_file(tmp_path: Path) -> None:
    plain = save(tmp_path / "a.npy", ROWS)
    for names, told in (
        (save(tmp_path / "two.txt", "Ada\nBo\n"), "2 names for 3"),
        (save(tmp_path / "hole.txt", "Ada\n\nBo\n"), "row 2: .*cannot be empty"),
        (save(tmp_path / "not.json", {"a": 1}), "expected names, one a row"),
        (save(tmp_path / "numbers.npy", ROWS), "expected names, one a row"),
    ):
        with pytest.raises(InputError, match=told):
            read(plain, names)
    three = save(tmp_path / "n.txt", "a\nb\nc\n")
    for own in (save(tmp_path / "b.npz", BY_ROW), save(tmp_path / "b.pickle", PAIRS)):
        with pytest.raises(InputError, match="has names of its own"):
            read(own, three)


@pytest.mark.parametrize("file", ["a.npz", "a.npy", "a.json", "a.pickle"])
def test_damaged_files_are_refused(file: str, tmp_path: Path) -> None:
    values = {".npy": ROWS, ".npz": BY_ROW}
    path = save(tmp_path / file, values.get(Path(file).suffix, {"Ada": LISTS[0]}))
    whole = path.read_bytes()
    names = save(tmp_path / "n.txt", "a\nb\nc\n") if file == "a.npy" else None
    for length in range(1, len(whole) - 1, 37):
        path.write_bytes(whole[:length])
        with pytest.raises(InputError):
            read(path, names)


@settings(max_examples=300)
@given(
    st.sampled_from(["a.npz", "a.npy"]),
    st.lists(st.tuples(st.integers(0), st.binary(min_size=1, max_size=4)), min_size=1, max_size=4),
)
def test_fuzzed_files_of_numpy(file: str, changes: list[tuple[int, bytes]]) -> None:
    stream = io.BytesIO()
    if file == "a.npz":
        np.savez_compressed(stream, names=NAMES, encodings=ROWS[:, :4])
    else:
        np.save(stream, np.array(NAMES))
    data = bytearray(stream.getvalue())
    for place, new in changes:
        at = place % min(len(data), 600)
        data[at : at + len(new)] = new
    read_function = encoding_files._npy if file == "a.npy" else encoding_files._npz
    try:
        found = read_function(bytes(data), "fuzz")
    except InputError as error:
        told = str(error)
    else:
        told = "fuzz"
        assert isinstance(
            found, (np.ndarray, dict, list, str, int, float, type(None), tuple, bytes)
        )
    assert told.startswith("fuzz")


def test_sizes_are_checked_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000, 128), }\n"
    npy = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header
    (tmp_path / "a.npy").write_bytes(npy + bytes(64))
    monkeypatch.setattr(encoding_files, "MAX_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("names.npy", bytes(1 << 24))
    save(tmp_path / "b.npy", np.zeros((1 << 18, 1)))
    tracemalloc.start()
    try:
        for name, told in (("a.npy", "cut off"), ("a.npz", "more than 1 MiB"), ("b.npy", "split")):
            with pytest.raises(InputError, match=told):
                read(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


def test_an_array_that_is_named_often_is_not_copied_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding_rows, "MAX_NUMBERS", 128 * 10)
    row = ROWS[0]
    assert (
        len(
            read(
                save(tmp_path / "a.pickle", {"names": ["Ada"] * 10, "encodings": [row] * 10})
            ).names
        )
        == 10
    )
    for value in (
        {"names": ["Ada"] * 11, "encodings": [row] * 11},
        {str(n): row for n in range(11)},
    ):
        with pytest.raises(InputError, match="more than 1,280 numbers"):
            read(save(tmp_path / "a.pickle", value))


def test_one_array_named_a_thousand_times_is_refused_before_it_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoding_rows, "MAX_NUMBERS", 1 << 20)
    row = np.ones(1 << 16)
    path = save(tmp_path / "a.pickle", {"names": ["Ada"] * 1000, "encodings": [row] * 1000})
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="more than 1,048,576 numbers"):
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 1 << 23
    finally:
        tracemalloc.stop()


def test_text_that_is_no_unicode(tmp_path: Path) -> None:
    names = save(tmp_path / "n.npy", np.array(["a", "b", "c"]))
    names.write_bytes(names.read_bytes().replace(b"c\0\0\0", b"\xff" * 4))
    with pytest.raises(InputError, match=r"n\.npy: a damaged \.npy \(text that is no Unicode\)"):
        read(save(tmp_path / "a.npy", ROWS), names)


# Into a gallery.


def test_a_row_becomes_a_person_with_a_template_of_unknown_wear(gallery: Gallery) -> None:
    report = import_encodings(gallery, NAMES, ROWS, source="faces.npz")
    assert report.warnings == ()
    assert report.encoder_id == gallery.encoder_id == DlibResnet().id
    assert gallery.encoder_space == DlibResnet().space
    assert [(p.subject, p.encodings, p.added, p.new) for p in report.people] == [
        ("Ada", 2, 2, True),
        ("Zoë", 1, 1, True),
    ]
    ada = gallery.show("Ada")
    assert [r.source for r in ada.references] == ["imported: faces.npz#1", "imported: faces.npz#3"]
    assert [t.wear.label for r in ada.references for t in r.templates] == ["unknown", "unknown"]
    assert {(r.detector_id, r.box, r.ipd_px, r.masks) for r in ada.references} == {
        ("imported", None, None, ())
    }
    assert gallery.integrity_check() == []
    unit = ROWS / np.linalg.norm(ROWS, axis=1, keepdims=True)
    for wear in ("bare", "masked"):
        (best,) = gallery.search(unit[1:2], wear=wear, top=1)[0]  # type: ignore[arg-type]
        assert (best.subject, best.score) == ("Zoë", pytest.approx(1, abs=1e-6))


def test_importing_again_changes_nothing(tmp_path: Path) -> None:
    with open_gallery(tmp_path / "g.db") as gallery:
        first = import_encodings(gallery, NAMES, ROWS.astype(np.float64))
        before = [gallery.show(name) for name in ("Ada", "Zoë")]
        again = import_encodings(gallery, NAMES, LISTS)
        assert [gallery.show(name) for name in ("Ada", "Zoë")] == before
        assert (first.added, first.already) == (3, 0)
        assert (again.added, again.already, again.new_people) == (0, 3, 0)
        more = import_encodings(
            gallery, [*NAMES, " Zoe\u0308 ", "Zoë"], [*ROWS, *like_dlib(1, 5), ROWS[1]]
        )
        assert (more.added, more.already, more.repeated, more.encodings) == (1, 3, 1, 5)
        assert gallery.size().references == 4


def test_a_dry_run_reports_and_stores_nothing(gallery: Gallery) -> None:
    dry = import_encodings(gallery, NAMES, ROWS, dry_run=True)
    assert gallery.size().people == 0
    assert dry == import_encodings(gallery, NAMES, ROWS)


def test_on_rows_is_told_of_every_row(gallery: Gallery) -> None:
    told: list[int] = []
    import_encodings(gallery, NAMES, ROWS, on_rows=told.append)
    assert told == [2, 1]


def test_when_it_breaks_nothing_is_stored(gallery: Gallery) -> None:
    gallery.enrol(
        "Eve", [reference("e.jpg", [(NO_MASK, like_unit(1)[0])], encoder=DlibResnet().id)]
    )

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_encodings(gallery, NAMES, ROWS, on_rows=interrupt)
    assert [p.subject for p in gallery.people()] == ["Eve"]
    assert gallery.size().templates == 1


def like_unit(count: int) -> F32:
    rows = like_dlib(count)
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def test_photos_may_be_enrolled_on_top(gallery: Gallery) -> None:
    import_encodings(gallery, NAMES, ROWS)
    gallery.enrol(
        "Ada", [reference("a.jpg", [(NO_MASK, like_unit(1)[0])], encoder=DlibResnet().id)]
    )
    assert gallery.stats().by_wear == {"none": 1, "unknown": 3}
    assert import_encodings(gallery, NAMES, ROWS).added == 0


@pytest.mark.parametrize(
    ("names", "encodings", "told"),
    [
        (["Ada"], ROWS, "1 names for 3 encodings"),
        ("Ada", ROWS, "3 names for 3|names"),
        (NAMES, ROWS[:, :64], "expected 128 numbers an encoding.*got 64; name the encoder"),
        (NAMES, ROWS[0], "as an .N, D. array"),
        (NAMES, [[1.0], [1.0, 2.0], [1.0]], "as an .N, D. array"),
        (NAMES, [["x"]] * 3, "as an .N, D. array"),
        ([], np.zeros((0, 128)), "as an .N, D. array"),
        (["Ada", "Bo", " "], ROWS, "row 3: a person's name cannot be empty"),
        (["Ada", "Bo", None], ROWS, "row 3: a person's name is text"),
        (NAMES, np.where(np.arange(3)[:, None] == 1, np.nan, ROWS), r"row 2 \('Zoë'\) holds NaN"),
        (NAMES, ROWS * [[1], [1], [0]], r"row 3 \('Ada'\) is all zeros"),
    ],
)
def test_arrays_that_are_refused(gallery: Gallery, names: Any, encodings: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        import_encodings(gallery, names, encodings)
    assert gallery.size().people == 0


def test_another_encoder_by_its_id(gallery: Gallery) -> None:
    rows = unit_vectors(2, 16) * np.float32(40)
    report = import_encodings(gallery, ["Ada", "Bo"], rows, encoder_id=ENCODER)
    assert (report.encoder_id, report.warnings) == (ENCODER, ())
    with pytest.raises(InputError, match="have 16 numbers, these 8"):
        import_encodings(gallery, ["Ada", "Bo"], rows[:, :8], encoder_id=ENCODER)
    with pytest.raises(EncoderMismatchError, match=ENCODER):
        import_encodings(gallery, NAMES, ROWS)
    with pytest.raises(InputError, match=r"expected 128 numbers.*got 16$"):
        import_encodings(gallery, ["Ada", "Bo"], rows, encoder_id=DlibResnet().id)
    assert gallery.search(axis(0)[None], wear="bare", top=9)[0][0].subject in ("Ada", "Bo")
    assert gallery.size().references == 2


def test_into_people_of_another_encoder_it_is_told_which_way_goes(gallery: Gallery) -> None:
    """Numbers cannot be made over, so to name the gallery's encoder would be no help."""
    ours = encode.create().id
    gallery.enrol("Eve", [reference("e.jpg", [(NO_MASK, like_unit(1)[0])], encoder=ours)])
    with pytest.raises(EncoderMismatchError, match="into another gallery, or move this") as caught:
        import_encodings(gallery, NAMES, ROWS)
    assert str(caught.value).endswith("re-encode --encoder dlib-resnet-v1")
    assert "--encoder maskwise-v1" not in str(caught.value)


@pytest.mark.parametrize("length", [1e-30, 1, 1.4, 1e30])
def test_any_length_is_scaled(gallery: Gallery, length: float) -> None:
    rows = like_unit(2) * np.float32(length)
    report = import_encodings(gallery, ["Ada", "Bo"], rows)
    assert gallery.integrity_check() == []
    assert bool(report.warnings) == (length in (1e-30, 1e30))
    assert all("unusual length" in warning for warning in report.warnings)


def test_encodings_of_another_network_are_told_apart(gallery: Gallery) -> None:
    rows = np.concatenate([ROWS, unit_vectors(20, 128)])
    report = import_encodings(gallery, [f"p{n}" for n in range(23)], rows)
    (warning,) = report.warnings
    assert "20 of 23 encodings do not look like those of dlib's network: rows 4 (p3), 5" in warning
    assert report.added == 23


def test_a_closed_gallery(gallery: Gallery) -> None:
    gallery.close()
    with pytest.raises(StorageError):
        import_encodings(gallery, NAMES, ROWS)


def test_imported_is_frozen() -> None:
    given_ = ROWS.copy()
    rows = Imported(NAMES, given_)
    given_[:] = 0
    assert (rows.encodings == ROWS).all()
    with pytest.raises(ValueError, match="read-only"):
        rows.encodings[0, 0] = 1
    assert rows.names == tuple(NAMES)


# With the models.


@pytest.fixture(scope="module")
def sample_encodings() -> tuple[list[str], F32]:
    """The raw numbers of the sample people's photos, as face_recognition has them."""
    from maskwise import samples

    encoder = DlibResnet()
    recognizer = Recognizer(encoder=encoder)
    photos = sorted(samples.people().rglob("*.jpg"))
    chips = np.stack([recognizer.dominant(photo)[0].chip.pixels for photo in photos])
    return [photo.parent.name for photo in photos], encoder.describe_batch(chips)


@pytest.mark.models
def test_the_direction_is_that_of_the_sample_people(
    sample_encodings: tuple[list[str], F32],
) -> None:
    _, raw = sample_encodings
    unit = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    mean = unit.mean(axis=0)
    mean /= np.linalg.norm(mean)
    stored = np.frombuffer(bytes.fromhex(DLIB_DIRECTION), np.int8)
    assert np.abs(stored - 100 * mean).max() < 0.6
    assert (unit @ stored / np.linalg.norm(stored)).min() > LEAST_COSINE + 0.2


@pytest.mark.models
@pytest.mark.parametrize(
    ("file", "shape"),
    [
        ("a.npz", lambda names, rows: {"names": names, "encodings": rows}),
        ("a.json", lambda names, rows: {"names": names, "encodings": rows.tolist()}),
        (
            "a.csv",
            lambda names, rows: table([[n, *r] for n, r in zip(names, rows.tolist(), strict=True)]),
        ),
        ("a.pickle", lambda names, rows: {"encodings": list(rows), "names": names}),
        ("a.npy", lambda names, rows: np.array({"names": names, "encodings": rows}, object)),
    ],
)
def test_imported_people_are_recognised(
    file: str,
    shape: Callable[[list[str], F32], Any],
    sample_encodings: tuple[list[str], F32],
    tmp_path: Path,
) -> None:
    from maskwise import samples

    names, raw = sample_encodings
    found = read(save(tmp_path / file, shape(names, raw)))
    with open_gallery(None) as gallery:
        report = import_encodings(gallery, found.names, found.encodings, source=found.source)
        assert (report.added, report.warnings) == (len(names), ())
        recognizer = Recognizer(gallery)
        assert recognizer.encoder.id != gallery.encoder_id  # one space, thresholds of the two
        for probe in sorted(samples.probes().glob("*_bare.jpg"))[:4]:
            (result,) = recognizer.identify(probe)
            who = probe.stem.removesuffix("_bare")
            if who in names:
                assert result.decision.outcome == "match"
                assert result.candidates[0].subject == who
                assert result.candidates[0].wear.kind == "unknown"
            else:
                assert result.decision.outcome == "no_match"


@pytest.mark.models
def test_dlib_s_own_numbers_are_recognised(dlib: Any, dlib_models: Path, tmp_path: Path) -> None:
    from maskwise import image, samples

    detector = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(str(dlib_models / "shape_predictor_68_face_landmarks.dat"))
    network = dlib.face_recognition_model_v1(
        str(dlib_models / "dlib_face_recognition_resnet_model_v1.dat")
    )
    people = sorted(samples.people().glob("*/1.jpg"))[:5]
    known: dict[str, Any] = {}
    for photo in people:
        pixels = np.array(image.load(photo).pixels)
        box = detector(pixels, 1)[0]
        known[photo.parent.name] = np.array(
            network.compute_face_descriptor(pixels, points(pixels, box))
        )
    found = read(save(tmp_path / "known.dat", known))
    with open_gallery(None) as gallery:
        assert import_encodings(gallery, found.names, found.encodings).warnings == ()
        for recognizer in (Recognizer(gallery), Recognizer(gallery, encoder=DlibResnet())):
            for name in known:
                (result,) = recognizer.identify(samples.probes() / f"{name}_bare.jpg")
                assert result.decision.outcome == "match"
                assert result.candidates[0].subject == name
                assert result.decision.reasons == ()
