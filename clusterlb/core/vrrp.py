"""VRRP's virtual routers: who is preferred, what FRR is told, and what its answers mean.

A VIP's lanes say it as they do with OSPF. In the active lane a director stands for election with the
priority of its place in ``order``. In the drained lane it stands with the lowest one: any other director
takes over, and where there is none, it serves on. In no lane it does not stand.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from zlib import crc32

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Director, Inventory, Vrrp
from clusterlb.model.ospf import Lane
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpDevice, VrrpRouter, VrrpState

FIRST = 200  # the first director's priority; RFC 5798 leaves 1 to 254 to routers that own no address
STEP = 10
DRAINED = 1

Place = tuple[str, int]  # an interface and a virtual router id: that of IPv4 and that of IPv6 are one to FRR
Key = tuple[Place, int]  # with the version of its addresses

_LINE = re.compile(r"(?:no )?vrrp (\d+)(?: (.+))?")


@dataclass(frozen=True, slots=True)
class Group:
    """A director's virtual router for a VIP on one interface. ``interval`` is in milliseconds.

    ``serves``: the VIP is on it; the one on a second link is a heartbeat alone.
    """

    vip: IPAddress
    interface: str
    vrid: int
    priority: int
    interval: int
    preempt: bool
    serves: bool

    def __str__(self) -> str:
        return f"virtual router {self.vrid} on {self.interface}"

    @property
    def place(self) -> Place:
        """Return what FRR knows it by."""
        return self.interface, self.vrid

    @property
    def key(self) -> Key:
        """Return what a look at vrrpd has it by."""
        return self.place, self.vip.version

    @property
    def device(self) -> VrrpDevice:
        """Return its device: FRR goes by the MAC address (RFC 5798, 7.3), the name is for people.

        The name hangs on nothing but the group itself: a device that another edit renamed would be made anew.
        """
        name = f"vrrp{self.vip.version}-{self.vrid}-{crc32(self.interface.encode()) & 0xFFFF:04x}"
        mac = f"00:00:5e:00:{1 if self.vip.version == 4 else 2:02x}:{self.vrid:02x}"
        return VrrpDevice(name, self.interface, mac, self.vip if self.serves else None)

    def line(self, words: str = "") -> FrrLine:
        """Return a line of its configuration; without words the one that makes it."""
        return FrrLine((f"interface {self.interface}",), f"vrrp {self.vrid} {words}".strip())


def groups_of(inventory: Inventory, director: Director) -> tuple[Group, ...]:
    """Return the groups of one director, in the inventory's order."""
    return tuple(
        Group(
            vip=vip.address,
            interface=name,
            vrid=vip.ha.vrid,
            priority=FIRST - STEP * vip.ha.order.index(director.name),
            interval=round(vip.ha.interval * 1000),
            preempt=vip.ha.preempt,
            serves=name == vip.ha.interfaces[0],
        )
        for vip in inventory.vips.values()
        if isinstance(vip.ha, Vrrp) and director.name in vip.ha.order
        for name in vip.ha.interfaces
    )


def standing(
    lines: Iterable[FrrLine], groups: Iterable[Group], lanes: Mapping[IPAddress, frozenset[Lane]]
) -> tuple[FrrLine, ...]:
    """Return FRR's lines with every group as its VIP's lanes have it."""
    found: dict[FrrLine, tuple[FrrLine, ...]] = {}
    for group in groups:
        on = lanes.get(group.vip, frozenset())
        if not on:
            found[group.line()] = (group.line(), group.line("shutdown"))
        elif Lane.ACTIVE not in on:
            # 100 is FRR's own default and has no line
            found[group.line()] = (group.line(), group.line(f"priority {DRAINED}"))
            found[group.line(f"priority {group.priority}")] = ()
    return tuple(each for line in lines for each in found.get(line, (line,)))


def stood(
    running: Collection[FrrLine], groups: Iterable[Group], devices: Collection[VrrpDevice]
) -> dict[IPAddress, frozenset[Lane]]:
    """Return the lanes of the VIPs for which this director stands for election now."""
    return {
        group.vip: frozenset({Lane.DRAINED if group.line(f"priority {DRAINED}") in running else Lane.ACTIVE})
        for group in groups
        if group.serves and group.device in devices
        if group.line() in running and group.line("shutdown") not in running
    }


def place_of(line: FrrLine) -> Place | None:
    """Return the group that a line is about, None when it is no line of VRRP's."""
    match = _LINE.fullmatch(line.text)
    if match is None or len(line.context) != 1 or not line.context[0].startswith("interface "):
        return None
    return line.context[0].removeprefix("interface "), int(match.group(1))


