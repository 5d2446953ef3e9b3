"""The lab's namespaces, links, addresses and sysctls, made by few processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from clusterlb.lab.netns import HANDLES, LabError, inside, run
from clusterlb.lab.topology import (
    CLIENT,
    CLIENT_NET,
    CLIENT_NUMBERS,
    CORE,
    CORE_NUMBER,
    INSIDE,
    LINK_LOCAL,
    SERVER_NET,
    SWITCH,
    SWITCH_NUMBER,
    UPLINK,
    UPLINK_NET,
    DirectorHost,
    LabTopology,
    Net,
    digits,
)
from clusterlb.model.address import IPAddress

UPLINK_BRIDGE, SERVER_BRIDGE, CLIENT_PORT = "net-a", "net-b", "c0"
_ON_CLIENT = 1  # the switch's number on the client's link

# with DR, packets arrive on one interface and the replies leave by another
_ASYMMETRIC = {"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/default/rp_filter": "0"}
_ROUTER = {
    **_ASYMMETRIC,
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}
# no duplicate address detection: addresses are unique, and usable at once
_IPV6 = {"net/ipv6/conf/default/accept_ra": "0", "net/ipv6/conf/default/accept_dad": "0"}
# Hash by addresses, protocol and ports of the packet, as a switch does (0x37, ip-sysctl.rst). Policy 1 would
# use the sender socket's hash, which a veth passes on and which changes with every retransmission.
_SPREADS = {
    "net/ipv4/fib_multipath_hash_policy": "3",
    "net/ipv4/fib_multipath_hash_fields": str(0x37),
}
_SPREADS6 = {
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv6/fib_multipath_hash_policy": "3",
    "net/ipv6/fib_multipath_hash_fields": str(0x37),
}


def build(lab: LabTopology, *, bare: bool) -> None:
    """Make the network; raise LabError when a name is taken or the kernel refuses.

    ``bare``: the directors run without clusterlb, which would set a router's sysctls.
    """
    taken = [name for name in lab.names if (HANDLES / name).exists()]
    if taken:
        raise LabError(
            f"network namespaces exist already that no lab has made: {', '.join(taken)}; "
            f"remove it (ip netns delete {taken[0]}) or run the lab elsewhere"
        )
    _batch([f"netns add {name}" for name in lab.names])
    # before the links, which inherit these sysctls
    for name in lab.names:
        _write(name, settings(lab, name, bare=bare))
    _batch(links(lab))
    for name in lab.names:
        _batch(addresses(lab, name), name)


def remove(lab: LabTopology) -> None:
    """Delete the namespaces, and with them their links."""
    if made := [name for name in lab.names if (HANDLES / name).exists()]:
        _batch([f"netns delete {name}" for name in made])


def links(lab: LabTopology) -> list[str]:
    """Return the commands that connect the namespaces."""
    lines = [_veth(CLIENT, UPLINK, CLIENT_PORT)]
    for director in lab.directors:
        lines.append(_veth(director.name, UPLINK, director.port))
        lines.append(_veth(director.name, INSIDE, director.inside_port))
    inner = [CORE] if lab.core else []
    return lines + [_veth(name, UPLINK, f"b-{name}") for name in (*inner, *(s.name for s in lab.servers))]


def addresses(lab: LabTopology, name: str) -> list[str]:
    """Return the commands that set up one namespace."""
    lines = ["link set lo up"]
    if name == SWITCH:
        return lines + _switch(lab)
    if name == CORE:
        return lines + _up(lab, UPLINK, CORE_NUMBER, SERVER_NET.host(CORE_NUMBER, lab.dual))
    if name == CLIENT:
        lines += _up(lab, UPLINK, CLIENT_NUMBERS[0], lab.clients)
        return lines + _default(lab, CLIENT_NET, _ON_CLIENT)
    if any(name == director.name for director in lab.directors):
        return lines + _director(lab, lab.director(name))
    server = lab.server(name)
    lines += _up(lab, UPLINK, server.number, server.addresses)
    return lines + _default(lab, SERVER_NET, CORE_NUMBER if lab.core else SWITCH_NUMBER)


def settings(lab: LabTopology, name: str, *, bare: bool) -> Mapping[str, str]:
    """Return the sysctls of one namespace, by their path under /proc/sys.

    A real server's set-up script sets those of the server, and clusterlb a director's unless it is ``bare``.
    """
    wanted = dict(_IPV6) if lab.dual else {}
    if name in lab.routers:
        wanted |= {**_ROUTER, **_SPREADS, **(_SPREADS6 if lab.dual else {})}
    elif name == CLIENT:
        wanted |= {**_ASYMMETRIC, "net/ipv4/ip_local_port_range": "10240 65000"}
    elif bare and any(name == director.name for director in lab.directors):
        wanted |= _ROUTER
    return wanted


def set_port(director_port: str, up: bool) -> None:
    """Plug or unplug a director's link at the switch."""
    run(["ip", "-n", SWITCH, "link", "set", director_port, "up" if up else "down"])


