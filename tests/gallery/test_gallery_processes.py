"""Processes that write and search one gallery at once, and processes that are killed."""

from __future__ import annotations

import importlib.util
import signal
from pathlib import Path
from typing import Any

import pytest


def benchmark(name: str) -> Any:
    """benchmarks/gallery/NAME.py; here it runs for a moment, there for long."""
    script = Path(__file__).parents[2] / "benchmarks" / "gallery" / f"{name}.py"
    if not script.exists():
        pytest.skip("needs benchmarks/gallery, which only a checkout holds")
    spec = importlib.util.spec_from_file_location(f"gallery_{name}", script)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(result: dict[str, Any], bad: tuple[str, ...], *, at_least: dict[str, int]) -> None:
    assert {key: result[key] for key in bad} == dict.fromkeys(bad, 0), result
    assert all(result[key] >= least for key, least in at_least.items()), result


def test_two_that_write_and_two_that_search_lose_and_tear_nothing(tmp_path: Path) -> None:
    together = benchmark("together")
    result = together.main(2.0, tmp_path)
    check(result, together.BAD, at_least={"steps_acknowledged": 8, "searches": 8})


@pytest.mark.slow
def test_two_that_write_and_two_that_search_through_an_index(tmp_path: Path) -> None:
    pytest.importorskip("faiss")
    together = benchmark("together")
    result = together.main(10.0, tmp_path, index=True)
    check(result, together.BAD, at_least={"steps_acknowledged": 8, "searches": 8})


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
@pytest.mark.parametrize("index", [False, True])
def test_kills_at_random_points_lose_nothing_acknowledged(tmp_path: Path, index: bool) -> None:
    if index:
        pytest.importorskip("faiss")
    kills = benchmark("kills")
    result = kills.main(10, 3, tmp_path, index=index)
    check(result, kills.BAD, at_least={"steps_acknowledged": 20, "people_at_the_end": 10})
