"""Poor pictures on the command line: what is refused, what is not enough to tell, and why."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as PillowImage

from maskwise.cli.options import Tools
from maskwise.pipeline import Recognizer
from maskwise.testing.command_line import GREEN, RED, TEAL, Run, photo
from maskwise.testing.fakes import face_picture

G = ("--gallery", "g.db")
TOO_SMALL = "px apart, at least"


def small(path: str, colour: tuple[int, int, int], side: int = 16) -> str:
    """A face whose eyes are half of ``side`` px apart."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    PillowImage.fromarray(face_picture([(colour, 90, 40, side)])).save(path)
    return path


class TestEnrol:
    def test_a_poor_photo_is_skipped_with_the_reason_and_counted(
        self, run: Run, home: Path
    ) -> None:
        photo("p/Ruby/1.png")
        small("p/Ruby/2.png", RED)
        small("p/Olive/1.png", GREEN)
        answer = run("enrol", "p", *G, "--json")
        assert answer.status == 1
        (summary,) = answer.lines
        assert (summary["photos"]["enrolled"], summary["photos"]["poor"]) == (1, 2)
        assert summary["people"] == {"enrolled": 1, "skipped": 1}
        assert "skipped p/Ruby/2.png: not good enough to enrol: the eyes are 7.88 px" in answer.err
        assert [p["image"] for p in summary["poor"]] == ["p/Olive/1.png", "p/Ruby/2.png"]
        assert summary["poor"][0]["mask"]["worn"] is False
        (reason,) = summary["poor"][0]["quality_reasons"]
        assert (reason["code"], reason["limit"]) == ("too_small", 16)
        assert reason["measured"] == summary["poor"][0]["quality"]["ipd_px"] < 16
        assert len(run("gallery", "list", *G, "--json").lines) == 1
        assert "2 poor" in run("enrol", "p", *G).out

    @pytest.mark.parametrize(
        ("quality", "side", "status"),
        [("off", 16, 0), ("standard", 36, 0), ("strict", 36, 1), ("standard", 28, 1)],
    )
    def test_the_limits_are_chosen(
        self, run: Run, home: Path, quality: str, side: int, status: int
    ) -> None:
        x = small("x.png", RED, side)
        assert run("enrol", "--subject", "R", x, *G, "--quality", quality).status == status

    def test_unknown_limits_are_a_usage_error(self, run: Run, home: Path) -> None:
        x = str(photo("x.png"))
        assert run("enrol", "--subject", "R", x, *G, "--quality", "probe").status == 2

    def test_what_a_mask_means_is_said_photo_by_photo(self, run: Run, home: Path) -> None:
        for name, masked, said in (
            ("a.png", True, "a.png: wears a mask: kept apart, compared with every face"),
            ("b.png", False, "b.png: the first bare photo: those with a mask now count"),
            ("c.png", True, "c.png: wears a mask: kept beside the bare photos"),
        ):
            left = 90 + ord(name[0]) % 7
            x = str(photo(name, masked=masked, left=left))
            answer = run("enrol", "--subject", "R", x, *G)
            assert (answer.status, said in answer.err) == (0, True), answer.err

    def test_a_photo_of_somebody_else_is_named(self, run: Run, home: Path) -> None:
        photos = [str(photo(f"{k}.png", RED, left=80 + k)) for k in range(3)]
        assert "warning" not in run("enrol", "--subject", "R", *photos, *G).err
        answer = run("enrol", "--subject", "R", str(photo("other.png", TEAL)), *G, "--json")
        assert answer.status == 0
        (warning,) = answer.lines[0]["warnings"]
        assert warning.startswith("other.png: this one does not look like the other photos of R")
        assert f"maskwise: warning: {warning}" in answer.err

    def test_the_check_of_a_gallery_without_thresholds_says_so(self, run: Run, home: Path) -> None:
        photos = [str(photo(f"{k}.png", RED, left=80 + k)) for k in range(3)]
        run("enrol", "--subject", "R", *photos, *G)
        answer = run("gallery", "check", *G, "--json")
        assert answer.status == 0
        (line,) = answer.lines
        assert line["sound"] is True
        assert "fake-encoder has no calibrated thresholds" in line["warnings"][0]


