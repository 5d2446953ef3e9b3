"""Odd files, odd digits, early signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import click
import pytest

from clusterlb import fresh
from clusterlb.checks.probe import UnsentError
from clusterlb.checks.tls import context_for
from clusterlb.cli.up import parse_metrics
from clusterlb.config import aside
from clusterlb.model.check import TlsOptions


@contextmanager
def at_most(seconds: int):
    """End what waits for ever."""

    def end(_number, _frame):
        raise TimeoutError("it waits")

    before = signal.signal(signal.SIGALRM, end)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("key", ["ca", "certificate", "key"])
def test_a_fifo_is_named_and_not_waited_for(key: str, tmp_path: Path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    files = {"certificate": "/dev/null", "key": "/dev/null"} if key == "key" else {}
    with at_most(10), pytest.raises(UnsentError, match=r"fifo|/dev/null"):
        context_for(TlsOptions(**{**files, key: str(fifo)}))


def test_a_device_that_never_ends_is_named(tmp_path: Path):
    with at_most(10), pytest.raises(UnsentError, match="not a regular file"):
        context_for(TlsOptions(ca="/dev/zero"))


@pytest.mark.parametrize("port", ["²", "٣", "1_0", "+1", " 1", "0", "65536", "99999999", ""])
def test_a_port_is_made_of_the_digits_0_to_9(port: str):
    with pytest.raises(click.BadParameter, match="neither HOST:PORT nor off"):
        parse_metrics(f"127.0.0.1:{port}")


def test_a_hangup_during_the_start_ends_nothing(tmp_path: Path):
    code = (
        "import os, signal, sys\n"
        "import clusterlb.service as run\n"
        "def early(options):\n"
        "    os.kill(os.getpid(), signal.SIGHUP)\n"
        "    print('alive')\n"
        "run.run = early\n"
        "from clusterlb.cli.main import main\n"
        "main(['up', '--inventory', '/nowhere'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=fresh.environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr


def test_a_hangup_while_an_inventory_is_loaded_aside_ends_nothing(tmp_path: Path, monkeypatch):
    """It comes before the loader can say that it ignores it: to a process that has not begun yet."""
    seen = tmp_path / "seen"
    code = (
        "import pathlib, signal, sys; blocked = signal.pthread_sigmask(signal.SIG_BLOCK, []); "
        f"pathlib.Path({str(seen)!r}).write_text(str(signal.SIGHUP in blocked)); sys.exit(1)"
    )
    monkeypatch.setattr(fresh, "argv", lambda *_: [sys.executable, "-c", code])
    monkeypatch.setattr(aside, "LOADER", "no.such.module")
    with pytest.raises(aside.InventoryError):
        aside.load_aside(tmp_path)
    assert seen.read_text() == "True"
    assert signal.SIGHUP not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
