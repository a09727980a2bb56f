"""What photos are made to wear."""

from __future__ import annotations

import hashlib
from collections import Counter

import pytest

from maskwise import masks
from maskwise.errors import ConfigurationError
from maskwise.evaluate.looks import AS_IS, BARE, Look, probe_look, reference_looks
from maskwise.types import MaskSpec


def sha(n: int) -> str:
    return hashlib.sha256(str(n).encode()).hexdigest()


def test_the_options_of_a_reference() -> None:
    assert reference_looks("as-is") == (AS_IS,)
    assert reference_looks("none") == (BARE,)
    assert reference_looks("virtual:n95,cloth") == (AS_IS, Look(("n95",)), Look(("cloth",)))
    assert len(reference_looks("virtual:all")) == 1 + len(masks.parse_types("all"))


def test_the_options_of_a_probe() -> None:
    assert probe_look("as-is") == AS_IS
    assert probe_look("none") == BARE
    assert probe_look("virtual:n95", seed=3) == Look(("n95",), 3, "photo")
    assert probe_look("virtual:all", 1, "chip") == Look(masks.parse_types("all"), 1, "chip")


@pytest.mark.parametrize(
    "wear", ["", "virtual", "virtual:", "virtual:none", "bare", "n95", "as-is:n95", "virtual:hat"]
)
def test_another_wear_is_refused(wear: str) -> None:
    problem = "no mask type 'hat'" if "hat" in wear else f"no wear '{wear}'; there are: as-is"
    with pytest.raises(ConfigurationError, match=problem):
        reference_looks(wear)
    with pytest.raises(ConfigurationError, match=problem):
        probe_look(wear)


def test_references_wear_what_enrolment_draws() -> None:
    for look in reference_looks("virtual:all")[1:]:
        assert look.spec(sha(1)) == masks.spec_for(look.types[0]) == look.spec(sha(2))
        assert look.drawn_on == "chip"


def test_a_probes_mask_follows_from_seed_and_photo() -> None:
    look = probe_look("virtual:all", seed=5)
    assert look.spec(sha(1)) == look.spec(sha(1))
    assert look.spec(sha(1)) != look.spec(sha(2))
    assert look.spec(sha(1)) != probe_look("virtual:all", seed=6).spec(sha(1))
    assert probe_look("virtual:all", 5, "chip").spec(sha(1)) == look.spec(sha(1))


def test_types_are_drawn_by_their_frequency() -> None:
    look = probe_look("virtual:surgical,gas", seed=0)
    specs = [look.spec(sha(n)) for n in range(2000)]
    counts = Counter(spec.type for spec in specs if spec is not None)
    weights = [masks.TYPES[name].frequency for name in ("surgical", "gas")]
    assert counts["surgical"] / 2000 == pytest.approx(weights[0] / sum(weights), abs=0.03)
    assert set(counts) == {"surgical", "gas"}


def test_keys_tell_apart_what_differs_and_nothing_else() -> None:
    assert AS_IS.key(sha(1)) == BARE.key(sha(1)) == "as-is"
    looks = [Look(("n95",)), Look(("cloth",)), *(probe_look("virtual:all", s) for s in (0, 1))]
    looks += [probe_look("virtual:all", 0, "chip")]
    assert len({look.key(sha(1)) for look in looks}) == len(looks)
    drawn_on, _, spec = looks[2].key(sha(1)).partition(":")
    assert drawn_on == "photo"
    assert MaskSpec.from_json(spec) == looks[2].spec(sha(1))


def test_labels() -> None:
    looks = [AS_IS, BARE, Look(("n95",)), probe_look("virtual:n95,cloth", 7)]
    assert [look.label for look in looks] == [
        "as-is",
        "none",
        "virtual:n95",
        "virtual:n95,cloth seed 7 on photo",
    ]


def test_looks_that_cannot_be() -> None:
    with pytest.raises(ConfigurationError, match="need a seed"):
        Look(("n95", "cloth"))
    with pytest.raises(ConfigurationError, match="seed must be"):
        Look(("n95",), -1)
    with pytest.raises(ConfigurationError, match="no mask type"):
        Look(("hat",))
