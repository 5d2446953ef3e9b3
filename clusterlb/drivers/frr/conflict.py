"""Foreign lines that conflict with ours, found before FRR is changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from ipaddress import IPv4Address

from clusterlb.drivers.frr.contexts import slot
from clusterlb.drivers.frr.refusal import words
from clusterlb.model.ospf import Lane
from clusterlb.model.state import FrrLine

_OSPF: tuple[tuple[str, ...], ...] = (("router ospf",), ("router ospf6",))
# FRR has one of each: ours would replace the operator's, and the operator's routes would be withdrawn
_ONE_OF_A_KIND = {"redistribute kernel", "default-information originate"}
_TYPES = ("stub", "nssa")
_LANES = frozenset(f"interface {lane.interface}" for lane in Lane)


def obstacles_to(
    running: Sequence[FrrLine], add: Collection[FrrLine], remove: Collection[FrrLine]
) -> tuple[str, ...]:
    """Return one message, with advice, for each running foreign line that conflicts with a line of ``add``.

    FRR refuses ``ip ospf area`` beside ``network`` (ospfd/ospf_vty.c). FRR accepts the other conflicting
    lines, with damage: an area's type ends the adjacencies of every interface in the area, because the E-bit
    of both hellos must be the same (RFC 2328, 10.5).
    """
    foreign = [line for line in running if line not in add and line not in remove]
    coming = [line for line in add if line not in running]
    return (*_networks(foreign, coming), *_types(foreign, coming), *_replaced(foreign, coming))


def _networks(foreign: Iterable[FrrLine], coming: Iterable[FrrLine]) -> Iterator[str]:
    if not any(line.text.startswith("ip ospf area ") for line in coming):
        return
    for line in foreign:
        if line.context == ("router ospf",) and line.text.startswith("network "):
            _, network, _, area, *_ = line.text.split()
            yield (
                f"`{words(line)}` conflicts with `ip ospf area`: ospfd allows only one of the two forms. "
                f"Write `ip ospf area {area}` on the interfaces of {network} in its place"
            )


def _types(foreign: Sequence[FrrLine], coming: Iterable[FrrLine]) -> Iterator[str]:
    for line in coming:
        area = _typed(line)
        if area is None:
            continue
        ip = "ipv6 ospf6" if line.context == ("router ospf6",) else "ip ospf"
        theirs = sorted(_in_area(foreign, ip, area))
        if theirs:
            yield (
                f"`{words(line)}` would end the adjacencies on {', '.join(theirs)}, in the same area and not "
                "clusterlb's. Give the uplinks an area of their own (`area`), or set the area's type "
                "yourself, on every router in it"
            )


def _typed(line: FrrLine) -> IPv4Address | None:
    """Return the area of a line that sets an area's type; None for other lines."""
    parts = line.text.split()
    known = line.context in _OSPF and len(parts) > 2 and parts[0] == "area" and parts[2] in _TYPES
    return _area(parts[1]) if known else None


def _area(text: str) -> IPv4Address:
    return IPv4Address(int(text)) if text.isdigit() else IPv4Address(text)


def _in_area(foreign: Iterable[FrrLine], ip: str, area: IPv4Address) -> Iterator[str]:
    """Yield the foreign interfaces with OSPF in an area: ours are lanes, or have ``no ip ospf passive``."""
    foreign = tuple(foreign)
    for line in foreign:
        if line.text.startswith(f"{ip} area ") and _area(line.text.split()[3]) == area:
            ours = FrrLine(line.context, "no ip ospf passive") in foreign or line.context[0] in _LANES
            silent = FrrLine(line.context, f"{ip} passive") in foreign
            if not ours and not silent:
                yield line.context[0].removeprefix("interface ")


def _replaced(foreign: Iterable[FrrLine], coming: Iterable[FrrLine]) -> Iterator[str]:
    new = {(line.context, slot(line.text)): line for line in coming if line.context in _OSPF}
    for line in foreign:
        ours = new.get((line.context, slot(line.text)))
        if ours and slot(line.text) in _ONE_OF_A_KIND:
            yield (
                f"`{words(line)}` conflicts with `{ours.text}`: FRR has one such line, and the routes that "
                "yours announces would be withdrawn. Announce them with another line (`redistribute static`, "
                "`ip ospf area`), and remove that line"
            )
