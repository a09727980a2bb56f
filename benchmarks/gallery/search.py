"""Identification in a large gallery, beside NumPy's float32 product with the same grouping.

    python benchmarks/gallery/search.py [--people 170000] [--dim 128] [--data faces|uniform]

A gallery file is made with six bare templates a person, and an index beside it. Then both search
it for the ten nearest people, in turns, in one process: this gallery as an application calls it
(from unit vectors to names), and a float32 matrix product with the best template of each person.
Memory is what a process of its own gains from before the templates are there until after the
searches. Needs the extra faiss and about (6 * people) * (9 * dim + 500) bytes of disk.

faces: people are centres drawn from a spectrum that falls off, with a part that all share;
templates and probes stray from their centre. uniform: every template is a random direction, and
a probe strays from one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EACH = 6
TOP = 10
BATCH = 64
ENCODER = "random/1"
CHUNK = 24_000  # templates


def unit(rows):
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


class Data:
    """Templates and probes, drawn again from the seed."""

    def __init__(self, kind, people, dim):
        self.kind, self.people, self.dim = kind, people, dim
        falls = np.exp(-2 * np.arange(dim) / dim) if kind == "faces" else np.ones(dim)
        self.spectrum = np.float32(falls / np.linalg.norm(falls))
        shared = np.random.default_rng(9).standard_normal(dim)
        # 0.45 of length 1 beside 1: strangers have a mean cosine of about 0.17.
        self.shared = np.float32(0.45 * shared / np.linalg.norm(shared)) * (kind == "faces")
        self.stray = 0.7  # two photos of a person: a cosine of about 0.7

    def centres(self, first, count):
        rng = np.random.default_rng([1, first])
        return rng.standard_normal((count, self.dim), np.float32) * self.spectrum + self.shared

    def strayed(self, rows, rng):
        noise = rng.standard_normal(rows.shape, np.float32) * self.spectrum
        return unit(rows + np.float32(self.stray) * noise)

    def chunks(self):
        """Person of each template (N,), templates (N, D), by rising person."""
        for first in range(0, self.people, CHUNK // EACH):
            count = min(CHUNK // EACH, self.people - first)
            owners = np.repeat(np.arange(first, first + count), EACH)
            rng = np.random.default_rng([2, first])
            if self.kind == "uniform":
                yield owners, unit(rng.standard_normal((len(owners), self.dim), np.float32))
            else:
                yield owners, self.strayed(self.centres(first, count)[owners - first], rng)

    def probes(self, count, vectors):
        rng = np.random.default_rng(3)
        rows = rng.choice(len(vectors), count, replace=False)
        if self.kind == "uniform":
            return self.strayed(np.asarray(vectors[rows]), rng)
        chunk = CHUNK // EACH
        people = rows // EACH
        centres = []
        for person in people:
            first = person // chunk * chunk
            size = min(chunk, self.people - first)
            centres.append(self.centres(first, size)[person - first])
        return self.strayed(np.array(centres), rng)


def make(folder: Path, data: Data) -> None:
    from maskwise.gallery import open_gallery
    from maskwise.gallery.files import connect_file

    path = folder / "people.db"
    open_gallery(path).close()
    connection = connect_file(path)
    connection.execute("PRAGMA synchronous = OFF")
    total = data.people * EACH
    kept = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, (total, data.dim))
    connection.execute("BEGIN")
    connection.execute(
        "INSERT INTO encoder (name, dim, created_at, space) VALUES (?, ?, '', ?)",
        (ENCODER, data.dim, ENCODER),
    )
    at = 0
    for owners, vectors in data.chunks():
        kept[at : at + len(vectors)] = vectors
        connection.executemany(
            "INSERT INTO subject (id, uid, name, created_at) VALUES (?, ?, ?, '')",
            [(int(p) + 1, f"{p:032x}", f"person {p}".encode()) for p in np.unique(owners).tolist()],
        )
        rows = list(enumerate(owners.tolist(), at + 1))
        connection.executemany(
            "INSERT INTO reference (id, uid, subject_id, source, photo_sha256, detector, masks,"
            " created_at) VALUES (?, ?, ?, ?, ?, '', '[]', '')",
            [(k, f"{k:032x}", p + 1, f"photo {k}".encode(), f"{k:064x}") for k, p in rows],
        )
        connection.executemany(
            "INSERT INTO template (id, reference_id, encoder_id, wear, vector, created_at)"
            " VALUES (?, ?, 1, 'none', ?, '')",
            [(k, k, v.tobytes()) for (k, _), v in zip(rows, vectors, strict=True)],
        )
        at += len(vectors)
    connection.execute("COMMIT")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    kept.flush()


class Product:
    """The peer: best template of each person by one product; six rows a person, one by one."""

    def __init__(self, vectors):
        self.vectors = vectors
        self.starts = np.arange(0, len(vectors), EACH)

    def search(self, probes):
        product = self.vectors @ probes[0] if len(probes) == 1 else probes @ self.vectors.T
        best = np.maximum.reduceat(product.reshape(len(probes), -1), self.starts, axis=1)
        near = np.argpartition(-best, TOP, axis=1)[:, :TOP]
        order = np.argsort(-np.take_along_axis(best, near, 1), axis=1)
        return np.take_along_axis(near, order, 1)


def rss_mb():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise SystemExit("memory is read from /proc, which this system has not")


def child_memory(folder: Path, what: str) -> dict[str, float]:
    probes = np.load(folder / "probes.npy")
    if what == "product":
        probes[:1] @ probes.T  # BLAS's own buffers are not the templates'
        before = rss_mb()
        peer = Product(np.load(folder / "vectors.npy"))
        loaded = rss_mb()
        for probe in probes:
            peer.search(probe[None])
        return {"templates_mb": loaded - before, "gained_mb": rss_mb() - before}
    import faiss

    from maskwise.gallery import open_gallery

    faiss.omp_get_max_threads()
    before, began = rss_mb(), time.perf_counter()
    gallery = open_gallery(folder / "people.db", create=False)
    opened = time.perf_counter() - began
    gallery.search(probes[:1], wear="bare", top=TOP)
    first = time.perf_counter() - began
    for probe in probes:
        gallery.search(probe[None], wear="bare", top=TOP)
    return {"gained_mb": rss_mb() - before, "open_s": opened, "first_answer_s": first}


def child_times(folder: Path, rounds: int) -> dict[str, float]:
    from maskwise.gallery import open_gallery

    probes = np.load(folder / "probes.npy")
    peer = Product(np.load(folder / "vectors.npy"))
    gallery = open_gallery(folder / "people.db", create=False)

    def ours(some):
        return gallery.search(some, wear="bare", top=TOP)

    ours(probes[:2])
    peer.search(probes[:1])
    single = {"product": [], "gallery": []}
    hit = own = 0
    for probe in probes:
        began = time.perf_counter()
        wanted = peer.search(probe[None])[0]
        middle = time.perf_counter()
        (found,) = ours(probe[None])
        single["product"].append(middle - began)
        single["gallery"].append(time.perf_counter() - middle)
        people = {int(c.subject.split()[1]) for c in found}
        hit += len(people & set(wanted.tolist())) / TOP
        own += int(found[0].subject.split()[1]) == wanted[0]
    batch = {"product": [], "gallery": []}
    for _ in range(rounds):
        began = time.perf_counter()
        peer.search(probes[:BATCH])
        middle = time.perf_counter()
        ours(probes[:BATCH])
        batch["product"].append(middle - began)
        batch["gallery"].append(time.perf_counter() - middle)
    ms = {
        f"{name}_{size}_ms": 1e3 * float(np.median(times))
        for size, both in (("single", single), ("batch", batch))
        for name, times in both.items()
    }
    # Of each pair in turn: what disturbs the machine disturbs both.
    ratios = {
        size: np.divide(both["product"], both["gallery"])
        for size, both in (("single", single), ("batch", batch))
    }
    return {
        **ms,
        "times_faster_single": float(np.median(ratios["single"])),
        "times_faster_single_p10": float(np.quantile(ratios["single"], 0.1)),
        "times_faster_batch": float(np.median(ratios["batch"])),
        "recall": hit / len(probes),
        "same_first": own / len(probes),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--people", type=int, default=170_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--data", choices=("faces", "uniform"), default="faces")
    parser.add_argument("--probes", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5, help="of a batch")
    parser.add_argument("--work", type=Path, help="a folder for the files, kept and used again")
    parser.add_argument("--prepare", action="store_true", help="make the files in --work, no more")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        run = child_times if given.child == "times" else child_memory
        print(json.dumps(run(given.work, given.rounds if given.child == "times" else given.child)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        data = Data(given.data, given.people, given.dim)
        figures = {
            "data": given.data,
            "templates": given.people * EACH,
            "dim": given.dim,
            "cores": os.cpu_count(),
            "load": os.getloadavg()[0],
            "threads": os.environ.get("OMP_NUM_THREADS", "all"),
            "python": platform.python_version(),
            "numpy": np.__version__,
            "sqlite": sqlite3.sqlite_version,
        }
        if not (folder / "probes.npy").exists():
            make(folder, data)
            vectors = np.load(folder / "vectors.npy", mmap_mode="r")
            np.save(folder / "probes.npy", data.probes(given.probes, vectors))
            from maskwise.gallery import open_gallery

            began = time.perf_counter()
            with open_gallery(folder / "people.db") as gallery:
                gallery.search(np.load(folder / "probes.npy")[:1], wear="bare", top=TOP)
            figures["index_made_s"] = time.perf_counter() - began
        if given.prepare:
            return
        index = folder / "people.db.index"
        figures["index_mb"] = index.stat().st_size / 2**20 if index.exists() else None
        for child in ("times", "product", "gallery"):
            done = subprocess.run(
                [
                    *(sys.executable, __file__, "--child", child, "--work", str(folder)),
                    *("--rounds", str(given.rounds)),
                ],
                stdout=subprocess.PIPE,
                check=True,
            )
            own = json.loads(done.stdout)
            figures |= own if child != "product" else {f"product_{k}": v for k, v in own.items()}
        figures["share_of_memory"] = figures["gained_mb"] / figures["product_templates_mb"]
        print(
            json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in figures.items()})
        )


if __name__ == "__main__":
    main()
