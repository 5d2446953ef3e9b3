"""Reorder a service's destinations without moving their flows.

A destination changes its position by being removed and added again. In between, its connections have no
destination. With ``expire_nodest_conn``, a packet of such a connection is scheduled anew (ip_vs_in_hook(),
ip_vs_core.c). Also, a jiffy after every removal, the kernel walks all connections and ends those without a
destination (ip_vs_expire_nodest_conn_flush(), ip_vs_conn.c): on a host with two processors, 58 of 10,000
flows moved. With the setting at 0 the packet is dropped, and no walk begins.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from clusterlb.model.plan import AddDestination, IpvsStep, RemoveDestination, service_of

# /proc/sys/net shows the network namespace of the thread that opens it
SETTING = Path("/proc/sys/net/ipv4/vs/expire_nodest_conn")
WALK = 0.03  # seconds: the kernel's walk begins a jiffy after a removal, and takes a few milliseconds


def split_reordered(steps: Sequence[IpvsStep]) -> tuple[list[IpvsStep], list[IpvsStep]]:
    """Return the steps on services whose destinations are reordered, and the steps on other services."""
    removed = set()
    reordered = set()
    for step in steps:
        if isinstance(step, RemoveDestination):
            removed.add((step.service, step.key))
        elif isinstance(step, AddDestination) and (step.service, step.destination.key) in removed:
            reordered.add(step.service)
    if not reordered:
        return [], list(steps)
    first = [step for step in steps if service_of(step) in reordered]
    return first, [step for step in steps if service_of(step) not in reordered]


class Reordering:
    """Keeps flows on their destinations during a reordering; knows the time of the last other removal."""

    def __init__(self) -> None:
        self._removed_at = float("-inf")

    def applied(self, steps: Sequence[IpvsStep]) -> None:
        """Take in steps that were carried out and reordered nothing."""
        if any(isinstance(step, RemoveDestination) for step in steps):
            self._removed_at = time.monotonic()

    @contextmanager
    def flows_kept(self) -> Iterator[None]:
        """Set expire_nodest_conn to 0 meanwhile; first sleep until the walk of an earlier removal is over."""
        time.sleep(max(0.0, self._removed_at + WALK - time.monotonic()))
        was = ""
        with suppress(OSError):  # without write access to the setting, flows may move
            found = SETTING.read_text(encoding="ascii")
            if found.strip() != "0":
                SETTING.write_text("0\n", encoding="ascii")
                was = found
        try:
            yield
        finally:
            if was:
                with suppress(OSError):  # the next reading of the settings repairs it
                    SETTING.write_text(was, encoding="ascii")
