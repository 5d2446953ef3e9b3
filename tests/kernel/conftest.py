"""Kernel tests run in a network namespace of their own, so that they are safe on a host that balances."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)  # os.unshare and os.setns came with Python 3.12


def _check(result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


@contextmanager
def fresh_namespace() -> Iterator[None]:
    """Move this thread into a new network namespace with lo up, and back; the new one vanishes."""
    with Path("/proc/thread-self/ns/net").open() as home:
        _check(_libc.unshare(_CLONE_NEWNET))
        try:
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
            yield
        finally:
            _check(_libc.setns(home.fileno(), _CLONE_NEWNET))


@pytest.fixture(scope="module")
def network_namespace() -> Iterator[None]:
    """A fresh network namespace for the tests of one module."""
    with fresh_namespace():
        yield
