"""A real server's configuration: a shell script for every host, or text for what configures the host."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain

from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory
from clusterlb.model.marks import CLUSTERLB_PROTO
from clusterlb.render.realserver.host import Host, host_of
from clusterlb.render.realserver.needs import Needs, RealServerError, needs_of
from clusterlb.render.templates import fill

INTERFACE = "INTERFACE"  # a placeholder for the operator to replace; no host has such an interface
_OWN, _NUMBER = "$own", "$n"  # shell variables of the script: the host's address, a device's number


class Format(Enum):
    """The format of the text."""

    SH = "sh"
    NETWORKD = "networkd"
    IFUPDOWN = "ifupdown"
    ANSIBLE = "ansible"


@dataclass(frozen=True, slots=True)
class _Part:
    why: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Arm:
    """Members with the same needs, and the script's lines for them."""

    addresses: list[str]
    parts: tuple[_Part, ...]


def render_realserver(
    inventory: Inventory, hosts: Iterable[Sequence[IPAddress]], form: Format, interface: str = INTERFACE
) -> str:
    """Return the text for these hosts, each given by its members' addresses.

    ``sh`` and ``ansible`` have one script for all hosts, ``networkd`` and ``ifupdown`` a part for each host,
    with default routes by ``interface``. Raises RealServerError, also when a format cannot express a need.
    """
    wanted = list(hosts)
    members = list(dict.fromkeys(chain.from_iterable(wanted)))
    script = realserver_script(inventory, members)
    if form is Format.SH:
        return script
    cluster = inventory.cluster.name
    if form is Format.ANSIBLE:
        unit = fill("realserver/unit.j2", cluster=cluster)
        return fill("realserver/ansible.j2", cluster=cluster, members=members, script=script, unit=unit)
    found = [host_of(inventory, addresses) for addresses in wanted]
    if form is Format.NETWORKD:
        for host in found:
            _check_networkd(host)
    template = f"realserver/{form.value}.j2"
    return fill(template, cluster=cluster, hosts=found, interface=interface, protocol=CLUSTERLB_PROTO)


def needs_interface(inventory: Inventory, hosts: Iterable[Sequence[IPAddress]], form: Format) -> bool:
    """Say whether the text names the interface towards the directors. Raises RealServerError."""
    return form in (Format.NETWORKD, Format.IFUPDOWN) and any(
        host_of(inventory, addresses).routed for addresses in hosts
    )


def _check_networkd(host: Host) -> None:
    """Refuse needs that systemd-networkd cannot express (systemd.netdev(5); fou-tunnel.c: AF_INET only)."""
    if any(receiver.checksum for receiver, _ in host.receivers):
        raise RealServerError(
            f"{host.names}: systemd-networkd cannot set up GRE with a checksum; take --format sh or ansible"
        )
    if any(listener.version == 6 for listener in host.listeners):
        raise RealServerError(
            f"{host.names}: systemd-networkd cannot set up GUE over IPv6; take --format sh or ansible"
        )


def realserver_script(inventory: Inventory, addresses: Iterable[IPAddress]) -> str:
    """Return a POSIX shell script for every host that has one or more of these members' addresses.

    Raises RealServerError.
    """
    arms: dict[tuple[_Part, ...], list[str]] = {}
    for address in dict.fromkeys(addresses):
        arms.setdefault(_parts(needs_of(inventory, address, _NUMBER)), []).append(str(address))
    return fill(
        "realserver/sh.j2",
        cluster=inventory.cluster.name,
        arms=[_Arm(members, parts) for parts, members in arms.items()],
        protocol=CLUSTERLB_PROTO,
    )


def _parts(needs: Needs) -> tuple[_Part, ...]:
    """Return the script's calls of ``want`` and ``clamp``, in order."""
    parts = (
        _Part("answer no ARP for a VIP, and send none from a VIP", _settings(needs.quiet)),
        _Part("decapsulate the packets of the directors' tunnels", _unpack(needs)),
        _Part("rp_filter 2: decapsulated packets arrive on the tunnel device", _settings(needs.loose)),
        _Part("accept packets to the VIPs", tuple(f"want address {place}" for place in needs.places)),
        _Part("spread replies by flow over the reachable directors", _settings(needs.spread)),
        _Part("send replies through the directors", _route(needs)),
        _Part("limit the clients' segments to a size that fits the tunnel", _clamps(needs)),
    )
    return tuple(part for part in parts if part.lines) or (
        _Part("nothing: no service uses this member, or only by full NAT", ()),
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
