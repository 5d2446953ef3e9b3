"""Resident memory of `clusterlb up` with 1,000 services of 10 members: controller and check engine together.

Real FRR, links and check engine in a native namespace. The in-memory IPVS stands in for the kernel's and
lives in the same process, so the figure is a little too high.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

from tests.bench.engine_run import rss_mb
from tests.bench.figures import Figure, main
from tests.frr.conftest import Router, enter, sh
from tests.support.big_inventory import big_inventory

SAMPLES = 10  # one a second, the first right after the controller has said its whole status


def measure() -> list[Figure]:
    """Bring the controller up, let it check for a while, and read its memory."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        (root / "inventory.yaml").write_text(big_inventory())
        router = Router(f"clbm{os.getpid() % 100000}")
        sh("ip", "netns", "add", router.name)
        pid = 0
        try:
            for link in ("lo", "e0"):
                if link == "e0":
                    router.ip("link", "add", "e0", "type", "veth", "peer", "name", "e0x")
                    router.ip("link", "set", "e0x", "up")
                router.ip("link", "set", link, "up")
            for second in range(2, 6):
                router.ip("addr", "add", f"10.{second}.0.1/16", "dev", "lo")
            router.start("zebra", "ospfd", "bfdd")
            pid = os.fork()
            if pid == 0:
                _child(router.name, root)
            return [_watch(pid, root)]
        finally:
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
                os.waitpid(pid, 0)
            router.stop()


def _watch(pid: int, root: Path) -> Figure:
    end = time.monotonic() + 60
    socket = root / "run" / "api.sock"
    while not socket.exists():
        if time.monotonic() > end or os.waitpid(pid, os.WNOHANG)[0]:
            raise RuntimeError((root / "log").read_text()[-3000:])
        time.sleep(0.1)
    time.sleep(20)
    from clusterlb.cli.client import ask

    _, status = ask(root / "run", "GET", "/v1/status", timeout=30)
    assert len(status["vips"]) == 250
    assert status["checks"]["probes"] == 10_000
    engine = _engine_of(pid)
    sizes = []
    for _ in range(SAMPLES):
        sizes.append((rss_mb(pid), rss_mb(engine)))
        time.sleep(1)
    both = [sum(pair) for pair in sizes]
    controller, checks = (median(column) for column in zip(*sizes, strict=True))
    print(f"controller {controller:.0f} MB, engine {checks:.0f} MB", file=sys.stderr)
    return Figure("controller_rss_mb", median(both), "MB", 130, max(both))


def _engine_of(pid: int) -> int:
    """Return the check engine's process; the others are a vtysh or two that have a second to live."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in children:
        with suppress(FileNotFoundError):
            if "clusterlb.checks.engine" in Path(f"/proc/{child}/cmdline").read_text():
                return int(child)
    raise RuntimeError("the check engine does not run")


def _child(namespace: str, root: Path) -> None:
    try:
        log = os.open(root / "log", os.O_WRONLY | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        enter(namespace)
        # a fresh interpreter, so that nothing of the benchmark's own memory is counted
        os.execv(sys.executable, [sys.executable, "-m", "tests.bench.up_on_fake_ipvs", namespace, str(root)])
    finally:
        os._exit(1)


if __name__ == "__main__":
    main(measure)
