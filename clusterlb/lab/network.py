"""The lab's namespaces, links, addresses and kernel settings, made by few processes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from clusterlb.lab.netns import HANDLES, LabError, inside, run
from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import (
    CLIENT,
    CLIENTS,
    SWITCH,
    SWITCH_ON_CLIENT,
    SWITCH_ON_SERVERS,
    SWITCH_ON_UPLINK,
    Topology,
)

UPLINK_BRIDGE, SERVER_BRIDGE, CLIENT_PORT = "net-a", "net-b", "c0"

# packets come in on one interface and their answers leave by another: that is how DR works
_ASYMMETRIC = {"net/ipv4/conf/all/rp_filter": "0", "net/ipv4/conf/default/rp_filter": "0"}
_ROUTER = {
    **_ASYMMETRIC,
    "net/ipv4/ip_forward": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
}


def build(spec: LabSpec, lab: Topology) -> None:
    """Make all of it; raise LabError when a name is taken or the kernel refuses."""
    taken = [name for name in lab.names if (HANDLES / name).exists()]
    if taken:
        raise LabError(
            f"there is a network namespace {', '.join(taken)} already, and not of a lab's making: "
            f"remove it (ip netns delete {taken[0]}) or run the lab elsewhere"
        )
    _batch([f"netns add {name}" for name in lab.names])
    # before the links are there, so that they inherit the settings
    for name in lab.names:
        _write(name, _settings(lab, name))
    _batch(links(lab))
    for name in lab.names:
        _batch(addresses(spec, lab, name), name)


def remove(lab: Topology) -> None:
    """Delete the namespaces; their links go with them."""
    there = [name for name in lab.names if (HANDLES / name).exists()]
    if there:
        _batch([f"netns delete {name}" for name in there])


def links(lab: Topology) -> list[str]:
    """Return the commands that connect the namespaces."""
    lines = [f"link add e0 netns {CLIENT} type veth peer name {CLIENT_PORT} netns {SWITCH}"]
    for director in lab.directors:
        name = director.name
        lines.append(f"link add e0 netns {name} type veth peer name {director.port} netns {SWITCH}")
        lines.append(f"link add e1 netns {name} type veth peer name b-{name} netns {SWITCH}")
    lines += [
        f"link add e0 netns {server.name} type veth peer name b-{server.name} netns {SWITCH}"
        for server in lab.servers
    ]
    return lines


def addresses(spec: LabSpec, lab: Topology, name: str) -> list[str]:
    """Return the commands that set up one namespace."""
    lines = ["link set lo up"]
    if name == SWITCH:
        return lines + _switch(lab)
    if name == CLIENT:
        lines += [f"address add {address}/24 dev e0" for address in CLIENTS]
        return [*lines, "link set e0 up", f"route add default via {SWITCH_ON_CLIENT}"]
    if any(name == director.name for director in lab.directors):
        director = lab.director(name)
        return [
            *lines,
            f"address add {director.router_id}/24 dev e0",
            f"address add {director.servers_side}/24 dev e1",
            "link set e0 up",
            "link set e1 up",
            f"route add default via {SWITCH_ON_UPLINK}",
        ]
    lines += [
        f"address add {lab.server(name).address}/24 dev e0",
        "link set e0 up",
        f"route add default via {SWITCH_ON_SERVERS}",
    ]
    lines += [f"address add {vip}/32 dev lo" for vip in lab.vips]
    if spec.service.forwarding == "tun":
        lines.append("link set tunl0 up")
    return lines


def set_port(director_port: str, up: bool) -> None:
    """Plug or unplug a director's uplink at the switch."""
    run(["ip", "-n", SWITCH, "link", "set", director_port, "up" if up else "down"])


def _switch(lab: Topology) -> list[str]:
    lines = [f"link add {bridge} type bridge" for bridge in (UPLINK_BRIDGE, SERVER_BRIDGE)]
    for director in lab.directors:
        # isolated: directors talk to the switch alone, as behind routed ports, and not all to all
        lines += [
            f"link set {director.port} master {UPLINK_BRIDGE} up",
            f"link set {director.port} type bridge_slave isolated on",
            f"link set b-{director.name} master {SERVER_BRIDGE} up",
        ]
    lines += [f"link set b-{server.name} master {SERVER_BRIDGE} up" for server in lab.servers]
    for device, address in (
        (UPLINK_BRIDGE, SWITCH_ON_UPLINK),
        (SERVER_BRIDGE, SWITCH_ON_SERVERS),
        (CLIENT_PORT, SWITCH_ON_CLIENT),
    ):
        lines += [f"address add {address}/24 dev {device}", f"link set {device} up"]
    return lines


def _settings(lab: Topology, name: str) -> Mapping[str, str]:
    if name == SWITCH:
        return {**_ROUTER, "net/ipv4/fib_multipath_hash_policy": "1"}
    if any(name == director.name for director in lab.directors):
        return _ROUTER
    if name == CLIENT:
        return {**_ASYMMETRIC, "net/ipv4/ip_local_port_range": "10240 65000"}
    return {
        **_ASYMMETRIC,
        # a real server holds the VIPs and must not answer ARP for them (LVS-HOWTO, the ARP problem)
        "net/ipv4/conf/all/arp_ignore": "1",
        "net/ipv4/conf/all/arp_announce": "2",
    }


def _write(name: str, settings: Mapping[str, str]) -> None:
    with inside(name):
        for key, value in settings.items():
            Path("/proc/sys", key).write_text(value, encoding="ascii")


def _batch(lines: list[str], name: str | None = None) -> None:
    where = [] if name is None else ["-n", name]
    run(["ip", *where, "-batch", "-"], "\n".join(lines) + "\n")
