"""A gallery that has outgrown exact search in memory: 20,000 templates, and the index."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import psycopg
import pytest

from maskwise.gallery import Gallery, NewReference, ProbeWear, open_gallery
from maskwise.gallery.index import WearIndex
from maskwise.gallery.postgres import indexes, nearest
from maskwise.gallery.postgres.engine import PostgresGallery
from maskwise.testing.enrolments import reference, unit_vectors, virtual
from maskwise.testing.postgres_server import Server, drop
from maskwise.types import F32, NO_MASK

pytestmark = pytest.mark.models  # the slower tier: its gallery takes half a minute to make

DIM, PEOPLE, EACH = 128, 4000, 5
WEARS = [NO_MASK, *(virtual(kind) for kind in ("n95", "surgical", "cloth", "gas"))]
VECTORS = unit_vectors(PEOPLE * EACH, DIM, seed=1).reshape(PEOPLE, EACH, DIM)
PROBES = unit_vectors(100, DIM, seed=2)


def photo(person: int) -> NewReference:
    """Every tenth person has templates of one kind only, bare and masked ones by turns."""
    templates = list(zip(WEARS, VECTORS[person], strict=True))
    if person % 20 == 0:
        templates = templates[:1]
    elif person % 20 == 10:
        templates = templates[1:]
    return reference(f"{person}.jpg", templates)


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[tuple[Gallery, str]]:
    url = server.gallery("large")
    drop(server, "large")
    with open_gallery(url) as gallery:
        gallery.enrol_all((f"p{n}", [photo(n)]) for n in range(PEOPLE))
        yield gallery, url
    drop(server, "large")


@pytest.fixture(scope="module")
def exact() -> WearIndex:
    """The same people in memory, keyed by template in order of enrolment."""
    index = WearIndex(DIM)
    key = 0
    for person in range(PEOPLE):
        for template in photo(person).templates:
            masked = np.array([template.wear.kind == "virtual"])
            index.add(np.array([key]), np.array([person]), masked, template.vector[None])
            key += 1
    return index


@pytest.mark.parametrize("wear", ["bare", "masked"])
@pytest.mark.parametrize("shift", [0.0, -0.05])
def test_recall_is_that_of_exact_search(
    large: tuple[Gallery, str], exact: WearIndex, wear: ProbeWear, shift: float
) -> None:
    gallery, _ = large
    found = gallery.search(PROBES, wear=wear, top=10, other_wear_shift=shift)
    wanted = exact.search(PROBES, 10, masked=wear == "masked", other_wear_shift=shift)
    met = [
        len({c.subject for c in candidates} & {f"p{owner}" for owner in hits.owners}) / 10
        for candidates, hits in zip(found, wanted, strict=True)
    ]
    assert np.mean(met) >= 0.99
    for candidates, hits in zip(found, wanted, strict=True):
        scores = {f"p{o}": s for o, s in zip(hits.owners, hits.scores, strict=True)}
        assert len(candidates) == 10
        assert len({c.subject for c in candidates}) == 10
        for c in candidates:  # in float32, though the index holds binary16
            assert c.score == pytest.approx(scores.get(c.subject, c.score), abs=1e-6)
    # Some are found by templates of the other kind.
    kinds = {c.wear.kind for candidates in found for c in candidates}
    assert shift or kinds == {"none", "virtual"}


def test_the_index_answers_and_not_the_table(
    large: tuple[Gallery, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery, _ = large

    def refuse(*_: object) -> None:
        raise AssertionError("every row was read")

    part = nearest._all_read
    monkeypatch.setattr(nearest, "_all_read", refuse)
    with pytest.raises(AssertionError, match="every row"):  # people who are alone: a few, read
        gallery.search(PROBES[:1], wear="bare", top=10)
    monkeypatch.setattr(
        nearest, "_all_read", lambda c, p, v, t: part(c, p, v, t) if p.alone else refuse()
    )
    for wear in ("bare", "masked"):
        assert len(gallery.search(PROBES, wear=wear, top=10)[0]) == 10  # type: ignore[arg-type]


def test_any_number_of_people_comes(large: tuple[Gallery, str], exact: WearIndex) -> None:
    gallery, _ = large
    for top in (1, 700, PEOPLE - 1, PEOPLE, 2 * PEOPLE):
        (found,) = gallery.search(PROBES[:1], wear="masked", top=top)
        (wanted,) = exact.search(PROBES[:1], top, masked=True)
        assert len(found) == min(top, PEOPLE)
        assert len({c.subject for c in found} & {f"p{o}" for o in wanted.owners}) >= 0.99 * len(
            found
        )


def test_a_person_of_many_photos_does_not_crowd_out_others(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All templates near the probe are of one person; the index has to go far beyond them."""
    monkeypatch.setattr(indexes, "EXACT_LIMIT", 100)
    with open_gallery(url) as gallery:
        probe = unit_vectors(1, 32, seed=3)[0]

        def near(count: int, seed: int) -> F32:
            rows = probe + 0.02 * unit_vectors(count, 32, seed=seed)
            return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)

        crowd = [reference(f"c{n}", [(NO_MASK, v)]) for n, v in enumerate(near(1200, 4))]
        rest = unit_vectors(300, 32, seed=5)
        others = [(f"r{n}", [reference("r", [(NO_MASK, v)])]) for n, v in enumerate(rest)]
        gallery.enrol_all([("crowd", crowd), *others])
        (found,) = gallery.search(probe[None], wear="bare", top=5)
        wanted = [f"r{n}" for n in np.argsort(-(rest @ probe), kind="stable")[:4]]
        assert [c.subject for c in found] == ["crowd", *wanted]


