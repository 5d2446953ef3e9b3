"""Which flows are anchored, and to what.

A stray is on another member than the table picks, and only its entry keeps it there. An anchor keeps it too
when the entry is gone: a mark on its packets leads them to a private service whose only destination is the
flow's member. A packet with a mark is looked up by that before its address (ip_vs_service_find() in
ip_vs_ctl.c); an entry is found first of all, whatever the mark.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from ipaddress import ip_address
from types import MappingProxyType

from clusterlb.core.census import Census, silent_for
from clusterlb.core.finder import ServiceFinder
from clusterlb.core.marks import unused_mark
from clusterlb.core.programme import destination, destination_key
from clusterlb.core.served import Served
from clusterlb.model.address import family_of
from clusterlb.model.anchor import Anchor, Anchors, Binding, Bindings, Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import (
    KEEP_TIMEOUTS,
    DestinationStatistics,
    Protocol,
    ProtocolTimeouts,
    ServiceKey,
    ServiceState,
    ServiceStatistics,
    VirtualService,
)
from clusterlb.model.marks import ANCHOR_MARKS
from clusterlb.model.rules import Element, Rules

MOST = 65_536
"""Anchors at a time, at most: 10 MB in the kernel, and as much here."""

GRACE = 150.0
"""Seconds that the word of a flow's end may be older than the last word of its life, and is believed.

What the kernel has noted of an anchored flow is read up to 140 s later: 2 min that a note lives, and 20 s
from one look to the next.
"""

PROTOCOLS = (Protocol.TCP, Protocol.UDP)
NOTHING_OVER: Mapping[Flow, float] = MappingProxyType({})
_NEVER = float("-inf")


def renewed(
    before: Anchors,
    found: Census,
    finder: ServiceFinder,
    *,
    now: float,
    stands: Callable[[Binding], bool],
    timeouts: ProtocolTimeouts = KEEP_TIMEOUTS,
    over: Mapping[Flow, float] = NOTHING_OVER,
) -> tuple[dict[Flow, Anchor], list[Sighting]]:
    """Return the anchors after a census, and what it has seen of flows that are anchored now, or were.

    Each stray gets one as long as its member ``stands``. Who is no stray any more, or has ended, loses its
    own; who has no entry keeps it. No more than MOST: the ones that there are stay, of the new ones the last
    go without. An entry tells of the time of its last packet: what has been seen since then stands, and
    when flows were ``over``.
    """
    after = dict(before)
    seen: list[Sighting] = []
    for entry in (*found.ended, *found.settled):
        at, anchor = now - silent_for(entry, timeouts), after.get(entry.flow)
        if anchor is not None and at >= anchor.heard - GRACE:
            del after[entry.flow]
            seen.append(Sighting(entry.flow, None, at))
    for entry in found.strays:
        service = finder.service_of(entry.flow)
        if service is None or entry.flow.protocol not in PROTOCOLS:
            continue
        binding, at = Binding(service, entry.destination), now - silent_for(entry, timeouts)
        there = after.get(entry.flow)
        newer = at > over.get(entry.flow, _NEVER) + GRACE and (there is None or at >= there.heard)
        if newer and stands(binding) and (there is not None or len(after) < MOST):
            after[entry.flow] = Anchor(binding, at)
            seen.append(Sighting(entry.flow, entry.destination, at))
    return after, seen


def kept(
    anchors: Anchors,
    *,
    now: float,
    memory: float,
    stands: Callable[[Binding], bool],
    heard: Collection[Flow] = (),
    over: Collection[Flow] = (),
) -> Anchors:
    """Return those that go on; the very same mapping where nothing has changed.

    ``heard`` have spoken just now. Those that are ``over`` go, those that were silent for ``memory`` seconds,
    and those whose member does not stand any more.
    """
    standing = {binding: stands(binding) for binding in {anchor.binding for anchor in anchors.values()}}
    after = {
        flow: anchor._replace(heard=now) if flow in heard else anchor
        for flow, anchor in anchors.items()
        if flow not in over and (flow in heard or now - anchor.heard < memory) and standing[anchor.binding]
    }
    return anchors if after == anchors else after


def bindings(before: Bindings, anchors: Anchors) -> dict[ServiceKey, Binding]:
    """Return the private services that anchors need, and those that there were before."""
    after = dict(before)
    there = set(before.values())
    taken = {key.fwmark for key in before}
    for binding in sorted({anchor.binding for anchor in anchors.values()} - there, key=str):
        mark = unused_mark(str(binding), taken, ANCHOR_MARKS)
        after[ServiceKey(family_of(binding.destination.address), Protocol.NONE, None, 0, mark)] = binding
    return after


def stands(inventory: Inventory, served: Served, binding: Binding, alive: Callable[[str, int], bool]) -> bool:
    """Say whether a binding's member is in the inventory and ``alive``, given its pool and number there."""
    found = _member(inventory, served, binding)
    return found is not None and alive(*found)


