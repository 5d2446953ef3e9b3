"""Count the flows that live, and those of them whose member is not the one that a table picks: the strays.

A stray goes on at this director as long as its entry lives. At a director that has no entry of it, the table
places it on another member, which answers with a reset.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterlb.core.finder import ServiceFinder
from clusterlb.core.maglev import MaglevTable, maglev_table
from clusterlb.model.flow import FlowCount, FlowEntry
from clusterlb.model.ipvs import DestinationKey, ServiceFlag, ServiceKey, ServiceState

_ENDED = frozenset({"TIME_WAIT", "CLOSE", "LAST_ACK"})
_CLOSING = "FIN_WAIT"
_QUIET = 10  # seconds


@dataclass(frozen=True, slots=True)
class Survey:
    """What to count: services with the tables to count by, and how long an entry in FIN_WAIT lives."""

    finder: ServiceFinder
    services: Mapping[ServiceKey, tuple[ServiceState, ...]]
    fin_timeout: int


def uncountable(state: ServiceState) -> str:
    """Return why it cannot be said where a service's table places a flow, empty where it can."""
    service = state.service
    if service.flags & ServiceFlag.PERSISTENT:
        return "persistence places flows by their client's last one"
    if service.scheduler != "mh":
        return f"scheduler {service.scheduler} places a flow by chance: only mh places it alike everywhere"
    return ""


def census(survey: Survey, entries: Iterable[FlowEntry]) -> dict[ServiceKey, FlowCount]:
    """Return the count of each service of the survey; each has one, if only of no flows."""
    tables = {key: tuple(map(maglev_table, states)) for key, states in survey.services.items()}
    live = dict.fromkeys(tables, 0)
    strays = {key: [0] * len(found) for key, found in tables.items()}
    for entry in entries:
        key = survey.finder.service_of(entry.flow)
        if key is None or key not in tables or not lives(entry, survey.fin_timeout):
            continue
        live[key] += 1
        for number, table in enumerate(tables[key]):
            strays[key][number] += is_stray(entry, table)
    return {key: FlowCount(live[key], tuple(strays[key])) for key in tables}


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


def is_stray(entry: FlowEntry, table: MaglevTable) -> bool:
    """Say whether a table places a flow on another member than the one that it is on."""
    return not same(table.pick(entry.flow.client, entry.flow.client_port), entry.destination)


def same(picked: DestinationKey | None, have: DestinationKey) -> bool:
    """Say whether an entry's destination is the one picked; one with port 0 keeps the client's port."""
    return picked is not None and picked.address == have.address and picked.port in {0, have.port}
