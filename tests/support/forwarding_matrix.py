"""The matrix of forwarding methods: its cells, and what becomes of them in a lab of its inventory."""

from __future__ import annotations

import contextlib
import ipaddress
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from lab_view import eventually, inside, sh

from clusterlb.lab.attempt import endpoint
from clusterlb.lab.control import LabControl
from clusterlb.lab.exchange import Cell, CellResult, ask
from clusterlb.lab.topology import CLIENT

INVENTORY = Path(__file__).parents[2] / "inventory/examples/matrix.yaml"
MEGABYTE = 1 << 20
# bytes that a packet grows by in a tunnel beside the outer IP header: GUE's is UDP's 8 and 4 of its own
GROWTH = {"ipip": 0, "gue": 12, "gre": 4}


@dataclass(frozen=True)
class Case:
    """One service of the inventory. ``way``: its forwarding method, or its tunnel's type."""

    way: str
    vip: str
    port: int
    protocol: str
    members: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        return f"{self.way}-ipv{self.version}-{self.protocol}"

    @property
    def version(self) -> int:
        """4 or 6."""
        return ipaddress.ip_address(self.vip).version

    @property
    def room(self) -> int:
        """The largest packet that fits the way to a member without fragments, links having 1500."""
        outer = {4: 20, 6: 40}[self.version]
        return 1500 - (outer + GROWTH[self.way] if self.way in GROWTH else 0)

    @property
    def asked(self) -> set[str]:
        """The addresses and ports at which the real servers are asked."""
        if self.way in ("nat", "fullnat"):
            return {endpoint(*member) for member in self.members}
        return {endpoint(self.vip, self.port)}


def cases() -> list[Case]:
    """Every service of the inventory."""
    read = yaml.safe_load(INVENTORY.read_text())
    return [
        Case(
            way=service.get("tunnel", {}).get("type", "ipip")
            if service["forwarding"] == "tun"
            else service["forwarding"],
            vip=vip,
            port=service["port"],
            protocol=service["protocol"],
            members=tuple((m["address"], m["port"]) for m in read["pools"][service["pool"]]["members"]),
        )
        for vip, entry in read["vips"].items()
        for service in entry["services"]
    ]


CASES = cases()
TCP = [case for case in CASES if case.protocol == "tcp"]
UDP = [case for case in CASES if case.protocol == "udp"]
TUNNELS = [case for case in TCP if case.way in GROWTH]


