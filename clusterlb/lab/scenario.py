"""The demo's scenario: ``python -m clusterlb.lab.scenario`` plays it in a lab and prints events as JSON.

``phase``: the present step; ``status``: next hops, connections per director, and the client's counts;
``summary``: the figures, their bounds, and whether they hold.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from clusterlb.lab.client import ClientProcess, load_for
from clusterlb.lab.control import LabControl
from clusterlb.lab.netns import LabError, inside
from clusterlb.lab.process import print_json
from clusterlb.lab.routes import RouteWatch
from clusterlb.lab.topology import SWITCH

FLOWS = 96
_PACE = 1.0  # seconds between two lines of a flow
_RATE = 5.0  # requests a second
_STATUS_EVERY = 1.0
_OPENING = 60.0
_STEADY = 5.0
_CHANGE = 60.0  # seconds that a change may take at the switch
_SETTLING = 40.0
# in the namespace of the thread that reads it; /proc/net is in the main thread's
_CONNECTIONS = Path("/proc/thread-self/net/ip_vs")


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the summary; ``bound`` is the highest good value, or None."""

    text: str
    value: float
    unit: str
    bound: float | None = None
    why: str = ""

    @property
    def holds(self) -> bool:
        """Say whether the value is within its bound."""
        return self.bound is None or self.value <= self.bound

    def line(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {**asdict(self), "holds": self.holds}


@dataclass(frozen=True, slots=True)
class Change:
    """One change: seconds until the switch's routes followed, and the client's counts before and after."""

    took: float
    before: dict[str, Any]
    gone: dict[str, Any]
    after: dict[str, Any]

    @property
    def flows_lost(self) -> int:
        """Return how many connections broke."""
        return int(self.after["flows"]["lost"] - self.before["flows"]["lost"])

    @property
    def requests_failed(self) -> int:
        """Return how many requests failed."""
        return int(self.after["requests"]["failed"] - self.before["requests"]["failed"])

    @property
    def exposed(self) -> int:
        """Return how many requests were under way until the switch's routes followed: only these may fail."""
        begun = self.gone["requests"]["started"] - self.before["requests"]["started"]
        return int(self.before["requests"]["in_flight"] + begun)


class Scenario:
    """Plays the scenario, and reports the status meanwhile."""

    def __init__(self, lab: LabControl, emit: Callable[[dict[str, Any]], None]) -> None:
        self._lab = lab
        self._emit = emit
        self._names = {found["router_id"]: name for name, found in lab.description["directors"].items()}
        self._vip = IPv4Network(lab.description["vips"][0])
        self._routes = RouteWatch(SWITCH)
        self._client = ClientProcess(load_for(lab.description, flows=FLOWS, pace=_PACE, rate=_RATE))
        self._next_status = 0.0

    def run(self) -> list[Figure]:
        """Play the whole scenario; return its figures."""
        directors = list(self._names.values())
        leaver, victim = directors[2 % len(directors)], directors[4 % len(directors)]
        self._phase(f"opening {FLOWS} connections and {_RATE:g} requests a second")
        self._until(_OPENING, lambda: self._count("flows", "answered") >= FLOWS)
        self._watch(_STEADY)
        self._phase(f"{leaver} leaves gracefully: clusterlb down")
        left = self._change(leaver, lambda: self._take_down(leaver))
        self._watch(_STEADY)
        self._phase(f"{victim} dies: FRR and the controller are killed, the link is unplugged")
        died = self._change(victim, lambda: self._lab.do("crash", victim))
        self._watch(_STEADY)
        final = self._client.stop()
        return figures(leaver, left, victim, died, final)

    def _change(self, name: str, act: Callable[[], object]) -> Change:
        """Call ``act``, which takes a director out of service, and wait for the switch and the client."""
        before = self._client.mark(f"before {name}")
        problems: list[LabError] = []

        def acting() -> None:
            try:
                act()
            except LabError as error:
                problems.append(error)

        started = time.monotonic()
        thread = threading.Thread(target=acting)
        thread.start()
        self._until(_CHANGE, lambda: name not in self._next_hops() or bool(problems))
        took = time.monotonic() - started
        gone = self._client.mark(f"after {name}")
        self._until(_SETTLING, lambda: not thread.is_alive())
        thread.join(_SETTLING)
        if problems:
            raise problems[0]
        if name in self._next_hops():
            raise LabError(f"{name} is still a next hop at the switch after {_CHANGE:g} s")
        self._until(_SETTLING, self._all_decided)
        return Change(took, before, gone, self._client.last)

    def _take_down(self, name: str) -> None:
        status, output = self._lab.down(name)
        if status:
            raise LabError(f"clusterlb down on {name} ended with {status}: {output.strip()}")

    def _all_decided(self) -> bool:
        """Say whether every connection has been answered or lost since the change."""
        return self._count("flows", "answered") + self._count("flows", "lost") >= FLOWS

    def _count(self, kind: str, name: str) -> int:
        return int(self._client.last[kind][name]) if self._client.last else 0

    def _next_hops(self) -> list[str]:
        return [self._names[str(hop)] for hop in self._routes.table().get(self._vip, ())]

    def _watch(self, seconds: float) -> None:
        self._until(seconds, lambda: False)

    def _until(self, seconds: float, done: Callable[[], bool]) -> None:
        """Take in routes and reports, and emit the status, until ``done()`` or until the time is over."""
        until = time.monotonic() + seconds
        while not done() and time.monotonic() < until:
            self._routes.wait(0.05)
            for _ in self._client.reports(0.0):
                pass
            if time.monotonic() >= self._next_status:
                self._next_status = time.monotonic() + _STATUS_EVERY
                self._status()

    def _status(self) -> None:
        if self._client.last:
            self._emit(
                {
                    "kind": "status",
                    "next_hops": self._next_hops(),
                    "connections": {name: _connections(name) for name in self._names.values()},
                    "flows": self._client.last["flows"],
                    "requests": self._client.last["requests"],
                }
            )

    def _phase(self, text: str) -> None:
        self._emit({"kind": "phase", "text": text})


def figures(leaver: str, left: Change, victim: str, died: Change, final: dict[str, Any]) -> list[Figure]:
    """Return the summary: losses, and how long each change took."""
    exposed = f"at most the {died.exposed} that were under way until the switch knew"
    return [
        Figure(f"connections lost when {leaver} left", left.flows_lost, f"of {FLOWS}", 0),
        Figure(f"requests failed when {leaver} left", left.requests_failed, "", 0),
        Figure(f"{leaver}'s leave: until the switch sent nothing to it", round(left.took, 2), "s"),
        Figure(f"slowest answer while {leaver} left", left.after["flows"]["worst_s"], "s"),
        Figure(f"connections lost when {victim} died", died.flows_lost, f"of {FLOWS}", 0),
        Figure(f"requests failed when {victim} died", died.requests_failed, "", died.exposed, exposed),
        Figure(f"{victim}'s death: until the switch sent nothing to it", round(died.took, 2), "s"),
        Figure(f"slowest answer while {victim} died", died.after["flows"]["worst_s"], "s"),
        Figure("connections never opened", FLOWS - final["flows"]["open"] - final["flows"]["lost"], "", 0),
        Figure("requests answered", final["requests"]["ok"], f"of {final['requests']['started']}"),
    ]


def _connections(name: str) -> int | None:
    """Return how many active connections IPVS has in a namespace; None when IPVS is gone."""
    with contextlib.suppress(OSError), inside(name):
        return parse_active(_CONNECTIONS.read_text(encoding="ascii"))
    return None


def main() -> None:
    """Play the scenario in the lab of this process; exit 0 if the figures hold."""
    try:
        found = Scenario(LabControl.from_environment(), print_json).run()
    except (LabError, TimeoutError) as error:
        sys.exit(f"lab: {error}")
    holds = all(figure.holds for figure in found)
    print_json({"kind": "summary", "holds": holds, "figures": [figure.line() for figure in found]})
    sys.exit(0 if holds else 1)


def parse_active(text: str) -> int:
    """Add up the ActiveConn column of /proc/net/ip_vs (ip_vs_info_seq_show in net/netfilter/ipvs)."""
    rows = [line.split() for line in text.splitlines() if line.startswith("  -> ")]
    return sum(int(row[4]) for row in rows if row[4].isdigit())  # the heading has a word in this column


if __name__ == "__main__":
    main()
