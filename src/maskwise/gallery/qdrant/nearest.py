"""Search: candidates by the server, then exactly in float32."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from qdrant_client import models

from maskwise.errors import GalleryFormatError
from maskwise.gallery.index.by_wear import joined
from maskwise.gallery.index.exact import ExactIndex
from maskwise.gallery.index.protocol import Hits
from maskwise.gallery.qdrant.head import View, is_equal
from maskwise.gallery.qdrant.link import Link
from maskwise.gallery.qdrant.rows import Row
from maskwise.types import F32

ERROR: Final = 1e-5
"""How far the server's score may be from ours: both add up products of float32, in another order.
Quantised candidates are scored again by the server, from the originals (``rescore``)."""

_OVERSAMPLING: Final = {"none": None, "int8": 2.0, "binary": 4.0}
"""So many times as many quantised candidates are scored again (Qdrant's advice for one bit: 3 and
more)."""

_MOST_ROWS: Final = 16_384
_QUERIES_AT_ONCE: Final = 64

_PAYLOAD: Final = (*("person", "owner", "reference", "order", "wear", "mask_type", "mask_spec"),)


class Search:
    """A search of one view; ``rows`` are the templates met so far, by their order.

    collection: of the templates. dim: how many numbers one has. quantization: as the gallery's.
    """

    def __init__(
        self, link: Link, view: View, collection: str, dim: int, quantization: str | None
    ) -> None:
        self.rows: dict[int, Row] = {}
        self._link = link
        self._view = view
        self._collection = collection
        self._dim = dim
        # A folder's client is exact, and ignores how to search.
        self._how = (
            None
            if link.is_local
            else models.SearchParams(
                hnsw_ef=link.place.depth,
                quantization=models.QuantizationSearchParams(
                    rescore=True, oversampling=_OVERSAMPLING[quantization or "none"]
                ),
            )
        )

    def nearest(self, probes: F32, top: int, *, masked: bool, shift: float = 0.0) -> list[Hits]:
        """The ``top`` nearest people to each probe (P, D) float32; see ``Gallery.search``."""
        fitting = self._view.alive(is_equal("masked", masked))
        others = self._view.alive(is_equal("masked", not masked), is_equal("alone", True))
        found = self._candidates(
            [(probe, part) for part in (fitting, others) for probe in probes], top
        )
        self._read_vectors(sorted({key for keys in found for key in keys}))
        hits = [
            self._scored(probe, keys, top)
            for probe, keys in zip([*probes, *probes], found, strict=True)
        ]
        count = len(probes)
        return [joined(a, b, top, shift) for a, b in zip(hits[:count], hits[count:], strict=True)]

    def _candidates(self, asked: Sequence[tuple[F32, models.Filter]], top: int) -> list[list[int]]:
        """For each probe and part, all templates that may be of the ``top`` best people."""
        found: list[list[int] | None] = [None] * len(asked)
        limit = max(64, 8 * top)
        while open_ones := [n for n, keys in enumerate(found) if keys is None]:
            for first in range(0, len(open_ones), _QUERIES_AT_ONCE):
                some = open_ones[first : first + _QUERIES_AT_ONCE]
                for number, points in zip(
                    some, self._ask([asked[n] for n in some], limit), strict=True
                ):
                    # All that there are, or more than are worth asking for.
                    final = len(points) < limit or limit >= max(_MOST_ROWS, top)
                    found[number] = self._best(points, top, final)
            limit *= 8
        return [keys or [] for keys in found]

    def _ask(
        self, asked: Sequence[tuple[F32, models.Filter]], limit: int
    ) -> list[list[models.ScoredPoint]]:
        requests = [
            models.QueryRequest(
                query=probe.tolist(),
                filter=part,
                params=self._how,
                limit=limit,
                with_payload=list(_PAYLOAD),
                with_vector=False,
            )
            for probe, part in asked
        ]
        answers: Any = self._link.ask(
            "query_batch_points",
            self._collection,
            requests=requests,
            consistency=models.ReadConsistencyType.MAJORITY,
        )
        return [list(answer.points) for answer in answers]

    def _best(
        self, points: Sequence[models.ScoredPoint], top: int, final: bool
    ) -> list[int] | None:
        """The templates that may be of the ``top`` best people; None when more must be asked for.

        They are all there when the last one is too far to be of them: no rounding could bring it,
        or what comes after it, before them.
        """
        best: dict[int, float] = {}
        keyed = []
        for point in points:
            row = Row.of(point)
            keyed.append((int(row["order"]), row, point.score))
            owner = int(row["owner"])
            best[owner] = max(best.get(owner, -np.inf), point.score)
        cut = -np.inf
        if len(best) >= top:
            cut = sorted(best.values(), reverse=True)[top - 1] - 2 * ERROR
        if not final and not points[-1].score < cut:
            return None
        kept = [(key, row) for key, row, score in keyed if score >= cut]
        self.rows.update(kept)
        return [key for key, _ in kept]

    def _read_vectors(self, keys: Sequence[int]) -> None:
        of_id = {self.rows[key].id: self.rows[key] for key in keys}
        for record in self._link.points(self._collection, list(of_id), vectors=True):
            of_id[str(record.id)].vector = np.array(record.vector, np.float32)

    def _scored(self, probe: F32, keys: Sequence[int], top: int) -> Hits:
        """The candidates in float32, the best of each person."""
        index = ExactIndex(self._dim)
        # Those that went in the meantime: the view is checked at the end.
        there = sorted(key for key in keys if self.rows[key].vector is not None)
        if there:
            vectors = [self.rows[key].vector for key in there]
            if any(v is None or v.shape != (self._dim,) for v in vectors):
                raise GalleryFormatError(
                    f"{self._link.place.shown}: a template has not {self._dim} numbers; restore a "
                    "snapshot"
                )
            index.add(
                np.array(there, np.int64),
                np.array([int(self.rows[key]["owner"]) for key in there], np.int64),
                np.stack([v for v in vectors if v is not None]),
            )
        return index.search(probe[None], top)[0]