def test_equal_scores_keep_the_order_of_enrolment(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "EXACT_LIMIT", 100)
    with open_gallery(url) as gallery:
        far = unit_vectors(400, 32, seed=6)
        same = unit_vectors(1, 32, seed=7)[0]
        people = [(f"far{n}", [reference("f", [(NO_MASK, v)])]) for n, v in enumerate(far)]
        for number in range(30):
            people.insert(13 * number, (f"same{number}", [reference("s", [(NO_MASK, same)])]))
        gallery.enrol_all(people)
        for top in (1, 10, 30):
            (found,) = gallery.search(same[None], wear="bare", top=top)
            assert [c.subject for c in found] == [f"same{n}" for n in range(top)]


def test_a_lost_index_costs_time_and_nothing_else(
    server: Server, url: str, schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(indexes, "EXACT_LIMIT", 100)
    count, dim = 200, 32
    bare, masked = unit_vectors(2 * count, dim, seed=8).reshape(2, count, dim)

    def of(n: int) -> NewReference:
        return reference(f"{n}.jpg", [(NO_MASK, bare[n]), (virtual(), masked[n])])

    with open_gallery(url) as gallery:
        gallery.enrol_all((f"p{n}", [of(n)]) for n in range(count))
        with psycopg.connect(server.url, autocommit=True) as connection:
            rows = connection.execute(
                "SELECT indexname FROM pg_indexes WHERE schemaname = %s AND indexname LIKE %s",
                (schema, r"template\_near\_%"),
            ).fetchall()
            assert len(rows) == 2
            for (name,) in rows:
                connection.execute(f"DROP INDEX {schema}.{name}".encode())
        assert sum("makes it anew" in problem for problem in gallery.integrity_check()) == 2
        probes = unit_vectors(5, dim, seed=9)
        for wear, vectors in (("bare", bare), ("masked", masked)):
            found = gallery.search(probes, wear=wear, top=10)  # type: ignore[arg-type]
            for probe, candidates in zip(probes, found, strict=True):
                wanted = np.argsort(-(vectors @ probe), kind="stable")[:10]
                assert [c.subject for c in candidates] == [f"p{n}" for n in wanted]
        gallery.enrol("p1", [of(1)])
        assert gallery.integrity_check() == []


def test_who_is_deleted_is_not_found_and_what_remains_is_said(large: tuple[Gallery, str]) -> None:
    gallery, _ = large
    probe = VECTORS[7, 0][None]
    assert gallery.search(probe, wear="bare", top=1)[0][0].subject == "p7"
    result = gallery.delete("p7")
    assert not result.wiped
    assert "VACUUM FULL" in result.remains
    assert gallery.search(probe, wear="bare", top=1)[0][0].subject != "p7"
    gallery.enrol("p7", [photo(7)])
    assert gallery.search(probe, wear="bare", top=1)[0][0].subject == "p7"
    assert isinstance(gallery, PostgresGallery)


def test_the_server_keeps_no_samples_of_people(large: tuple[Gallery, str], server: Server) -> None:
    """ANALYZE copies values to where no vacuum comes."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ANALYZE")
        kept = {
            tuple(row)
            for row in connection.execute(
                "SELECT tablename, attname FROM pg_stats WHERE schemaname = 'large'"
            )
        }
    assert ("template", "wear") in kept
    personal = {"name", "uid", "source", "photo_sha256", "box", "vector", "near", "face", "halfvec"}
    assert not {c for t, c in kept if t not in ("encoder", "migration")} & personal
    assert not [table for table, _ in kept if table.startswith("template_near")]


def test_more_than_the_limit_is_needed_for_an_index() -> None:
    assert indexes.EXACT_LIMIT < PEOPLE * EACH
