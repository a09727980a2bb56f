"""What a student is asked for: nothing where it does as the teacher says, more the further off."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

FOLDER = Path(__file__).resolve().parents[2] / "training" / "encoder"
ALL = {"classes": 0.1, "hinge": 0.5, "relation": 0.5}


@pytest.fixture(scope="module")
def parts() -> Iterator[SimpleNamespace]:
    before = list(sys.path)
    sys.path.insert(0, str(FOLDER))
    names = ("losses", "student", "network")
    yield SimpleNamespace(**{name: importlib.import_module(name) for name in names})
    sys.path[:] = before


@pytest.fixture
def targets(parts: SimpleNamespace) -> Any:
    """Six photos of three people out of five, whose templates are alike by 0.9, as dlib's are."""
    draw = torch.Generator().manual_seed(4)

    def unit(rows: Any) -> Any:
        return torch.nn.functional.normalize(rows, dim=1)

    centres = unit(torch.randn(5, 128, generator=draw) * 0.3 + 1)
    people = torch.tensor([0, 0, 1, 1, 2, 2])
    templates = unit(centres[people] + 0.02 * torch.randn(6, 128, generator=draw))
    return parts.losses.Targets(templates, torch.full((6,), 1.4), centres[people], people, centres)


def total(parts: SimpleNamespace, bare: Any, masked: Any, targets: Any, /, **weights: Any) -> float:
    terms = parts.losses.loss(bare, masked, targets, parts.losses.Losses(**weights))
    return float(sum(terms.values()))


def test_the_teacher_itself_loses_nothing_where_its_templates_are_the_goal(
    parts: SimpleNamespace, targets: Any
) -> None:
    as_they_come = targets.templates * 1.4
    found = parts.losses.loss(
        as_they_come, as_they_come, targets, parts.losses.Losses(person=0, relation=0.5)
    )
    assert set(found) == {"distil", "bare", "norm", "relation"}
    for name, value in found.items():
        assert abs(float(value)) < 1e-5, name


@pytest.mark.parametrize("kind", ["cosine", "squared"])
@pytest.mark.parametrize("term", [{}, *({name: weight} for name, weight in ALL.items())])
def test_a_masked_template_further_off_loses_more(
    parts: SimpleNamespace, targets: Any, kind: str, term: dict[str, float]
) -> None:
    away = torch.randn(6, 128, generator=torch.Generator().manual_seed(5))
    bare = targets.templates * 1.4
    near, far = (
        total(parts, bare, bare + share * away, targets, kind=kind, **term) for share in (0.02, 0.1)
    )
    assert near < far


@pytest.mark.parametrize("name", ["classes", "hinge", "relation"])
def test_a_weight_of_nothing_asks_for_nothing(
    parts: SimpleNamespace, targets: Any, name: str
) -> None:
    vectors = targets.templates.flip(0)
    weights = {n: w for n, w in ALL.items() if n != name}
    assert set(parts.losses.loss(vectors, vectors, targets, parts.losses.Losses(**weights))) == {
        *("distil", "bare", "norm"),
        *weights,
    }


def test_hinge_wants_mates_together_and_strangers_apart(
    parts: SimpleNamespace, targets: Any
) -> None:
    """With nobody too like a stranger and everybody like the mates, there is nothing to ask."""
    only = {"distil": 0, "bare": 0, "norm": 0, "hinge": 1}
    corners = torch.eye(128)[targets.people]
    easy = parts.losses.Targets(corners, targets.lengths, corners, targets.people, torch.eye(128))
    assert total(parts, corners, corners, easy, **only) == 0
    swapped = corners[[2, 1, 0, 3, 4, 5]]
    assert total(parts, corners, swapped, easy, **only) > 1


def test_classes_lead_to_the_persons_own_centre(parts: SimpleNamespace, targets: Any) -> None:
    only = {"distil": 0, "bare": 0, "norm": 0, "classes": 1}
    start = torch.nn.Parameter(targets.templates.roll(2, 0).clone())
    before = (torch.nn.functional.normalize(start, dim=1) * targets.own).sum(1).mean()
    terms = parts.losses.loss(start, start, targets, parts.losses.Losses(**only))
    terms["classes"].backward()
    with torch.no_grad():
        start -= 0.01 * start.grad
        after = (torch.nn.functional.normalize(start, dim=1) * targets.own).sum(1).mean()
    assert after > before


def test_settings_of_a_student(parts: SimpleNamespace) -> None:
    config = parts.student.Config.from_json('{"lr": 0.001, "hinge": 0.5, "frozen": 7}')
    assert (config.lr, config.losses.hinge, config.frozen) == (0.001, 0.5, 7)
    with pytest.raises(ValueError, match="no setting 'hinges'"):
        parts.student.Config.from_json('{"hinges": 0.5}')


def test_a_mixture_lies_between_the_two(parts: SimpleNamespace) -> None:
    torch.manual_seed(3)
    stock, student = parts.network.Network(), parts.network.Network()
    mixed = parts.student.mixed(stock, student, 0.9)
    for ours, one, other in zip(
        mixed.parameters(), stock.parameters(), student.parameters(), strict=True
    ):
        torch.testing.assert_close(ours, 0.1 * one + 0.9 * other)
    whole = parts.student.mixed(stock, student, 1.0)
    assert torch.equal(whole.head.weight, student.head.weight)


def test_frozen_blocks_do_not_learn(parts: SimpleNamespace, targets: Any) -> None:
    torch.manual_seed(3)
    stock = parts.network.Network()
    config = parts.student.Config(frozen=7)
    student = parts.student.Student("s", config, stock, torch.device("cpu"))
    chips = torch.randint(0, 255, (6, 150, 150, 3), dtype=torch.uint8)
    flat = torch.zeros(6).numpy() > 0
    student.step(chips, chips.flip(1), flat, targets, 1.0)
    assert torch.equal(student.network.stem.weight, stock.stem.weight)
    assert torch.equal(student.network.blocks[6].second.weight, stock.blocks[6].second.weight)
    assert not torch.equal(student.network.head.weight, stock.head.weight)
