"""What the kernel's IPVS table and settings should hold for an inventory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from clusterlb.core.marks import Way, uses_vip
from clusterlb.core.member import MemberState
from clusterlb.core.quorum import Standing
from clusterlb.core.weight import weight
from clusterlb.model.check import VerdictState
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Inventory, OnDown, Pool, Service, Sorry, Vip
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


def virtual_service(vip: Vip, service: Service) -> VirtualService:
    """Return the kernel's virtual service for one service of a VIP."""
    flags = ServiceFlag.NONE
    for name in service.flags:
        flags |= FLAG[name]
    if service.persistence:
        flags |= ServiceFlag.PERSISTENT
    return VirtualService(
        key=service.key(vip.address),
        scheduler=service.scheduler,
        flags=flags,
        timeout=int(service.persistence),
        prefix=vip.address.max_prefixlen,
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
) -> ServiceState:
    """Return a service with its destinations, in the one order that every director uses.

    A member that is DOWN has weight 0 and stays, so the mh table keeps its shape and its flows their
    entries. An UNKNOWN member keeps what the kernel has: weight 0 if it stood at 0, else its own. ``now`` is
    how the pool stands, None for a pool that serves as usual; the sorry server is there while it is needed,
    and at weight 0 until it is among the ``idle``, the destinations without connections.
    """
    there = {d.key: d.weight for d in have.destinations} if have else {}
    sorry, panic = (now.sorry, now.panic) if now else (False, False)
    method = METHOD[service.forwarding]
    destinations = []
    for member, state in zip(pool.members, states, strict=True):
        key = DestinationKey(member.address, member.port)
        out = state.state is VerdictState.DOWN and not (panic and not state.pinned)
        if state.gone or (out and not state.drained and pool.on_down is OnDown.REMOVE):
            continue
        out = out or sorry or (state.state is VerdictState.UNKNOWN and there.get(key) == 0)
        amount = 0 if out else weight(member.weight, state.share)
        destinations.append(Destination(key, method, amount, nominal=max(member.weight, 1)))
    if pool.sorry is not None:
        destinations += _sorry(pool.sorry, method, sorry, there, idle)
    return ServiceState(virtual_service(vip, service), tuple(destinations))


def _sorry(
    sorry: Sorry,
    method: ForwardMethod,
    needed: bool,
    there: Mapping[DestinationKey, int],
    idle: Collection[DestinationKey],
) -> Iterator[Destination]:
    """Yield the member of last resort's destination while it is needed or has connections.

    Before it is needed it is not in the table at all: mh would give it buckets (ip_vs_mh.c).
    """
    key = DestinationKey(sorry.address, sorry.port)
    if needed or (key in there and (there[key] or key not in idle)):
        yield Destination(
            key, METHOD[sorry.forwarding] if sorry.forwarding else method, int(needed), nominal=1
        )


def way_state(way: Way) -> ServiceState:
    """Return the private service that leads probes to one member through IPVS."""
    destination = Destination(
        DestinationKey(way.member.address, way.member.port), METHOD[way.service.forwarding], 1, nominal=1
    )
    prefix = way.through.vip.address.max_prefixlen
    return ServiceState(VirtualService(way.key, "rr", prefix=prefix), (destination,))


def sysctls(inventory: Inventory) -> dict[str, str]:
    """Return the kernel settings that the inventory's services need, and no others.

    A hashing scheduler sends a flow to the same member from every director, so a director must accept
    a flow that it has not seen begin (sloppy_tcp, sloppy_sctp: ip_vs_proto_tcp.c) and place an ICMP error
    for it (schedule_icmp: ip_vs_core.c). Masquerading forwards the replies. A probe through
    the VIP is answered from the VIP, an address of this host: accept_local lets such a packet in
    (fib_validate_source() in net/ipv4/fib_frontend.c).
    """
    wanted: dict[str, str] = {}
    for vip in inventory.vips.values():
        for service in vip.services:
            if service.scheduler in HASHING:
                wanted["net/ipv4/vs/schedule_icmp"] = "1"
                if service.protocol is Protocol.SCTP:
                    wanted["net/ipv4/vs/sloppy_sctp"] = "1"
                elif service.protocol is Protocol.TCP:
                    wanted["net/ipv4/vs/sloppy_tcp"] = "1"
            if service.forwarding is Forwarding.NAT:
                six = vip.address.version == 6
                wanted["net/ipv6/conf/all/forwarding" if six else "net/ipv4/ip_forward"] = "1"
            elif vip.address.version == 4 and uses_vip(inventory.pools[service.pool]):
                wanted["net/ipv4/conf/all/accept_local"] = "1"
    return wanted
