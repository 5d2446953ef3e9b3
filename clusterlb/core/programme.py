"""What the kernel's IPVS table and settings should hold for an inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from clusterlb.core.marks import ProbeService
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
ABSENT = -1  # what is not in a service has no weight there
UNKNOWN = VerdictState.UNKNOWN
NOTHING: Mapping[DestinationKey, bool] = MappingProxyType({})
USUAL = Standing(0, 0, 0, 0, fit=True)
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
    emptying: Mapping[DestinationKey, bool] = NOTHING,
    settled: bool = True,
) -> ServiceState:
    """Return a service with its destinations, in the one order that every director uses.

    A member that is DOWN has weight 0 and stays, so the mh table keeps its shape and its flows their
    entries. ``emptying``: members that are left out while that is True, so that their entries end, and that
    come back where it is False. An UNKNOWN member is as the kernel has it: it keeps its weight, and has no
    place in a table that lacks it, unless there would be nobody to go to where there is somebody now. ``now``
    is how the pool stands, None for a pool that serves as usual; the sorry server is there while it is
    needed, and at weight 0 until it is among the ``idle``, the destinations without connections. Until the
    director has ``settled``, what stands at weight 0 keeps the last weight that the kernel remembers of it,
    and an UNKNOWN member for as long as it is UNKNOWN.
    """
    found = {d.key: d for d in have.destinations} if have else {}
    there = {key: d.weight for key, d in found.items()}
    now = now or USUAL
    keys = [destination_key(service, member) for member in pool.members]
    amounts = [
        _amount(
            member,
            state,
            now,
            None if have is None else there.get(key, 0 if key in emptying else ABSENT),
            left_out=pool.on_down is OnDown.REMOVE or emptying.get(key, False),
        )
        for member, state, key in zip(pool.members, states, keys, strict=True)
    ]
    last: list[Destination] = []
    if pool.sorry is not None:
        leaves = pool.ends_flows_of(service) and any(amounts)
        last = list(_sorry(service, pool.sorry, now.sorry, there, idle, leaves=leaves))
    if any(there.values()) and not any(amounts) and not any(one.weight for one in last):
        amounts = [
            weight(member.weight, state.share) if amount is None and state.state is UNKNOWN else amount
            for member, state, amount in zip(pool.members, states, amounts, strict=True)
        ]
    unknown = {key for key, state in zip(keys, states, strict=True) if state.state is UNKNOWN}
    members = (
        destination(service, member, amount)
        for member, amount in zip(pool.members, amounts, strict=True)
        if amount is not None
    )
    destinations = (
        _remembered(one, found) if not settled or one.key in unknown else one for one in (*members, *last)
    )
    return ServiceState(virtual_service(vip, service), tuple(destinations))


def _amount(
    member: Member, state: MemberState, now: Standing, there: int | None, *, left_out: bool
) -> int | None:
    """Return a member's weight in a service, None for no place in it.

    ``there`` is the weight that it has in the kernel: ABSENT where the service lacks it, None where there is
    no service yet. ``left_out``: it has no place while it is DOWN.
    """
    if state.gone or (state.drained and there == ABSENT):
        return None
    if there == ABSENT and state.state is UNKNOWN:
        return None
    if there is not None and there != ABSENT and _open(state, now, there):
        return there if member.weight and not (now.sorry and not now.undecided) else 0
    if state.state is VerdictState.DOWN and (state.pinned or not now.panic):
        return None if left_out and not state.drained else 0
    return 0 if now.sorry else weight(member.weight, state.share)


def _open(state: MemberState, now: Standing, there: int) -> bool:
    """Say whether the verdicts have not said yet how much of its weight a member gets, if any."""
    if state.state is VerdictState.UP:
        return state.partly and there > 0
    return state.state is UNKNOWN or (now.may_panic and not state.pinned)


def _remembered(wanted: Destination, found: Mapping[DestinationKey, Destination]) -> Destination:
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


def probe_service_state(probe: ProbeService) -> ServiceState:
    """Return the private service that leads probes to one member through IPVS."""
    prefix = probe.through.vip.address.max_prefixlen
    member = replace(probe.member, weight=1, upper=0, lower=0)
    service = VirtualService(probe.key, "rr", prefix=prefix)
    return ServiceState(service, (destination(probe.service, member, 1),))
