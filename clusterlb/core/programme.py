"""What the kernel's IPVS table and settings should hold for an inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from clusterlb.core.marks import Way
from clusterlb.core.member import MemberState
from clusterlb.core.quorum import Standing
from clusterlb.core.weight import weight
from clusterlb.model.address import Endpoint
from clusterlb.model.check import VerdictState
from clusterlb.model.forwarding import IPIP, Forwarding
from clusterlb.model.inventory import Member, OnDown, Pool, Service, Sorry, Vip
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceState,
    VirtualService,
)

METHOD = {
    Forwarding.DR: ForwardMethod.ROUTE,
    Forwarding.TUN: ForwardMethod.TUNNEL,
    Forwarding.NAT: ForwardMethod.MASQ,
    Forwarding.FULLNAT: ForwardMethod.MASQ,  # nftables translates the client's address
}

FLAG = {
    "mh-fallback": ServiceFlag.SCHED1,
    "mh-port": ServiceFlag.SCHED2,
    "sh-fallback": ServiceFlag.SCHED1,
    "sh-port": ServiceFlag.SCHED2,
    "flag-1": ServiceFlag.SCHED1,
    "flag-2": ServiceFlag.SCHED2,
    "flag-3": ServiceFlag.SCHED3,
    "ops": ServiceFlag.ONE_PACKET,
}

HASHING = frozenset({"mh", "sh", "dh"})  # schedulers whose table follows the insertion order
REMEMBERING = frozenset({"mh"})  # those whose table follows the last weight that was not 0 (ip_vs_mh.c)


def virtual_service(vip: Vip, service: Service) -> VirtualService:
    """Return the kernel's virtual service for one service of a VIP."""
    flags = ServiceFlag.NONE
    for name in service.flags:
        if name != "ops" or service.protocol is Protocol.UDP:  # of others it does nothing (ip_vs_core.c)
            flags |= FLAG[name]
    if service.persistence:
        flags |= ServiceFlag.PERSISTENT
    return VirtualService(
        key=service.key(vip.address),
        scheduler=service.scheduler,
        flags=flags,
        timeout=int(service.persistence),
        prefix=vip.address.max_prefixlen if service.netmask is None else service.netmask,
    )


def destination_key(service: Service, member: Member | Sorry | Endpoint) -> DestinationKey:
    """Return the kernel's name for a member in a service; port 0 there keeps the port that a client used."""
    return DestinationKey(member.address, 0 if service.keeps_port else member.port)


def destination(service: Service, member: Member, amount: int) -> Destination:
    """Return a member's destination with this weight."""
    method = service.forwarding_of(member)
    tunnel = (member.tunnel or service.tunnel) if method is Forwarding.TUN else IPIP
    return Destination(
        destination_key(service, member),
        METHOD[method],
        amount,
        upper=member.upper,
        lower=member.lower,
        tunnel_type=tunnel.type,
        tunnel_port=tunnel.port,
        tunnel_flags=tunnel.checksum,
        nominal=max(member.weight, 1),
    )


def service_state(
    vip: Vip,
    service: Service,
    pool: Pool,
    states: Sequence[MemberState],
    have: ServiceState | None,
    *,
    now: Standing | None = None,
    idle: Collection[DestinationKey] = (),
    emptying: Collection[DestinationKey] = (),
    settled: bool = True,
) -> ServiceState:
    """Return a service with its destinations, in the one order that every director uses.

    A member that is DOWN has weight 0 and stays, so the mh table keeps its shape and its flows their
    entries; among the ``emptying`` it is left out, so that these end. An UNKNOWN member keeps what the kernel
    has: weight 0 if it stood at 0, else its own. ``now`` is how the pool stands, None for a pool that serves
    as usual; the sorry server is there while it is needed, and at weight 0 until it is among the ``idle``,
    the destinations without connections. Until the director has ``settled``, what stands at weight 0 keeps
    the last weight that the kernel remembers of it, and an UNKNOWN member for as long as it is UNKNOWN.
    """
    found = {d.key: d for d in have.destinations} if have else {}
    there = {key: d.weight for key, d in found.items()}
    sorry, panic = (now.sorry, now.panic) if now else (False, False)
    destinations = []
    for member, state in zip(pool.members, states, strict=True):
        key = destination_key(service, member)
        out = state.state is VerdictState.DOWN and not (panic and not state.pinned)
        left_out = pool.on_down is OnDown.REMOVE or key in emptying
        if state.gone or (out and not state.drained and left_out):
            continue
        out = out or sorry or (state.state is VerdictState.UNKNOWN and there.get(key) == 0)
        amount = 0 if out else weight(member.weight, state.share)
        wanted = destination(service, member, amount)
        left = not settled or state.state is VerdictState.UNKNOWN
        destinations.append(_as_found(wanted, found) if left else wanted)
    if pool.sorry is not None:
        leaves = pool.ends_flows_of(service) and any(d.weight for d in destinations)
        last = _sorry(service, pool.sorry, sorry, there, idle, leaves=leaves)
        destinations += last if settled else (_as_found(one, found) for one in last)
    return ServiceState(virtual_service(vip, service), tuple(destinations))


def _as_found(wanted: Destination, found: Mapping[DestinationKey, Destination]) -> Destination:
    """Return a destination that is to stay at weight 0 with the last weight that the kernel has of it."""
    there = found.get(wanted.key)
    if there is None or there.weight or wanted.weight:
        return wanted
    return replace(wanted, nominal=there.nominal)


def _sorry(
    service: Service,
    sorry: Sorry,
    needed: bool,
    there: Mapping[DestinationKey, int],
    idle: Collection[DestinationKey],
    *,
    leaves: bool,
) -> Iterator[Destination]:
    """Yield the member of last resort's destination while it is needed or has connections.

    Before it is needed it is not in the table at all: mh would give it buckets (ip_vs_mh.c). It ``leaves`` as
    soon as others serve where flows have no end of their own.
    """
    key = destination_key(service, sorry)
    stays = key in there and not leaves and (there[key] or key not in idle)
    if needed or stays:
        member = Member(sorry.address, sorry.port, forwarding=sorry.forwarding)
        yield destination(service, member, int(needed))


def way_state(way: Way) -> ServiceState:
    """Return the private service that leads probes to one member through IPVS."""
    prefix = way.through.vip.address.max_prefixlen
    member = replace(way.member, weight=1, upper=0, lower=0)
    return ServiceState(VirtualService(way.key, "rr", prefix=prefix), (destination(way.service, member, 1),))