def _veth(name: str, device: str, port: str) -> str:
    return f"link add {device} netns {name} type veth peer name {port} netns {SWITCH}"


def _switch(lab: LabTopology) -> list[str]:
    lines = [f"link add {bridge} type bridge" for bridge in (UPLINK_BRIDGE, SERVER_BRIDGE)]
    for director in lab.directors:
        # isolated: directors reach only the switch, as behind routed ports
        lines += [
            f"link set {director.port} master {UPLINK_BRIDGE} up",
            f"link set {director.port} type bridge_slave isolated on",
            f"link set {director.inside_port} master {SERVER_BRIDGE} up",
        ]
    inner = [CORE] if lab.core else []
    lines += [
        f"link set b-{name} master {SERVER_BRIDGE} up" for name in (*inner, *(s.name for s in lab.servers))
    ]
    lines += _up(lab, UPLINK_BRIDGE, SWITCH_NUMBER, UPLINK_NET.host(SWITCH_NUMBER, lab.dual))
    on_servers = () if lab.core else SERVER_NET.host(SWITCH_NUMBER, lab.dual)
    lines += _up(lab, SERVER_BRIDGE, SWITCH_NUMBER, on_servers)
    return lines + _up(lab, CLIENT_PORT, _ON_CLIENT, CLIENT_NET.host(_ON_CLIENT, lab.dual))


def _director(lab: LabTopology, director: DirectorHost) -> list[str]:
    on_uplink = [address for address in director.sources if UPLINK_NET.number(address) is not None]
    others = [address for address in director.sources if address not in on_uplink]
    return [
        *_up(lab, UPLINK, director.number, (*director.uplink, *on_uplink)),
        *_up(lab, INSIDE, director.number, (*director.inside, *others)),
        *_default(lab, UPLINK_NET, SWITCH_NUMBER),
    ]


def _up(lab: LabTopology, device: str, number: int, given: Iterable[IPAddress]) -> list[str]:
    """Return the commands that give a device its addresses and set it up.

    The link-local address ends in the host's number, so that an IPv6 next hop identifies the host.
    """
    lines = [f"link set {device} addrgenmode none"] if lab.dual else []
    lines += [f"address add {address}/{24 if address.version == 4 else 64} dev {device}" for address in given]
    if lab.dual:
        lines.append(f"address add {digits(LINK_LOCAL, number)}/64 dev {device}")
    return [*lines, f"link set {device} up"]


def _default(lab: LabTopology, net: Net, number: int) -> list[str]:
    return [f"route add default via {address}" for address in net.host(number, lab.dual)]


def _write(name: str, values: Mapping[str, str]) -> None:
    with inside(name):
        for key, value in values.items():
            Path("/proc/sys", key).write_text(value, encoding="ascii")


def _batch(lines: list[str], name: str | None = None) -> None:
    where = [] if name is None else ["-n", name]
    run(["ip", *where, "-batch", "-"], "\n".join(lines) + "\n")
