"""A switch that spreads flows over buckets modulo the number of next hops.

Many switches do that, and it is the hardest case: when a next hop goes, nearly every flow moves. Linux's
ECMP hash moves fewer, so nftables chooses the next hop: a rule marks a flow by its bucket, and policy routing
sends each mark to one director. IPv4 only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import IPv4Network

from clusterlb.lab.netns import run
from clusterlb.lab.network import CLIENT_PORT, UPLINK_BRIDGE
from clusterlb.lab.routes import NextHops, RouteWatch, Table
from clusterlb.lab.topology import SWITCH, LabTopology
from clusterlb.model.address import IPAddress, IPNetwork

_FIRST_MARK = 101  # marks, and routing tables of the same number, from here on
_SEED = 0x5EED  # fixed, so that a flow has the same bucket in every run


def steer(lab: LabTopology, buckets: int) -> None:
    """Follow the kernel's routes for ever, as the switch's agent, in the switch's namespace."""
    run(["ip", "-batch", "-"], "\n".join(policy_routes(lab)) + "\n")
    watch = RouteWatch(SWITCH)
    marks: dict[IPAddress, int] = {
        director.router_id: _FIRST_MARK + n for n, director in enumerate(lab.directors)
    }
    steered: Table | None = None
    while True:
        wanted = vip_routes(watch.table(), lab.prefixes)
        if wanted != steered:
            run(["nft", "-f", "-"], ruleset(wanted, marks, buckets))
            steered = wanted
        else:
            watch.wait(3600.0)


def vip_routes(table: Table, prefixes: Sequence[IPNetwork]) -> Table:
    """Return the IPv4 routes of VIPs, which are the hosts of these prefixes."""
    inside = [prefix for prefix in prefixes if isinstance(prefix, IPv4Network)]
    return {
        network: hops
        for network, hops in table.items()
        if isinstance(network, IPv4Network) and any(network.subnet_of(prefix) for prefix in inside)
    }


def policy_routes(lab: LabTopology) -> list[str]:
    """Return the commands that give every director a mark, and a routing table that leads to the director."""
    lines = []
    for n, director in enumerate(lab.directors):
        mark = _FIRST_MARK + n
        lines.append(f"rule add fwmark {mark} lookup {mark}")
        lines.append(f"route add default via {director.router_id} dev {UPLINK_BRIDGE} table {mark}")
    return lines


def ruleset(routes: Table, marks: Mapping[IPAddress, int], buckets: int) -> str:
    """Return the whole table as one nft transaction, so that every packet meets a complete table.

    VIPs with the same next hops share a rule. A VIP without a route has no rule: the kernel answers its
    clients with ICMP.
    """
    rules = [
        f"    ip daddr {_set(vips)} meta l4proto {{ tcp, udp }} meta mark set "
        f"jhash ip saddr . th sport . ip daddr . th dport mod {buckets} seed {_SEED:#x} "
        f"map {{ {_buckets(hops, marks, buckets)} }}"
        for hops, vips in _grouped(routes).items()
    ]
    return "\n".join(
        [
            "table ip lab",
            "delete table ip lab",
            "table ip lab {",
            "  chain spread {",
            "    type filter hook prerouting priority mangle; policy accept;",
            f'    iifname != "{CLIENT_PORT}" return',
            *rules,
            "  }",
            "}",
            "",
        ]
    )


def _grouped(routes: Table) -> dict[NextHops, list[IPNetwork]]:
    groups: dict[NextHops, list[IPNetwork]] = {}
    for network, hops in routes.items():
        groups.setdefault(hops, []).append(network)
    return groups


def _set(networks: Iterable[IPNetwork]) -> str:
    return "{ " + ", ".join(str(network.network_address) for network in networks) + " }"


def _buckets(hops: NextHops, marks: Mapping[IPAddress, int], buckets: int) -> str:
    return ", ".join(f"{bucket} : {marks[hops[bucket % len(hops)]]}" for bucket in range(buckets))