class TestRecognising:
    def test_no_match_of_a_poor_face_is_not_enough_to_tell(self, run: Run, people: Path) -> None:
        run("enrol", "people", *G)
        good, poor = str(photo("good.png", TEAL)), small("poor.png", TEAL)
        stranger, unsure = run("identify", good, poor, *G, "--json").lines
        assert stranger["decision"]["outcome"] == "no_match"
        assert stranger["quality_reasons"] == stranger["decision"]["reasons"] == []
        assert unsure["decision"]["outcome"] == "insufficient"
        assert unsure["decision"]["subject"] is None
        (reason,) = unsure["quality_reasons"]
        assert unsure["decision"]["reasons"] == [reason["sentence"]]
        assert TOO_SMALL in reason["sentence"]
        text = run("identify", good, poor, *G).out
        assert "could not tell" in text
        assert "Note on poor.png: the eyes are 7.88 px apart" in text

    def test_a_match_of_a_poor_face_stays_one_with_a_remark(self, run: Run, people: Path) -> None:
        run("enrol", "people", *G)
        (found,) = run("identify", small("poor.png", RED), *G, "--json").lines
        assert (found["decision"]["outcome"], found["decision"]["subject"]) == ("match", "Ruby")
        assert TOO_SMALL in found["decision"]["reasons"][0]

    def test_one_person_by_two_names_is_more_than_one_close_candidate(
        self, run: Run, people: Path
    ) -> None:
        run("enrol", "people", *G)
        run("enrol", "--subject", "Scarlet", str(photo("s.png", RED, left=95)), *G)
        x = str(photo("x.png", RED, left=99))
        for top in ("1", "5"):
            (found,) = run("identify", x, *G, "--json", "--top", top).lines
            assert found["decision"]["outcome"] == "insufficient"
            assert len(found["candidates"]) == min(int(top), 4)
            (reason,) = found["decision"]["reasons"]
            assert reason.startswith("more than one close candidate: Ruby (1.000) and Scarlet (1.0")

    @pytest.mark.parametrize(
        ("colour", "status", "outcome"), [(TEAL, 3, "insufficient"), (RED, 0, "match")]
    )
    def test_verify_names_the_poor_one_of_two(
        self, run: Run, home: Path, colour: tuple[int, int, int], status: int, outcome: str
    ) -> None:
        a, b = str(photo("a.png", RED)), small("b.png", colour)
        for first, second in ((a, b), (b, a)):
            answer = run("verify", first, second, "--json")
            assert answer.status == status
            (line,) = answer.lines
            assert line["decision"]["outcome"] == outcome
            (reason,) = line["decision"]["reasons"]
            assert reason.startswith("b.png: the eyes are 7.88 px apart")
        assert reason in run("verify", a, b).out


@pytest.mark.models
class TestSamplePeople:
    """The shipped models on the synthetic people, whole, shrunk and blurred."""

    @staticmethod
    def spoiled(source: Path, target: str, *, shrink: float = 1.0, blur: float = 0.0) -> str:
        with PillowImage.open(source) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        if blur:
            pixels = np.asarray(cv2.GaussianBlur(pixels, (0, 0), blur))
        picture = PillowImage.fromarray(pixels)
        size = round(picture.width * shrink), round(picture.height * shrink)
        picture.resize(size, PillowImage.Resampling.LANCZOS).save(target)
        return target

    def test_shrunk_and_blurred_photos_are_refused_and_whole_ones_are_not(
        self, run: Run, home: Path, sample_photos: list[Path]
    ) -> None:
        ada = next(p for p in sample_photos if p.parent.parent.name == "people")
        tiny = self.spoiled(ada, "tiny.png", shrink=0.2)
        soft = self.spoiled(ada, "soft.png", blur=5)
        answer = run(
            "enrol", "--subject", "A", str(ada), tiny, soft, *G, "--json", tools=Tools(Recognizer)
        )
        assert answer.status == 1
        (summary,) = answer.lines
        assert (summary["photos"]["enrolled"], summary["photos"]["poor"]) == (1, 2)
        codes = {p["image"]: [r["code"] for r in p["quality_reasons"]] for p in summary["poor"]}
        assert codes["tiny.png"][0] == "too_small"
        assert "blurred" in codes["soft.png"]

    def test_a_shrunk_stranger_is_not_enough_to_tell(
        self, run: Run, home: Path, sample_photos: list[Path]
    ) -> None:
        people = sorted({p.parent for p in sample_photos if p.parent.parent.name == "people"})
        a, b = (str(next(iter(sorted(folder.glob("*.jpg"))))) for folder in people[:2])
        assert run("verify", a, b, tools=Tools(Recognizer)).status == 1
        tiny = self.spoiled(Path(b), "tiny.png", shrink=0.2)
        answer = run("verify", a, tiny, tools=Tools(Recognizer))
        assert answer.status == 3
        assert answer.out.startswith("could not tell\n")
        assert "tiny.png: the eyes are" in answer.out
        same = run("verify", b, tiny, "--json", tools=Tools(Recognizer)).lines[0]["decision"]
        assert (same["outcome"] == "match") == (same["score"] >= same["threshold"])

    def test_the_check_of_a_gallery_names_somebody_elses_photo(
        self, run: Run, home: Path, sample_photos: list[Path]
    ) -> None:
        people = sorted({p.parent for p in sample_photos if p.parent.parent.name == "people"})
        probe = people[0].parents[1] / "probes" / f"{people[0].name}_bare.jpg"
        own = [*map(str, sorted(people[0].glob("*.jpg"))), str(probe)]
        other = str(people[1] / "1.jpg")
        run("enrol", "--subject", "A", *own, *G, tools=Tools(Recognizer))
        assert run("gallery", "check", *G).out == "sound\n"
        run("enrol", "--subject", "A", other, *G, tools=Tools(Recognizer))
        answer = run("gallery", "check", *G, "--json")
        assert answer.status == 0
        (line,) = answer.lines
        assert (line["sound"], line["problems"]) == (True, [])
        (warning,) = line["warnings"]
        assert warning.startswith(f"{other}: this one does not look like the other photos of A")
        assert run("gallery", "check", *G).out == f"warning: {warning}\nsound\n"
