"""Give destinations other places without moving the flows of those that stay.

A destination changes its place in the order by being removed and added again, and in between its connections
have none. With ``expire_nodest_conn`` a packet of theirs that comes then is placed anew (ip_vs_in_hook(),
ip_vs_core.c), and a jiffy after every removal the kernel walks all connections and ends those whose
destination is missing at that instant (ip_vs_expire_nodest_conn_flush(), ip_vs_conn.c): on a host with two
processors 58 of 10,000 flows moved so. With the setting at 0 the packet is dropped, and no walk begins.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from clusterlb.model.plan import AddDestination, IpvsStep, RemoveDestination, service_of

# /proc/sys/net shows the network namespace of the thread that looks
SETTING = Path("/proc/sys/net/ipv4/vs/expire_nodest_conn")
WALK = 0.03  # seconds: a walk that a removal has set off begins after a jiffy, and takes a few milliseconds


def split_reordered(steps: Sequence[IpvsStep]) -> tuple[list[IpvsStep], list[IpvsStep]]:
    """Return the steps on services in which a destination changes its place, and those on the others."""
    removed = set()
    moving = set()
    for step in steps:
        if isinstance(step, RemoveDestination):
            removed.add((step.service, step.key))
        elif isinstance(step, AddDestination) and (step.service, step.destination.key) in removed:
            moving.add(step.service)
    if not moving:
        return [], list(steps)
    first = [step for step in steps if service_of(step) in moving]
    return first, [step for step in steps if service_of(step) not in moving]


class Reordering:
    """Knows when a destination was last removed for good."""

    def __init__(self) -> None:
        self._removed_at = float("-inf")

    def applied(self, steps: Sequence[IpvsStep]) -> None:
        """Take in steps that were carried out and changed no places."""
        if any(isinstance(step, RemoveDestination) for step in steps):
            self._removed_at = time.monotonic()

    @contextmanager
    def flows_kept(self) -> Iterator[None]:
        """Keep connections while their destination is missing; sleep first if the kernel may be walking."""
        time.sleep(max(0.0, self._removed_at + WALK - time.monotonic()))
        was = ""
        with suppress(OSError):  # where settings cannot be written, flows move as they always did
            found = SETTING.read_text(encoding="ascii")
            if found.strip() != "0":
                SETTING.write_text("0\n", encoding="ascii")
                was = found
        try:
            yield
        finally:
            if was:
                with suppress(OSError):  # the next reading of the settings sees it, and puts it right
                    SETTING.write_text(was, encoding="ascii")
