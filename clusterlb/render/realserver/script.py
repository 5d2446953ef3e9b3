"""The shell script that sets a real server up, checks it, and takes all of it away again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory
from clusterlb.model.marks import CLUSTERLB_PROTO
from clusterlb.render.realserver.needs import Needs, needs_of
from clusterlb.render.templates import environment, fill

_OWN, _NUMBER = "$own", "$n"  # what the script knows when it runs: the host's own address, a device's number


@dataclass(frozen=True, slots=True)
class _Part:
    why: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Arm:
    """Members that need the same, and what it is."""

    addresses: list[str]
    parts: tuple[_Part, ...]


def realserver_script(inventory: Inventory, addresses: Iterable[IPAddress]) -> str:
    """Return a POSIX shell script for every host that has one or more of these members' addresses.

    Raises RealServerError.
    """
    arms: dict[tuple[_Part, ...], list[str]] = {}
    for address in dict.fromkeys(addresses):
        arms.setdefault(_parts(needs_of(inventory, address, _NUMBER)), []).append(str(address))
    return fill(
        environment(),
        "realserver/sh.j2",
        cluster=inventory.cluster.name,
        arms=[_Arm(members, parts) for parts, members in arms.items()],
        protocol=CLUSTERLB_PROTO,
    )


def _parts(needs: Needs) -> tuple[_Part, ...]:
    """Return the calls of ``want`` and ``clamp``, in the order in which they are carried out."""
    parts = (
        _Part("neither answer ARP for a VIP nor ask in its name", _settings(needs.quiet)),
        _Part("unpack what directors send", _unpack(needs)),
        _Part("rp_filter 2: decapsulated packets arrive on the tunnel device", _settings(needs.loose)),
        _Part("take packets to the VIPs", tuple(f"want address {place}" for place in needs.places)),
        _Part("spread replies by flow, over the directors that answer", _settings(needs.spread)),
        _Part("send replies through the directors", _route(needs)),
        _Part("have clients send segments that fit the tunnel", _clamps(needs)),
    )
    return tuple(part for part in parts if part.lines) or (
        _Part("nothing: no service has it, or full NAT", ()),
    )


def _settings(settings: dict[str, str]) -> tuple[str, ...]:
    return tuple(f"want sysctl {key} {value}" for key, value in settings.items())


def _unpack(needs: Needs) -> tuple[str, ...]:
    links = (
        f"want link {name} {kind} {_OWN}{' icsum' if checksum else ''}"
        for name, kind, checksum in needs.receivers
    )
    ports = (f"want fou {port}{' -6' if version == 6 else ''}" for port, version in needs.listeners)
    return (*links, *ports)


def _route(needs: Needs) -> tuple[str, ...]:
    if not needs.gateways:
        return ()
    return (f"want route {needs.default} {' '.join(map(str, needs.gateways))}",)


def _clamps(needs: Needs) -> tuple[str, ...]:
    return tuple(f"clamp {clamp}" for clamp in needs.clamps)
