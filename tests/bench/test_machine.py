from __future__ import annotations

import json
import platform
import subprocess
import sys

import pytest

import maskwise
from maskwise.bench.machine import describe_machine, peak_memory_mb


def test_the_machine_is_named_as_json_can_hold_it() -> None:
    machine = describe_machine()
    assert json.loads(json.dumps(machine)) == machine
    assert machine["cores"] >= 1
    assert machine["python"] == platform.python_version()
    assert machine["versions"]["maskwise"] == maskwise.__version__
    assert {"numpy", "onnxruntime"} <= set(machine["versions"])


@pytest.mark.skipif(sys.platform != "linux", reason="where /proc tells it")
def test_the_peak_is_the_process_s_own_and_stays_after_the_memory_is_free() -> None:
    code = (
        "from maskwise.bench.machine import peak_memory_mb as peak\n"
        "before = peak(); held = bytearray(b'x') * 100_000_000; del held; print(before, peak())"
    )
    ballast = bytearray(b"x") * 150_000_000  # of the parent: not the child's
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    before, after = map(float, done.stdout.split())
    assert before < 100
    assert 95 < after - before < 130
    assert (peak_memory_mb() or 0) > len(ballast) / 1e6
