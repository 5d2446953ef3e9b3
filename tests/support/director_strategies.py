"""Director states as an inventory and its history may make them."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address

from hypothesis import strategies as st

from clusterlb.core.vrrp import Group
from clusterlb.core.vrrp import standing as standing_lines
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)
from clusterlb.model.ospf import Lane
from clusterlb.model.rules import NO_RULES, Element, NamedSet, Rules
from clusterlb.model.snat import Peer
from clusterlb.model.state import DirectorState, FrrLine

VIPS: list[IPAddress] = [ip_address(f"10.100.0.{n}") for n in range(1, 4)]
MARKS = {vip: 0x44000000 + number for number, vip in enumerate(VIPS, 1)}
MEMBERS = [DestinationKey(ip_address(f"10.2.0.{n}"), 80) for n in range(1, 6)]
GROUPS = [Group(vip, "e0", number, 200, 200, preempt=True, serves=True) for number, vip in enumerate(VIPS, 1)]
LINES = [FrrLine(("router ospf",), f"line {n}") for n in range(4)]
GATEWAY = FrrLine(("router ospf",), "default-information originate always metric 10 metric-type 1")
# of each other director's mark, the addresses that it has and had
WAYS = {
    0x45000000 + number: [ip_address(text) for text in (f"10.2.0.{number}", f"10.2.1.{number}")]
    for number in (11, 12)
}
WAYS6 = {mark: [ip_address(f"fd00:2::{mark & 0xFF}")] for mark in WAYS}
SECONDS = st.sampled_from([60, 900])


@st.composite
def destinations(draw: st.DrawFn) -> tuple[Destination, ...]:
    members = draw(st.lists(st.sampled_from(MEMBERS), unique=True, max_size=5))
    weights = draw(st.lists(st.integers(0, 2), min_size=len(members), max_size=len(members)))
    return tuple(
        Destination(member, ForwardMethod.ROUTE, weight)
        for member, weight in zip(members, weights, strict=True)
    )


@st.composite
def services(draw: st.DrawFn, vip: IPAddress) -> ServiceState:
    """Return a VIP's service, under its address or under its firewall mark."""
    port = draw(st.sampled_from([80, 443]))
    key = ServiceKey(AddressFamily.IPV4, Protocol.TCP, vip, port)
    if draw(st.booleans()):
        key = ServiceKey(AddressFamily.IPV4, Protocol.NONE, None, 0, MARKS[vip])
    scheduler = draw(st.sampled_from(["mh", "rr", "sh"]))
    flags = draw(st.sampled_from([ServiceFlag.NONE, ServiceFlag.SCHED1, ServiceFlag.SCHED2]))
    return ServiceState(VirtualService(key, scheduler, flags), draw(destinations()))


@st.composite
def states(draw: st.DrawFn) -> DirectorState:
    """States that are safe to be in: what is announced has a service, a local route and its lane.

    A service with a firewall mark has the packets marked; a map leads to peers that there are; a director
    that is the default route translates.
    """
    vips = draw(st.lists(st.sampled_from(VIPS), unique=True))
    made = [draw(services(vip)) for vip in vips]
    standing = bool(vips) or draw(st.booleans())
    announced = {vip: draw(lanes()) for vip in vips}
    there = frozenset(lane for on in announced.values() for lane in on)
    ways = draw(peers())
    marked = [vip for vip, state in zip(vips, made, strict=True) if state.service.key.fwmark]
    table = draw(tables(vips, marked, ways)) if standing else NO_RULES
    shown = draw(st.lists(st.sampled_from(GROUPS), unique=True)) if standing else []
    spare = draw(st.lists(st.sampled_from(GROUPS), unique=True))
    gateway = "snat_current" in table.sets and draw(st.booleans())
    return DirectorState(
        sysctls={"net/ipv4/vs/sloppy_tcp": "1" if standing else "0"},
        services={state.service.key: state for state in made},
        local_routes=frozenset(vips),
        lanes=there | draw(st.sampled_from([frozenset(), frozenset(Lane)])),
        frr=(
            *draw(st.lists(st.sampled_from(LINES), unique=True)),
            *([GATEWAY] if gateway else []),
            *draw(routers(shown, vips)),
        )
        if standing
        else (),
        devices=frozenset(group.device for group in (*shown, *spare)),
        announced={vip: on for vip, on in announced.items() if on},
        rules=table,
        timeouts=ProtocolTimeouts(draw(SECONDS), draw(SECONDS), draw(SECONDS)),
        peers=ways,
    )


@st.composite
def peers(draw: st.DrawFn) -> frozenset[Peer]:
    """Return ways to some directors, one for each mark and family."""
    found = set()
    for addresses in (WAYS, WAYS6):
        for mark in draw(st.sets(st.sampled_from(sorted(addresses)))):
            found.add(Peer(mark, draw(st.sampled_from(addresses[mark]))))
    return frozenset(found)


@st.composite
def tables(
    draw: st.DrawFn, vips: Collection[IPAddress], marked: Collection[IPAddress], ways: Collection[Peer]
) -> Rules:
    """Return a table that guards VIPs, marks the packets of some, and may lead flows to their owners."""
    sets = {"vips4": NamedSet("ipv4_addr", elements={(str(vip),): "" for vip in vips})}
    used = ["ip saddr @vips4 drop"]
    if marked:
        elements: dict[Element, str] = {(str(vip),): f"{MARKS[vip]:#010x}" for vip in marked}
        sets["marks4"] = NamedSet("ipv4_addr", "mark", elements=elements)
        used.append("meta mark set ip daddr map @marks4")
    if draw(st.booleans()):
        owners: dict[Element, str] = {}
        for family, version in (("2", 4), ("10", 6)):
            leading = sorted(f"{peer.mark:#010x}" for peer in ways if peer.address.version == version)
            for bucket in draw(st.sets(st.integers(0, 3))) if leading else ():
                owners[family, str(bucket)] = draw(st.sampled_from(leading))
        kind = "typeof meta nfproto . symhash mod 256"
        sets["snat_current"] = NamedSet(kind, "meta mark", elements=owners)
        used.append("meta mark set meta nfproto . symhash mod 256 map @snat_current")
    return Rules("  chain c {\n" + "".join(f"    {rule}\n" for rule in used) + "  }\n", sets)


@st.composite
def routers(draw: st.DrawFn, shown: Collection[Group], vips: Collection[IPAddress]) -> tuple[FrrLine, ...]:
    """FRR's lines of virtual routers; one stands for election only for a VIP that is served."""
    on = {group.vip: draw(lanes()) if group.vip in vips else frozenset() for group in shown}
    made = [line for g in shown for line in (g.line(), g.line("priority 200"), g.line(f"ip {g.vip}"))]
    return standing_lines(made, shown, on)


def lanes() -> st.SearchStrategy[frozenset[Lane]]:
    return st.sampled_from([frozenset(), frozenset({Lane.ACTIVE}), frozenset({Lane.DRAINED})])


def serves(state: DirectorState, vip: IPAddress) -> bool:
    """Say whether a packet to a VIP finds a service: under the mark that it gets, or under its address."""
    marks = state.rules.sets.get("marks4", NamedSet("ipv4_addr")).elements
    mark = int(marks.get((str(vip),), "0"), 16)
    return any(key.address == vip or (mark and key.fwmark == mark) for key in state.services)
