"""Guests are started here, on this host: what they may and may not do to it."""

import contextlib
import os
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

from clusterlb.lab.kernel import cache

RUN = [sys.executable, "-m", "clusterlb", "lab", "kernel", "run"]


@pytest.fixture(autouse=True)
def root():
    if os.geteuid() != 0:
        pytest.skip("guests need root")


@pytest.fixture(params=["uml", "microvm"])
def kernel(request):
    """The word for a kind of guest that this machine has."""
    if request.param == "uml" and cache.newest() is None:
        pytest.skip("no User-Mode Linux is built: clusterlb lab kernel build")
    return request.param


@pytest.fixture
def uml():
    """The program of the User-Mode Linux that is built."""
    built = cache.newest()
    if built is None:
        pytest.skip("no User-Mode Linux is built: clusterlb lab kernel build")
    return built.binary


def guest(kernel, *command, options=(), **more):
    """Run a command in a guest; return how it ended, with bytes."""
    argv = [*RUN, "--kernel", kernel, *options, "--", *command]
    return subprocess.run(argv, capture_output=True, check=False, timeout=120, **more)


class Mark:
    """A word in the environment of what a test starts, by which what stays of it is found."""

    def __init__(self):
        self.word = f"CLUSTERLB_TEST_MARK={uuid.uuid4()}"
        self.environment = {**os.environ, **dict([self.word.split("=")])}

    def left(self):
        """Return the command lines of the processes that are still there."""
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if self.word.encode() in (folder / "environ").read_bytes().split(b"\0"):
                    found.append((folder / "cmdline").read_bytes())
        return found


@pytest.fixture
def mark():
    return Mark()
