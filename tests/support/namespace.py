"""Run Python in a network namespace of its own, next to an absent neighbour."""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# 10.9.9.2 and fd09::2 answer no ARP and no ND; the kernel finds out in 150 ms instead of 3 s.
PREPARE = """
set -e
ip link set lo up
ip link add here type veth peer name there
sysctl -qw net.ipv4.neigh.here.retrans_time_ms=50 net.ipv6.neigh.here.retrans_time_ms=50
sysctl -qw net.ipv6.conf.here.accept_dad=0
ip link set there up
ip link set here up
ip addr add 10.9.9.1/24 dev here
ip addr add fd09::1/64 dev here nodad
"""


@cache
def _unshare() -> tuple[str, ...] | None:
    argv = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--user", "--map-root-user", "--net")
    try:
        done = subprocess.run([*argv, "sh", "-c", PREPARE], capture_output=True, check=False)
    except FileNotFoundError:
        return None
    return argv if done.returncode == 0 else None


def run_in_namespace(code: str, first: str = "") -> list[str]:
    """Return the lines that a piece of Python prints there; ``first`` is shell to run before it."""
    unshare = _unshare()
    if unshare is None:
        pytest.skip("no network namespace can be made here")
    done = subprocess.run(
        [*unshare, "sh", "-c", f'{PREPARE}\n{first}\nexec "$0" -c "$1"', sys.executable, code],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests' / 'support'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
