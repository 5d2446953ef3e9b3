"""Director states as an inventory and its history may make them."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import strategies as st

from clusterlb.core.vrrp import Group
from clusterlb.core.vrrp import standing as standing_lines
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)
from clusterlb.model.ospf import Lane
from clusterlb.model.state import DirectorState, FrrLine

VIPS = [ip_address(f"10.100.0.{n}") for n in range(1, 4)]
MEMBERS = [DestinationKey(ip_address(f"10.2.0.{n}"), 80) for n in range(1, 6)]
GROUPS = [Group(vip, "e0", number, 200, 200, preempt=True, serves=True) for number, vip in enumerate(VIPS, 1)]
LINES = [FrrLine(("router ospf",), f"line {n}") for n in range(4)]


@st.composite
def services(draw, vip):
    port = draw(st.sampled_from([80, 443]))
    key = ServiceKey(AddressFamily.IPV4, Protocol.TCP, vip, port)
    scheduler = draw(st.sampled_from(["mh", "rr", "sh"]))
    flags = draw(st.sampled_from([ServiceFlag.NONE, ServiceFlag.SCHED1, ServiceFlag.SCHED2]))
    members = draw(st.lists(st.sampled_from(MEMBERS), unique=True, max_size=5))
    weights = draw(st.lists(st.integers(0, 2), min_size=len(members), max_size=len(members)))
    destinations = tuple(
        Destination(member, ForwardMethod.ROUTE, weight)
        for member, weight in zip(members, weights, strict=True)
    )
    return ServiceState(VirtualService(key, scheduler, flags), destinations)


@st.composite
def states(draw):
    """States that are safe to be in: what is announced has a service, a local route and its lane."""
    vips = draw(st.lists(st.sampled_from(VIPS), unique=True))
    made = [draw(services(vip)) for vip in vips]
    standing = bool(vips) or draw(st.booleans())
    announced = {vip: draw(lanes()) for vip in vips}
    return DirectorState(
        sysctls={"net/ipv4/vs/sloppy_tcp": "1" if standing else "0"},
        services={state.service.key: state for state in made},
        local_routes=frozenset(vips),
        lanes=frozenset(Lane) if standing else frozenset(),
        frr=(*draw(st.lists(st.sampled_from(LINES), unique=True)), *draw(routers(vips))) if standing else (),
        devices=frozenset(group.device for group in GROUPS),
        announced={vip: on for vip, on in announced.items() if on},
    )


@st.composite
def routers(draw, vips):
    """FRR's lines of virtual routers; one stands for election only for a VIP that is served."""
    shown = draw(st.lists(st.sampled_from(GROUPS), unique=True))
    on = {group.vip: draw(lanes()) if group.vip in vips else frozenset() for group in shown}
    made = [line for g in shown for line in (g.line(), g.line("priority 200"), g.line(f"ip {g.vip}"))]
    return standing_lines(made, shown, on)


def lanes():
    return st.sampled_from([frozenset(), frozenset({Lane.ACTIVE}), frozenset({Lane.DRAINED})])
