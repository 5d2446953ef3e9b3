"""Count the flows that live, and those of them whose member is not the one that a table picks: the strays.

A stray goes on at this director as long as its entry lives. At a director that has no entry of it, the table
places it on another member, which answers with a reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from clusterlb.core.finder import ServiceFinder
from clusterlb.core.maglev import MaglevTable, maglev_table
from clusterlb.model.flow import Flow, FlowCount, FlowEntry
from clusterlb.model.ipvs import DestinationKey, ProtocolTimeouts, ServiceFlag, ServiceKey, ServiceState

_ENDED = frozenset({"TIME_WAIT", "CLOSE", "LAST_ACK"})
_CLOSING = "FIN_WAIT"
_OPEN = "ESTABLISHED"
_QUIET = 10  # seconds
# seconds that the kernel gives an entry with each packet (ip_vs_proto_tcp.c, ip_vs_proto_udp.c), by state
_LIVES = {
    "ESTABLISHED": 900,
    "SYN_SENT": 120,
    "SYN_RECV": 60,
    "FIN_WAIT": 120,
    "TIME_WAIT": 120,
    "CLOSE": 10,
    "CLOSE_WAIT": 60,
    "LAST_ACK": 30,
    "UDP": 300,
}


@dataclass(frozen=True, slots=True)
class Survey:
    """What to count: services with the tables to count by, and how long an entry in FIN_WAIT lives.

    ``listing``: name the strays by the first table, too. ``known``: flows to be told about by name.
    ``remembered``: entries that there were once, of flows that were idle; one that is gone by now counts as
    if it were still there. ``idle_below``: name the flows whose entry ends within so many seconds.
    """

    finder: ServiceFinder
    services: Mapping[ServiceKey, tuple[ServiceState, ...]]
    fin_timeout: int
    listing: bool = False
    known: frozenset[Flow] = frozenset()
    remembered: tuple[FlowEntry, ...] = ()
    idle_below: int = 0


class Census(NamedTuple):
    """What was found. ``counts``: each service of the survey has one, if only of no flows.

    ``strays``: those by the first table. The entries of flows that were known: ``ended`` say that their flow
    has, and ``settled`` ones are on the member that the first table picks. ``idle``: live flows of TCP whose
    entry ends soon. ``seconds``: what the count cost a processor.
    """

    counts: Mapping[ServiceKey, FlowCount]
    strays: tuple[FlowEntry, ...] = ()
    ended: tuple[FlowEntry, ...] = ()
    settled: tuple[FlowEntry, ...] = ()
    idle: tuple[FlowEntry, ...] = ()
    seconds: float = 0.0


def uncountable(state: ServiceState) -> str:
    """Return why it cannot be said where a service's table places a flow, empty where it can."""
    service = state.service
    if service.flags & ServiceFlag.PERSISTENT:
        return "persistence places flows by their client's last one"
    if service.scheduler != "mh":
        return f"scheduler {service.scheduler} places a flow by chance: only mh places it alike everywhere"
    return ""


def census(survey: Survey, entries: Iterable[FlowEntry]) -> Census:
    """Count the entries that live, and name those that were asked for."""
    taking = _Taking(survey)
    there = set()
    remembered = {entry.flow for entry in survey.remembered}
    for entry in entries:
        taking.take(entry)
        if entry.flow in remembered:
            there.add(entry.flow)
    for entry in survey.remembered:
        if entry.flow not in there:
            taking.take(entry, remembered=True)
    return taking.result()


class _Taking:
    """A census that is being taken."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        self._tables = {key: tuple(map(maglev_table, states)) for key, states in survey.services.items()}
        self._live = dict.fromkeys(self._tables, 0)
        self._strays = {key: [0] * len(found) for key, found in self._tables.items()}
        self._listed: list[FlowEntry] = []
        self._idle: list[FlowEntry] = []
        self._ended: list[FlowEntry] = []
        self._settled: list[FlowEntry] = []

    def take(self, entry: FlowEntry, *, remembered: bool = False) -> None:
        """Take one entry in; one that is ``remembered`` is not there any more."""
        survey = self._survey
        key = survey.finder.service_of(entry.flow)
        if key is None or key not in self._tables:
            return
        if not lives(entry, survey.fin_timeout):
            if entry.flow in survey.known:
                self._ended.append(entry)
            return
        self._live[key] += 1
        tables = self._tables[key]
        stray = [is_stray(entry, table) for table in tables]
        for number, strays in enumerate(stray):
            self._strays[key][number] += strays
        if survey.listing and stray[0]:
            self._listed.append(entry)
        if remembered:
            return
        if entry.flow in survey.known and not stray[0]:
            self._settled.append(entry)
        if entry.expires < survey.idle_below and entry.state == _OPEN:
            self._idle.append(entry)

    def result(self) -> Census:
        """Return what was found."""
        counts = {key: FlowCount(self._live[key], tuple(self._strays[key])) for key in self._tables}
        return Census(
            counts,
            tuple(self._listed),
            tuple(self._ended),
            tuple(self._settled),
            tuple(self._idle),
        )


def lives(entry: FlowEntry, fin_timeout: int) -> bool:
    """Say whether packets of a flow are still to be expected.

    Under dr and tun a director does not see what the member sends. So an entry stays in FIN_WAIT until its
    time is over once the client has closed, whether the member has closed or goes on sending; a client that
    still receives acknowledges that (ip_vs_proto_tcp.c, ``tcp_states``, INPUT_ONLY). An entry without a
    client's port is persistence's template.
    """
    if not entry.flow.client_port or entry.state in _ENDED:
        return False
    return entry.state != _CLOSING or entry.expires >= fin_timeout - _QUIET


def silent_for(entry: FlowEntry, timeouts: ProtocolTimeouts) -> int:
    """Return how many seconds ago the last packet of an entry came.

    ``timeouts`` are IPVS's own, of which 0 stands for the kernel's usual one.
    """
    given = {"ESTABLISHED": timeouts.tcp, "FIN_WAIT": timeouts.tcp_fin, "UDP": timeouts.udp}
    whole = given.get(entry.state) or _LIVES.get(entry.state, 0)
    return max(0, whole - entry.expires)


def is_stray(entry: FlowEntry, table: MaglevTable) -> bool:
    """Say whether a table places a flow on another member than the one that it is on."""
    return not same(table.pick(entry.flow.client, entry.flow.client_port), entry.destination)


def same(picked: DestinationKey | None, have: DestinationKey) -> bool:
    """Say whether an entry's destination is the one picked; one with port 0 keeps the client's port."""
    return picked is not None and picked.address == have.address and picked.port in {0, have.port}
