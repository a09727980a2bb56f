"""Time and memory of identification against the number of templates: 1e3 to 1e6.

    OMP_NUM_THREADS=1 python benchmarks/gallery/curve.py [--dim 128] [--out curve.jsonl]
    python benchmarks/gallery/curve.py --out curve.jsonl --picture docs/images

Galleries of six templates a person are made and searched as in search.py, one probe at a time,
for the ten nearest people. Beside this gallery: NumPy's float32 product with the best template of
each person; and what users of face_recognition write: its ``face_distance``, which is the norm of
the difference, over a list of float64 encodings, and then the nearest person. Each is timed in
turns with the product in one process, and memory is what a process of its own gains. A line of
JSON for each size; ``--picture`` draws them. Needs the extra faiss.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from search import EACH, TOP, Data, Product, make, rss_mb

PROBES = 60


class Loop:
    """The peer of a list: no other copy of the encodings is kept than the user has."""

    def __init__(self, vectors):
        self.known = [np.array(row, np.float64) for row in vectors]
        self.starts = np.arange(0, len(vectors), EACH)

    def search(self, probe):
        distances = np.linalg.norm(self.known - probe, axis=1)
        best = np.minimum.reduceat(distances, self.starts)
        near = np.argpartition(best, TOP)[:TOP]
        return near[np.argsort(best[near])]


def timed(search):
    began = time.perf_counter()
    found = search()
    return time.perf_counter() - began, found


def child_times(folder: Path) -> dict[str, float]:
    from maskwise.gallery import open_gallery

    probes = np.load(folder / "probes.npy")
    product = Product(np.load(folder / "vectors.npy"))
    product.search(probes[:1])
    figures = {}
    with open_gallery(folder / "people.db", create=False) as gallery:
        gallery.search(probes[:1], wear="bare", top=TOP)
        turns, hit = [], 0.0
        for probe in probes:
            theirs, wanted = timed(lambda p=probe: product.search(p[None])[0])
            ours, (found,) = timed(lambda p=probe: gallery.search(p[None], wear="bare", top=TOP))
            turns.append((theirs, ours))
            people = {int(c.subject.split()[1]) for c in found}
            hit += len(people & set(wanted.tolist())) / TOP
        theirs, ours = np.median(turns, axis=0)
        figures |= {"product_ms": 1e3 * theirs, "gallery_ms": 1e3 * ours}
        figures |= {"gallery_ratio": ours / theirs, "recall": hit / len(probes)}
    loop = Loop(product.vectors)
    turns = []
    for probe in probes[: max(5, min(len(probes), 1_000_000 // len(product.vectors)))]:
        theirs, _ = timed(lambda p=probe: product.search(p[None]))
        turns.append((theirs, timed(lambda p=probe: loop.search(np.float64(p)))[0]))
    theirs, lists = np.median(turns, axis=0)
    return figures | {"list_ms": 1e3 * lists, "list_ratio": lists / theirs}


def child_memory(folder: Path, what: str) -> dict[str, float]:
    """MB gained until after some searches, of one process for each way to search."""
    probes = np.load(folder / "probes.npy")[:10]
    probes[:1] @ probes.T
    if what == "gallery":
        from maskwise.gallery import open_gallery

        before, began = rss_mb(), time.perf_counter()
        with open_gallery(folder / "people.db", create=False) as gallery:
            opened = time.perf_counter() - began
            gallery.search(probes[:1], wear="bare", top=TOP)
            first = time.perf_counter() - began
            for probe in probes:
                gallery.search(probe[None], wear="bare", top=TOP)
            gained = rss_mb() - before
        return {"gallery_mb": gained, "open_s": opened, "first_answer_s": first}
    before = rss_mb()
    if what == "product":
        peer = Product(np.load(folder / "vectors.npy"))
        for probe in probes:
            peer.search(probe[None])
    else:
        peer = Loop(np.load(folder / "vectors.npy", mmap_mode="r"))
        for probe in probes[:2]:
            peer.search(np.float64(probe))
    return {f"{what}_mb": rss_mb() - before}


def measured(folder: Path, data: Data) -> dict[str, float]:
    if not (folder / "probes.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        make(folder, data)
        vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        np.save(folder / "probes.npy", data.probes(PROBES, vectors))
    figures = {}
    for child in ("times", "product", "list", "gallery"):
        run = [sys.executable, __file__, "--child", child, "--work", str(folder)]
        done = subprocess.run(run, stdout=subprocess.PIPE, check=True)
        figures |= json.loads(done.stdout)
    return figures


def picture(rows: list[dict[str, float]], folder: Path) -> None:
    from maskwise.evaluate.report.canvas import DASHES
    from maskwise.evaluate.report.frame import Axis, Frame, legend

    names = {
        "gallery": "this gallery",
        "product": "NumPy, float32 product",
        "list": "face_distance, a list",
    }
    sizes = [row["templates"] for row in rows]
    numbers = f"{rows[0]['dim']} numbers"
    for what, unit, title in (
        ("ms", "ms", f"One search, {numbers}, one thread"),
        ("mb", "MB", f"Memory that a process gains, {numbers}"),
    ):
        lines = {name: [row[f"{name}_{what}"] for row in rows] for name in names}
        values = [value for line in lines.values() for value in line]
        low, high = np.floor(np.log10(min(values))), np.ceil(np.log10(max(values)))
        x, y = Axis(sizes[0] / 1.3, sizes[-1] * 2, True), Axis(10.0**low, 10.0**high, True)
        plot = Frame(x, y, title, f"{unit} over templates, for {', '.join(names.values())}")
        plot.ticks(
            [(10.0**power, f"{10**power:,}") for power in range(3, 7)],
            [(10.0**k, f"{10.0**k:,g}") for k in range(int(low), int(high) + 1)],
            "templates",
            unit,
        )
        drawn = []
        for number, line in enumerate(lines.values()):
            drawn.append(plot.points(sizes, line))
            plot.canvas.line(drawn[-1], f"s{number}", 2.2, DASHES[number])
            for at in drawn[-1]:
                plot.canvas.dot(at, f"s{number}", 3)
        legend(plot, drawn, list(names.values()))
        plot.edge()
        name = {"ms": "time", "mb": "memory"}[what]
        (folder / f"gallery-{name}.png").write_bytes(plot.canvas.png())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--people", type=int, nargs="+", default=[170, 1_700, 17_000, 170_000])
    parser.add_argument("--out", type=Path, help="a file to which the lines of JSON are added")
    parser.add_argument("--work", type=Path, help="a folder for the galleries, used again")
    parser.add_argument("--picture", type=Path, help="draw --out's lines to this folder, no more")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.picture is not None:
        rows = [json.loads(line) for line in given.out.read_text().splitlines()]
        picture(sorted(rows, key=lambda row: row["templates"]), given.picture)
        return
    if given.child:
        times = given.child == "times"
        print(
            json.dumps(child_times(given.work) if times else child_memory(given.work, given.child))
        )
        return
    with tempfile.TemporaryDirectory() as temporary:
        for people in given.people:
            folder = (given.work or Path(temporary)) / f"{people}-{given.dim}"
            row = {
                "templates": people * EACH,
                "dim": given.dim,
                "threads": os.environ.get("OMP_NUM_THREADS", "all"),
                "load": os.getloadavg()[0],
                **measured(folder, Data("faces", people, given.dim)),
            }
            line = json.dumps(
                {k: round(v, 4) if isinstance(v, float) else v for k, v in row.items()}
            )
            print(line, flush=True)
            if given.out is not None:
                with given.out.open("a") as file:
                    file.write(line + "\n")


if __name__ == "__main__":
    main()
