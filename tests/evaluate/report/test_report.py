"""The report as a whole: its numbers by hand, its page, its files."""

from __future__ import annotations

import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import PROVENANCE, made_scores, made_searches
from made_reports import Page, points, twelve
from PIL import Image as Pillow

from maskwise.errors import ConfigurationError, EvaluationError, OutputError
from maskwise.evaluate.report import Report, read_parts, write_report
from maskwise.evaluate.report.write import _replicates
from maskwise.evaluate.score_file import write_scores
from maskwise.evaluate.scores import Labels, Scores
from maskwise.evaluate.searches import Searches

HOSTILE = "\"><script>alert('x')</script><b onmouseover=y>&amp;\x1b[31m\u202e\udcff"


def written(data: Scores | Searches, out: Path, **options: Any) -> tuple[Report, Any, Page]:
    """The report of one part, its JSON, and its page."""
    report = write_report({"part": data}, out, **{"replicates": 0, **options})
    return (
        report,
        json.loads(report.json.read_text("ascii"))["parts"][0],
        Page(report.page.read_text("utf-8")),
    )


def rows(part: Any, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = part["tables"][table]["rows"]
    return found


def test_numbers_of_twelve_trials_by_hand(tmp_path: Path) -> None:
    _, part, _ = written(twelve(), tmp_path, operating_points=points(0.6))
    # At 0.6: 0.7 and 0.6 of six strangers pass, 0.4 of six mated trials does not.
    (decided,) = rows(part, "decisions")
    assert (decided["threshold"], decided["wear_pair"]) == (0.6, "bare-bare")
    assert (decided["fmr_errors"], decided["fmr_trials"], decided["fmr"]) == (2, 6, 2 / 6)
    assert (decided["fnmr_errors"], decided["fnmr_trials"], decided["fnmr"]) == (1, 6, 1 / 6)
    assert (decided["gfar"], decided["gfrr"]) == (2 / 6, 1 / 6)
    assert decided["origin"] == "calibrated on somebody else, for an FMR of 0.1 %"
    (overview,) = rows(part, "overview")
    assert overview["eer"] == 0.25
    assert overview["auc"] == 31 / 36
    assert (overview["people"], overview["mated"], overview["non_mated"]) == (6, 6, 6)
    assert (overview["fta"], overview["fta_trials"], overview["fte_trials"]) == (0, 12, 6)
    # Nothing is said at FMRs that six trials do not support.
    assert overview["fnmr_at_0.01"] == "not supported by 6 trials"
    for row, target in zip(
        rows(part, "at-target-fmr"), (1e-2, 1e-3, 1e-4, 1e-5, 1e-6), strict=True
    ):
        assert row["target_fmr"] == target
        assert row["note"].startswith("not supported by 6 non-mated trials")
        assert all(row[key] is None for key in ("threshold", "fmr", "fnmr", "tar", "gfar", "gfrr"))


def test_a_supported_target_carries_every_rate(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    people = 80
    pairs = np.stack(np.triu_indices(people, 1), axis=1)
    pairs = np.concatenate([np.stack([np.arange(people)] * 2, 1), pairs]).astype(np.int32)
    mated, count = pairs[:, 0] == pairs[:, 1], len(pairs)
    scores = np.where(mated, 0.9, rng.permutation(count) / count / 2)
    scores[0] = np.nan
    data = Scores(
        PROVENANCE,
        tuple(f"{k}.png" for k in range(people)),
        tuple(f"p{k}" for k in range(people)),
        pairs,
        scores,
        mated,
        Labels.all_one("none", count),
        Labels.all_one("none", count),
        Labels.all_one("", count),
        Labels.of(["no_face", *[""] * (count - 1)]),
    )
    _, part, _ = written(data, tmp_path)
    strangers = count - people
    first = rows(part, "at-target-fmr")[0]
    assert (first["target_fmr"], first["note"]) == (1e-2, "")
    assert first["fmr_errors"] == int(strangers * 0.01)
    assert first["gfar_trials"] == strangers
    assert (first["fnmr"], first["fnmr_trials"], first["tar"]) == (0, people - 1, 1)
    # The one mated trial that failed is a rejection.
    assert (first["gfrr_errors"], first["gfrr_trials"]) == (1, people)


def test_thresholds_without_a_calibration_are_said_to_be_picked_here(tmp_path: Path) -> None:
    _, part, page = written(twelve(), tmp_path)
    (decided,) = rows(part, "decisions")
    # No false match of six is the most that keeps to 0.1; just above 0.7, 0.6 and 0.4 are missed.
    assert decided["threshold"] == np.nextafter(0.7, 1)
    assert (decided["fmr"], decided["fnmr"]) == (0, 2 / 6)
    assert "picked on these very trials" in decided["origin"]
    assert any("picked on these very trials meet their FMR by choice" in t for t in page.text)


def test_points_of_another_encoder_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="encoder other"):
        write_report({"a": twelve()}, tmp_path, operating_points=points(0.6, "other"))


def test_searches_by_hand(tmp_path: Path) -> None:
    data = made_searches(people=12, strangers=12)
    _, part, page = written(data, tmp_path, operating_points=points(2.0))
    (decided,) = rows(part, "decisions")
    strangers = data.other_score[~data.mated]
    mates = np.where(data.rank == 1, data.mate_score, np.nan)[data.mated]
    assert decided["fpir_errors"] == sum(s >= 2.0 for s in strangers.tolist())
    assert decided["fpir_trials"] == 24
    assert decided["fnir_errors"] == sum(not m >= 2.0 for m in mates.tolist())
    assert rows(part, "ranks")[0]["rate_errors"] == sum(r == 1 for r in data.rank[data.mated])
    assert part["plots"]["cmc"]["curves"][0]["rates"][0] == rows(part, "ranks")[0]["rate"]
    assert "N = 12, R = 1, T = 2.0000" in page.text


def test_curves_are_monotone_and_the_threshold_is_drawn(tmp_path: Path) -> None:
    data = made_scores(people=30)
    _, part, _ = written(data, tmp_path, replicates=30)
    for curve in part["plots"]["det"]["curves"]:
        fmr, fnmr = np.array(curve["fmr"]), np.array(curve["fnmr"])
        assert (np.diff(fmr) >= 0).all()
        assert (np.diff(fnmr) <= 0).all()
        assert (fmr[0], fnmr[-1]) == (0, 0)
        band = curve["interval"]
        assert (np.array(band["low"]) <= np.array(band["high"])).all()
    for pair in ("bare-bare", "bare-masked"):
        plot = part["plots"][f"scores-{pair}"]
        fine = ~data.failed & data.wear_pair().where(pair)
        assert sum(plot["mated"]) == (fine & data.mated).sum()
        assert sum(plot["non_mated"]) == (fine & ~data.mated).sum()
        drawn = (tmp_path / "plots" / f"scores-{pair}.svg").read_text()
        assert f"threshold {plot['threshold']:.4f}" in drawn


def test_the_worst_errors_come_first(tmp_path: Path) -> None:
    _, part, _ = written(twelve(), tmp_path, operating_points=points(0.6))
    matches, misses = rows(part, "false-matches"), rows(part, "false-non-matches")
    assert [row["score"] for row in matches] == [0.7, 0.6, 0.5, 0.4, 0.3, 0.2]
    # A score on the threshold is accepted.
    assert [row["what"] for row in matches[:3]] == ["false match"] * 2 + ["right, but close"]
    assert [row["score"] for row in misses[:3]] == [0.4, 0.6, 0.8]
    assert [row["what"] for row in misses[:2]] == ["false non-match", "right, but close"]
    assert (matches[0]["reference"], matches[0]["probe"]) == ("0/a.png", "1/a.png")


def test_failures_are_listed_with_reason_and_cost(tmp_path: Path) -> None:
    scores = np.array(twelve().scores)
    scores[[0, 6]] = np.nan  # both have photo 0/a.png for their reference
    lost = Labels.of(np.where(np.isnan(scores), "no_face", ""))
    _, part, page = written(twelve(scores=scores, reference_failure=lost), tmp_path)
    assert rows(part, "failed-photos") == [
        {
            "role": "reference",
            "photo": "0/a.png",
            "subject": "person 0",
            "wear": "bare",
            "reason": "no_face",
            "trials": 2,
        }
    ]
    assert "no_face" in page.text
    assert part["summary"][1].startswith("No template could be made of 0 of 12 probes and 1 of 6 ")


def test_equal_scores_give_equal_files_and_the_score_file_is_enough(tmp_path: Path) -> None:
    data = made_scores(people=12)
    write_scores(tmp_path / "part.npz", data)
    a, b = tmp_path / "a", tmp_path / "b"
    written(data, a, replicates=20)
    write_report(read_parts([tmp_path / "part.npz"]), b, replicates=20)
    files = sorted(p.relative_to(a).as_posix() for p in a.rglob("*") if p.is_file())
    assert "report.html" in files
    for name in files:
        assert (a / name).read_bytes() == (b / name).read_bytes(), name


def test_the_page_is_well_formed_and_needs_nothing_else(tmp_path: Path) -> None:
    parts = {"bare": made_scores(people=12), "found": made_searches(), "two": made_scores(1, 12)}
    report = write_report(parts, tmp_path, replicates=20)
    html = report.page.read_text("utf-8")
    page = Page(html)
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    assert {a.removeprefix("#") for a in page.values("href")} <= set(ids)
    assert not re.search(r"https?:|//[a-z]|url\(|@import|<link|<script|<iframe|<object", html)
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert page.tags["svg"] > 6
    assert "default-src 'none'" in page.values("content")[1]
    assert "Verification, by score file" in page.text


def test_every_plot_and_table_lies_beside_it(tmp_path: Path) -> None:
    report, part, page = written(made_scores(people=12), tmp_path, replicates=20)
    assert len(report.files) == len(set(report.files))
    for key in part["plots"]:
        svg = ET.fromstring((tmp_path / "plots" / f"{key}.svg").read_text("utf-8"))
        with Pillow.open(tmp_path / "plots" / f"{key}.png") as picture:
            size = (2 * float(svg.get("width", 0)), 2 * float(svg.get("height", 0)))
            assert picture.size == size
            assert len(picture.convert("RGB").getcolors(1 << 20) or ()) > 5
        assert key in page.values("id")
    for key, table in part["tables"].items():
        text = (tmp_path / "tables" / f"{key}.csv").read_text("utf-8")
        read = list(csv.DictReader(io.StringIO(text)))
        assert len(read) == len(table["rows"]) > 0
        for row, expected in zip(read, table["rows"], strict=True):
            assert {k: v for k, v in row.items() if v} == {
                k: str(v) for k, v in expected.items() if v is not None and v != ""
            }


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    provenance = type(PROVENANCE)(
        HOSTILE,
        {HOSTILE: HOSTILE},
        HOSTILE,
        HOSTILE,
        HOSTILE,
        0,
        HOSTILE,
        {HOSTILE: HOSTILE},
        (HOSTILE,),
    )
    scores = np.array(twelve().scores)
    scores[0] = np.nan
    column = Labels.of([HOSTILE, "=1+1"] * 6)
    data = twelve(
        provenance=provenance,
        photos=tuple(f"{HOSTILE}{k}" for k in range(12)),
        subjects=tuple(f"{HOSTILE}{k // 2}" for k in range(12)),
        scores=scores,
        probe_failure=Labels.of([HOSTILE, *[""] * 11]),
        attributes={HOSTILE: column},
    )
    found = made_searches(people=12, strangers=12)
    named = Searches(
        **{
            **{name: getattr(found, name) for name in Searches.__slots__},
            "provenance": provenance,
            "probes": tuple(f"{HOSTILE}{k}" for k in range(len(found))),
            "subjects": tuple(f"{HOSTILE}{k}" for k in found.subjects),
            "attributes": ((HOSTILE, Labels.of([HOSTILE, "b"] * (len(found) // 2))),),
            "enrol_failures": ((HOSTILE, 1),),
        }
    )
    parts = {HOSTILE: data, f"{HOSTILE}2": named, "=cmd": data}
    report = write_report(
        parts, tmp_path, replicates=0, title=HOSTILE, command=HOSTILE, images=tmp_path
    )
    html = report.page.read_text("utf-8")
    page = Page(html)
    assert not page.tags["script"]
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert "&lt;script&gt;" in html
    assert "\x1b" not in html
    assert "\u202e" not in html
    for path in report.files:
        assert path.relative_to(tmp_path).as_posix().isascii()
        if path.suffix == ".svg":
            tags = {e.tag.rpartition("}")[2] for e in ET.fromstring(path.read_text("utf-8")).iter()}
            assert tags <= {"svg", "title", "desc", "rect", "polyline", "polygon", "text"}
        if path.suffix == ".csv":
            cells = [c for row in csv.reader(io.StringIO(path.read_text("utf-8"))) for c in row]
            assert not [c for c in cells if c.startswith(("=", "@", "+"))]
    # JSON has every name as it is.
    assert json.loads(report.json.read_text("ascii"))["title"] == HOSTILE


def photos_of(data: Scores, folder: Path) -> None:
    for number, photo in enumerate(data.photos):
        path = folder / photo
        path.parent.mkdir(parents=True, exist_ok=True)
        Pillow.new("RGB", (60, 40), (20 * number, 90, 200)).save(path)


def test_thumbnails_only_when_photos_are_named_and_never_when_switched_off(tmp_path: Path) -> None:
    data, photos = twelve(), tmp_path / "photos"
    photos_of(data, photos)

    def images(**options: Any) -> tuple[int, int, bytes]:
        report, _, page = written(data, tmp_path / "out", **options)
        assert report.not_shown == {}
        html = report.page.read_bytes()
        return page.tags["img"], html.count(b"data:image"), html

    assert images()[:2] == (0, 0)
    off = images(images=photos, thumbnails=False)
    assert off[:2] == (0, 0)
    # A data: address is allowed by the page's policy alone; no picture's bytes are anywhere.
    assert b"base64" not in off[2]
    assert b"Do not pass this page on" not in off[2]
    on = images(images=photos)
    assert on[0] == on[1] == 2 * 12  # reference and probe of six false and six true ones
    assert b"Do not pass this page on" in on[2]


def test_thumbnails_show_the_face_and_carry_no_metadata(tmp_path: Path) -> None:
    import base64

    data, photos = twelve(), tmp_path / "photos"
    photos_of(data, photos)
    exif = Pillow.Exif()
    exif[0x010E] = "at home"
    picture = Pillow.new("RGB", (400, 200), (255, 255, 255))
    picture.paste((200, 0, 0), (300, 50, 360, 110))
    for photo in data.photos:
        picture.save(photos / photo, exif=exif)
    box = np.array([300, 50, 360, 110], np.float32)
    report, _, page = written(data, tmp_path, images=photos, find_face=lambda _: box)
    content = base64.b64decode(page.values("src")[0].partition(",")[2])
    assert b"at home" not in content
    with Pillow.open(io.BytesIO(content)) as small:
        assert small.size[0] == small.size[1]
        share = (np.asarray(small.convert("RGB"))[..., 1] < 128).mean()
    assert 0.25 < share < 0.45  # 1 / 1.7^2 of the square
    assert report.not_shown == {}


@pytest.mark.parametrize("name", ["../secret.png", "/secret.png", "a/../../secret.png", "C:/x.png"])
def test_a_path_that_leads_out_of_the_folder_is_not_opened(tmp_path: Path, name: str) -> None:
    (tmp_path / "photos").mkdir()
    Pillow.new("RGB", (60, 40)).save(tmp_path / "secret.png")
    data = twelve(photos=(name, *twelve().photos[1:]))
    report, _, page = written(data, tmp_path / "out", images=tmp_path / "photos")
    assert "leads out of the folder" in report.not_shown[name]
    assert page.tags["img"] == 0
    assert len(report.not_shown) == 12
    assert "no such file" in report.not_shown["1/a.png"]


def test_a_missing_folder_of_photos_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such folder"):
        write_report({"a": twelve()}, tmp_path / "out", replicates=0, images=tmp_path / "none")


@pytest.mark.parametrize(
    ("keep", "sentence"),
    [
        ([0], "no non-mated trial has a score"),
        ([6], "no mated trial has a score"),
        ([0, 6], "about"),
        ([], ""),
    ],
)
def test_tiny_lists(tmp_path: Path, keep: list[int], sentence: str) -> None:
    data = twelve().subset(np.array(keep, int))
    if not keep:
        with pytest.raises(EvaluationError, match="no trial"):
            written(data, tmp_path)
        return
    _, part, _ = written(data, tmp_path, replicates=10)
    text = " ".join(part["summary"])
    assert (sentence in text) if sentence != "about" else ("none of 1" in text)


def test_separable_scores_have_no_error_and_the_rule_of_three(tmp_path: Path) -> None:
    scores = np.where(twelve().mated, 0.9, 0.1)
    _, part, page = written(twelve(scores=scores), tmp_path, operating_points=points(0.5))
    (decided,) = rows(part, "decisions")
    assert (decided["fmr"], decided["fnmr"]) == (0, 0)
    assert decided["fmr_interval"] == "rule of three, trials taken as independent"
    assert decided["fmr_high"] == pytest.approx(1 - 0.05 ** (1 / 6))
    assert rows(part, "overview")[0]["eer"] == 0
    assert "Nobody fell below" not in " ".join(page.text)  # said beside pictures alone
    assert all(row["what"] == "right, but close" for row in rows(part, "false-matches"))


def test_equal_scores_everywhere(tmp_path: Path) -> None:
    _, part, _ = written(twelve(scores=np.full(12, 0.5)), tmp_path)
    assert rows(part, "overview")[0]["eer"] == 0.5


def test_groups_without_a_score_are_said_and_not_dropped(tmp_path: Path) -> None:
    scores = np.array(twelve().scores)
    scores[[4, 5, 10, 11]] = np.nan
    lost = Labels.of(np.where(np.isnan(scores), "no_face", ""))
    group = Labels.of(np.where(np.isnan(scores), "night", "day"))
    data = twelve(scores=scores, probe_failure=lost, attributes={"light": group})
    _, part, _ = written(data, tmp_path, operating_points=points(0.6))
    day, night = rows(part, "group-1")
    assert (day["group"], day["mated"], night["group"], night["mated"]) == ("day", 4, "night", 0)
    assert (night["eer"], night["fta"]) == (None, 1.0)
    assert part["tables"]["group-1"]["notes"] == [
        "night: no mated and no non-mated trial has a score."
    ]
    found = {row["group"]: row for row in rows(part, "group-1-differential")}
    assert (found["night"]["fmr"], found["night"]["fmr_trials"]) == (None, 0)
    assert any("night has no trial" in n for n in part["tables"]["group-1-differential"]["notes"])


def test_all_trials_failed(tmp_path: Path) -> None:
    data = twelve(scores=np.full(12, np.nan), probe_failure=Labels.all_one("no_face", 12))
    _, part, _ = written(data, tmp_path)
    assert "bare-bare: no mated and no non-mated trial has a score" in " ".join(part["summary"])
    assert part["plots"] == {}


def test_a_column_of_too_many_words_makes_no_groups_and_says_so(tmp_path: Path) -> None:
    data = made_scores(people=12)
    words = Labels.of([f"w{k % 40}" for k in range(len(data))])
    changed = made_scores(people=12, attributes={"who": words})
    _, part, page = written(changed, tmp_path)
    assert "The column 'who' has 40 different words" in " ".join(page.text)
    assert "group-2" not in part["tables"]


def test_an_earlier_report_is_replaced_and_nothing_else_touched(tmp_path: Path) -> None:
    (tmp_path / "plots").mkdir()
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "plots" / "old.svg").write_text("old")
    written(twelve(), tmp_path)
    report, _, _ = written(twelve(scores=np.full(12, 0.5)), tmp_path, title="second")
    assert "<title>second</title>" in report.page.read_text("utf-8")
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert (tmp_path / "plots" / "old.svg").read_text() == "old"
    assert not [p for p in tmp_path.rglob("*") if p.name.startswith(".")]


def test_places_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match="is a file"):
        written(twelve(), tmp_path / "file")
    (tmp_path / "report.html").write_text("<p>my own")
    with pytest.raises(ConfigurationError, match="was not written by maskwise"):
        written(twelve(), tmp_path)
    assert (tmp_path / "report.html").read_text() == "<p>my own"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "plots").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        written(twelve(), tmp_path / "other")


def test_parts_have_names_of_their_own(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        write_scores(tmp_path / folder / "scores.npz", twelve())
    paths = [tmp_path / "a" / "scores.npz", tmp_path / "b" / "scores.npz"]
    assert [name.rsplit("/", 2)[1:] for name in read_parts(paths)] == [
        ["a", "scores"],
        ["b", "scores"],
    ]
    with pytest.raises(ConfigurationError, match="named twice"):
        read_parts([paths[0], paths[0]])
    with pytest.raises(EvaluationError, match="no score file to report"):
        write_report({}, tmp_path)
    made = json.loads(
        write_report(read_parts(paths), tmp_path / "out", replicates=0).json.read_text()
    )
    assert len({part["key"] for part in made["parts"]}) == 2
    assert len(made["side_by_side"]["side-by-side"]) == 2


def test_files_of_parts_never_meet(tmp_path: Path) -> None:
    names = ("side by side", "scores", "scores-bare", "worst", "a", "a worst", "A")
    report = write_report({name: twelve() for name in names}, tmp_path, replicates=0)
    assert len(set(report.files)) == len(report.files)
    ids = Page(report.page.read_text("utf-8")).values("id")
    assert len(set(ids)) == len(ids)


def test_many_trials_take_fewer_replicates() -> None:
    assert [_replicates(n) for n in (1, 200_000, 400_000, 10**6, 10**8)] == [
        1000, 1000, 500, 200, 200,
    ]  # fmt: skip
