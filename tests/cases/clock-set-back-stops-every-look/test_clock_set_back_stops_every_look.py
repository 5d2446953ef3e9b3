"""The controller's schedule beside a wall clock that is set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def clock(tmp_path_factory):
    library = tmp_path_factory.mktemp("clock") / "clock.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, HERE / "clock.c"], check=True)
    return library


def test_the_looks_go_on_whatever_the_clock_does(clock, tmp_path):
    shift = tmp_path / "shift"
    shift.write_text("0")
    done = subprocess.run(
        [sys.executable, HERE / "ticking.py", "-3600", "7200"],
        env={
            **os.environ,
            "LD_PRELOAD": str(clock),
            "CLOCK_SHIFT": str(shift),
            "PYTHONPATH": str(HERE.parents[2]),
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "the clock was set back" in done.stdout + done.stderr