@dataclass(frozen=True, slots=True)
class Turn:
    """Lines of groups that change; ``vips``: those with which this director stands for election then."""

    add: tuple[FrrLine, ...]
    remove: tuple[FrrLine, ...]
    vips: frozenset[IPAddress]


def turns(want: Sequence[FrrLine], have: Sequence[FrrLine]) -> tuple[Turn, Turn]:
    """Part what changes of the groups: those in which this director gives way, and all others."""
    wanted, there = _by_place(want), _by_place(have)
    changed = [place for place in {**there, **wanted} if wanted.get(place) != there.get(place)]
    yields = {
        place
        for place in changed
        if place not in wanted or _weight(wanted[place]) < _weight(there.get(place, ()))
    }
    return _turn(yields, want, have), _turn(set(changed) - yields, want, have)


def _turn(places: Collection[Place], want: Sequence[FrrLine], have: Sequence[FrrLine]) -> Turn:
    there, wanted = set(have), set(want)
    mine = [line for line in want if place_of(line) in places]
    return Turn(
        tuple(line for line in mine if line not in there),
        tuple(line for line in have if place_of(line) in places and line not in wanted),
        frozenset(
            ip_address(words.split()[1])
            for place, lines in _by_place(mine).items()
            if _weight(lines)
            for words in lines
            if words.startswith(("ip ", "ipv6 "))
        ),
    )


def _by_place(lines: Iterable[FrrLine]) -> dict[Place, tuple[str, ...]]:
    """Return the words of each group's lines."""
    found: dict[Place, tuple[str, ...]] = {}
    for line in lines:
        place = place_of(line)
        if place is not None:
            _, _, words = line.text.removeprefix("no ").partition(f"vrrp {place[1]}")
            found[place] = (*found.get(place, ()), words.strip())
    return found


def _weight(words: Collection[str]) -> int:
    """Return the priority with which a group stands for election, 0 when it does not."""
    if not words or "shutdown" in words:
        return 0
    return next((int(each.split()[1]) for each in words if each.startswith("priority ")), 100)


def elected(groups: Iterable[Group], now: Mapping[Key, VrrpRouter]) -> dict[IPAddress, VrrpState]:
    """Return for each VIP what this director is to VRRP."""
    return {
        group.vip: now[group.key].state if group.key in now else VrrpState.UNKNOWN
        for group in groups
        if group.serves
    }


@dataclass(frozen=True, slots=True)
class ElectionFinding:
    """Why two directors may serve a VIP at once."""

    vip: IPAddress
    text: str


def two_masters(
    groups: Iterable[Group], now: Mapping[Key, VrrpRouter], before: Mapping[Key, VrrpRouter]
) -> Iterator[ElectionFinding]:
    """Yield what two looks at vrrpd show of another master than this director, each VIP once.

    A master hears nobody: a backup is silent (RFC 5798, 6.4). One that hears a second master for longer than
    it takes both to decide is not heard by it. One that hears a better one on its second link does not hear
    it on the first.
    """
    groups = tuple(groups)
    for group in groups:
        mine, was = now.get(group.key), before.get(group.key)
        if not group.serves or mine is None or was is None or not mine.state is was.state is VrrpState.MASTER:
            continue
        if mine.received > was.received:
            yield ElectionFinding(
                group.vip,
                f"this director is master of {group}, and another one advertises there too: it does not hear "
                "this one. Look at the multicast filters between them",
            )
            continue
        for beside in groups:
            looks = now.get(beside.key), before.get(beside.key)
            if beside.vip == group.vip and not beside.serves and _is_backup(*looks):
                yield ElectionFinding(
                    group.vip,
                    f"this director is master of {group}, where it hears nobody, and a better one lives on "
                    f"{beside.interface}: both may serve. Look at the way between their {group.interface}",
                )


def thin(groups: Sequence[Group], links: Mapping[str, tuple[int, int] | None]) -> Iterator[str]:
    """Yield which VIPs' heartbeats go over one cable alone: when it is cut, both directors serve.

    ``links`` has for each interface how many of its bonded links have carrier, of how many; None: it is no
    bond.
    """
    for group in groups:
        if not group.serves or any(one.vip == group.vip and not one.serves for one in groups):
            continue
        bond = links.get(group.interface)
        if bond is None:
            yield (
                f"{group.vip}: VRRP's heartbeat goes over {group.interface} alone. Make it a bond of two, "
                "or name a second one in `interfaces`"
            )
        elif bond[0] < 2:
            yield (
                f"{group.vip}: VRRP's heartbeat goes over one link alone: {bond[0]} of {bond[1]} links of "
                f"{group.interface} have carrier"
            )


def _is_backup(*looks: VrrpRouter | None) -> bool:
    return all(look is not None and look.state is VrrpState.BACKUP for look in looks)
