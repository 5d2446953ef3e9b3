"""What the kernel's IPVS table and settings should hold for an inventory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clusterlb.model.health import ProbeKey, Verdict, VerdictState
from clusterlb.model.inventory import Forwarding, Inventory, Pool, Service, Vip
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


def member_states(pool: Pool, verdicts: Mapping[ProbeKey, Verdict]) -> tuple[VerdictState, ...]:
    """Return each member's state, in the pool's order; a pool without a check is taken to be UP."""
    check = pool.check
    if check is None:
        return (VerdictState.UP,) * len(pool.members)
    found = (verdicts.get(ProbeKey(member.endpoint, check)) for member in pool.members)
    return tuple(verdict.state if verdict else VerdictState.UNKNOWN for verdict in found)


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
    vip: Vip, service: Service, pool: Pool, states: Sequence[VerdictState], have: ServiceState | None
) -> ServiceState:
    """Return a service with its destinations, in the one order that every director uses.

    A member that is DOWN has weight 0 and stays, so the mh table keeps its shape and its flows their
    entries. An UNKNOWN member keeps what the kernel has: weight 0 if it stood at 0, else its own.
    """
    stood_at_zero = {d.key for d in have.destinations if d.weight == 0} if have else frozenset()
    method = METHOD[service.forwarding]
    destinations = []
    for member, state in zip(pool.members, states, strict=True):
        key = DestinationKey(member.address, member.port)
        out = state is VerdictState.DOWN or (state is VerdictState.UNKNOWN and key in stood_at_zero)
        destinations.append(
            Destination(key, method, 0 if out else member.weight, nominal=max(member.weight, 1))
        )
    return ServiceState(virtual_service(vip, service), tuple(destinations))


def sysctls(inventory: Inventory) -> dict[str, str]:
    """Return the kernel settings that the inventory's services need, and no others.

    A hashing scheduler sends a flow to the same member from every director, so a director must accept
    a flow that it has not seen begin (sloppy_tcp, sloppy_sctp: ip_vs_proto_tcp.c) and place an ICMP error
    for it (schedule_icmp: ip_vs_core.c). Masquerading forwards the replies.
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
    return wanted