def anchor_service_state(
    inventory: Inventory, served: Served, key: ServiceKey, binding: Binding, have: ServiceState | None
) -> ServiceState | None:
    """Return the private service of a binding; as it is where the inventory has no such member any more."""
    found = _member(inventory, served, binding)
    if found is None:
        return have
    pool, number = found
    member = replace(inventory.pools[pool].members[number], weight=1, upper=0, lower=0)
    prefix = binding.destination.address.max_prefixlen
    to = destination(served[binding.service][1], member, 1)
    return ServiceState(VirtualService(key, "rr", prefix=prefix), (to,))


def together(
    numbers: Mapping[ServiceKey, ServiceStatistics], private: Bindings
) -> dict[ServiceKey, ServiceStatistics]:
    """Return what services count, with what their private services count added to their destinations."""
    found = {key: each for key, each in numbers.items() if key not in private}
    for key, binding in private.items():
        if key in numbers and binding.service in found:
            (_, more), *_ = numbers[key].destinations or ((binding.destination, DestinationStatistics()),)
            of = found[binding.service]
            rows = tuple(
                (name, _sum(row, more) if name == binding.destination else row)
                for name, row in of.destinations
            )
            counters = replace(
                of.counters, in_packets=of.counters.in_packets + numbers[key].counters.in_packets
            )
            found[binding.service] = ServiceStatistics(counters, rows)
    return found


def _sum(row: DestinationStatistics, more: DestinationStatistics) -> DestinationStatistics:
    return replace(row, active=row.active + more.active, inactive=row.inactive + more.inactive)


def read_back(
    rules: Rules, services: Mapping[ServiceKey, ServiceState], finder: ServiceFinder, heard: float
) -> tuple[dict[Flow, Anchor], dict[ServiceKey, Binding]]:
    """Return the anchors, and their private services, that the controller before this one has left.

    ``heard``: when to believe that they spoke last. Both have to be there: an element of the map without the
    private service that its mark stands for leads nowhere.
    """
    by_mark = {
        key.fwmark: (key, state.destinations[0].key)
        for key, state in services.items()
        if key.fwmark in ANCHOR_MARKS and state.destinations
    }
    anchors: dict[Flow, Anchor] = {}
    used: dict[ServiceKey, Binding] = {}
    for name, each in rules.sets.items():
        protocol = _PROTOCOL_OF.get(name)
        if protocol is None:
            continue
        for key, mark in each.elements.items():
            flow = noted_flow(protocol, key)
            service = finder.service_of(flow)
            if service is not None and (found := by_mark.get(int(mark, 0))) is not None:
                used[found[0]] = Binding(service, found[1])
                anchors[flow] = Anchor(used[found[0]], heard)
    return anchors, used


def noted_flow(protocol: Protocol, key: Element) -> Flow:
    """Return the flow that a key of a map or of a set stands for."""
    client, client_port, vip, port = key
    return Flow(protocol, ip_address(client), int(client_port), ip_address(vip), int(port))


def map_name(protocol: Protocol, suffix: str) -> str:
    """Return the name of the map of one protocol's anchors; ``suffix`` is of the address family."""
    return f"anchors_{protocol.name.lower()}{suffix}"


_PROTOCOL_OF = {map_name(protocol, suffix): protocol for protocol in PROTOCOLS for suffix in "46"}


def _member(inventory: Inventory, served: Served, binding: Binding) -> tuple[str, int] | None:
    """Return the pool of a binding's member, and its number there."""
    if binding.service not in served:
        return None
    service = served[binding.service][1]
    pool = inventory.pools[service.pool]
    for number, member in enumerate(pool.members):
        if destination_key(service, member) == binding.destination:
            return pool.name, number
    return None