class Matrix:
    """What became of the cells.

    ``results``: of each case; ``unclamped``: of the uploads that rely on ICMP; ``taken``: connections of each
    case by director; ``through``: where a case had failures, the directors that knew of each client's address
    and port.
    """

    def __init__(self) -> None:
        self.lab = LabControl.from_environment().description
        self.directors: dict[str, Any] = self.lab["directors"]
        self.results: dict[Case, CellResult] = {}
        self.unclamped: dict[Case, CellResult] = {}
        self.taken: dict[str, dict[Case, int]] = {}
        self.through: dict[Case, dict[str, list[str]]] = {}

    @property
    def every(self) -> list[tuple[Case, CellResult]]:
        """All results, with their cases; those that rely on ICMP last."""
        return [*self.results.items(), *self.unclamped.items()]

    @property
    def lost(self) -> int:
        """How many connections failed, of all that were made."""
        return sum(result.lost for _, result in self.every)

    @property
    def servers(self) -> dict[str, str]:
        """The real servers' names, by address."""
        return {a: name for name, server in self.lab["servers"].items() for a in server["addresses"]}

    def sources(self, case: Case) -> list[str]:
        """The client's addresses of a case's family."""
        return [a for a in self.lab["clients"] if ipaddress.ip_address(a).version == case.version]

    def local_addresses(self, case: Case) -> set[str]:
        """The directors' local addresses of a case's family."""
        directors = yaml.safe_load(INVENTORY.read_text())["directors"].values()
        found = (address for director in directors for address in director["local_addresses"])
        return {address for address in found if ipaddress.ip_address(address).version == case.version}

    def perform(self, wanted: Collection[Case], unclamped: Collection[Case]) -> None:
        """Perform cells, one after the other, and see which director took how many connections.

        ``unclamped``: those that are to upload once more while no real server clamps the MSS.
        """
        with contextlib.suppress(AssertionError):
            eventually(lambda: not self.missing(), 300, "every member in use on every director")
        assert not (missing := self.missing()), missing
        order = [case for case in CASES if case in wanted]
        before = self.connections()
        self.ask(order, 200, self.results)
        with contextlib.suppress(AssertionError):  # the test of the case will tell
            # the kernel's estimators add up every 2 s (ip_vs_est.c)
            eventually(lambda: self.all_counted(before), 10, "every connection in the counters", step=1)
        after = self.connections()
        self.taken = {
            name: {case: after[name].get(case, 0) - before[name].get(case, 0) for case in order}
            for name in self.directors
        }
        order = [case for case in TUNNELS if case in unclamped]
        with self.without_clamps():
            self.ask(order, 0, self.unclamped)

    def ask(self, order: list[Case], connections: int, results: dict[Case, CellResult]) -> None:
        """Have the client make connections and a transfer each way, or else one upload alone."""
        cells = [
            Cell(
                case.vip,
                case.port,
                self.sources(case),
                case.protocol,
                connections=connections,
                seconds=30,
                upload=MEGABYTE if case.protocol == "tcp" else 0,
                download=MEGABYTE if connections and case.protocol == "tcp" else 0,
                transfer_seconds=120,
            )
            for case in order
        ]
        if cells:
            for case, result in zip(order, ask(CLIENT, cells), strict=True):
                results[case] = result
                if result.lost:  # look at once: the entries do not last
                    self.through[case] = self.entries()

    def entries(self) -> dict[str, list[str]]:
        """Return the directors with an IPVS entry of each client's address and port, and its state there."""
        found: dict[str, list[str]] = {}
        for name in self.directors:
            for line in inside(name, "ipvsadm", "-Lnc").splitlines()[2:]:
                _, _, state, client, *_ = line.split()
                found.setdefault(client, []).append(f"{name} {state}")
        return found

    def missing(self) -> list[str]:
        """Return what keeps the directors from serving all of it."""
        found = []
        for name in self.directors:
            lines = [f"{line} " for line in inside(name, "ipvsadm", "-Sn").splitlines()]
            services = sum(line.startswith("-A ") for line in lines)
            if services < len(CASES):
                found.append(f"{name} has {services} services of {len(CASES)}")
            found += [f"{name}: {line}" for line in lines if " -w 0 " in line]
        return found

    def connections(self) -> dict[str, dict[Case, int]]:
        """Return how many connections each service of each director has had."""
        services = {(case.protocol.upper(), endpoint(case.vip, case.port)): case for case in CASES}
        found: dict[str, dict[Case, int]] = {}
        for name in self.directors:
            lines = inside(name, "ipvsadm", "-Ln", "--stats", "--exact").splitlines()
            words = [line.split() for line in lines if line.startswith(("TCP", "UDP"))]
            found[name] = {services[p, a]: int(n) for p, a, n, *_ in words if (p, a) in services}
        return found

    def all_counted(self, before: dict[str, dict[Case, int]]) -> bool:
        """Say whether the directors' counters have every connection that was answered."""
        after = self.connections()
        return all(
            sum(after[name].get(case, 0) - before[name].get(case, 0) for name in self.directors)
            >= result.outcome.answered
            for case, result in self.results.items()
        )

    @contextlib.contextmanager
    def without_clamps(self) -> Iterator[None]:
        """Take the real servers' MSS clamps away, and have the client forget the paths' MTUs."""
        kept = {name: inside(name, "nft", "list", "ruleset") for name in self.lab["servers"]}
        try:
            for name in kept:
                inside(name, "nft", "flush", "ruleset")
            for family in ("-4", "-6"):
                sh("ip", "-n", CLIENT, family, "route", "flush", "cache")
            yield
        finally:
            for name, rules in kept.items():
                inside(name, "sh", "-c", 'printf %s "$1" | nft -f -', "sh", rules)

    def story(self, case: Case) -> str:
        """Tell what became of a case: how many of what, through whom, and the first errors."""
        outcome = self.results[case].outcome
        kinds = ("refused", "reset", "timed_out", "failed")
        counts = ", ".join(f"{getattr(outcome, kind)} {kind.replace('_', ' ')}" for kind in kinds)
        return "\n  ".join(
            [
                f"{case}, {endpoint(case.vip, case.port)}: {outcome.lost} of {outcome.wanted} lost: {counts}",
                *(f"{error} (through {self.way_of(case, error.split()[0])})" for error in outcome.errors),
                "connections by director: " + tell({n: taken[case] for n, taken in self.taken.items()}),
                f"by real server: {tell(outcome.servers)}; asked at: {tell(outcome.asked)}",
                f"clients seen: {tell(outcome.clients)}; as they are: {outcome.kept}",
                f"datagrams sent again: {outcome.repeated}",
            ]
        )

    def way_of(self, case: Case, client: str) -> str:
        """Tell which directors took a client's packets, as soon after it failed as could be."""
        return ", ".join(self.through.get(case, {}).get(client, [])) or "no director that knows of it"


def tell(counts: dict[str, int]) -> str:
    """Write counts as a few words."""
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
