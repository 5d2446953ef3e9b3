"""The inventories behind tests/golden/realserver, and the members that each is rendered for."""

from ipaddress import IPv4Address, ip_address, ip_network

from clusterlb.model.forwarding import Forwarding, Tunnel
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Sorry, Vip
from clusterlb.model.ipvs import Protocol, TunnelFlag, TunnelType
from clusterlb.model.ospf import Uplink

R1, R2, SIX = ip_address("10.2.0.101"), ip_address("10.2.0.102"), ip_address("fd00:2::101")
GUE = Tunnel(TunnelType.GUE, 6080)
GRE = Tunnel(TunnelType.GRE)
GRE_CHECKSUM = Tunnel(TunnelType.GRE, checksum=TunnelFlag.CSUM)


def service(pool="web", forwarding=Forwarding.DR, tunnel=None, port=80, protocol=Protocol.TCP):
    return Service(protocol, port, pool, forwarding, tunnel=tunnel or Tunnel())


def inventory(vips, pools=None, name="edge-1", inside=True):
    """Make one of ``{VIP: services}``, and pools of addresses; a VIP may be a tuple, a group."""
    directors = {
        f"d{n}": Director(
            f"d{n}",
            IPv4Address(f"10.1.0.{n}"),
            (Uplink("e0"),),
            inside=(ip_address(f"10.2.0.{n}"), ip_address(f"fd00:2::{n}")) if inside else (),
        )
        for n in (1, 2)
    }
    made = {}
    for key, services in vips.items():
        group = tuple(ip_address(text) for text in (key if isinstance(key, tuple) else (key,)))
        for address in group:
            made[address] = Vip(address, tuple(services), group=group if len(group) > 1 else ())
    pools = pools or {"web": (R1, R2), "web6": (SIX,)}
    return Inventory(
        Cluster(name, (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64"))),
        directors,
        {
            name: pool if isinstance(pool, Pool) else Pool(name, tuple(Member(each, 80) for each in pool))
            for name, pool in pools.items()
        },
        made,
    )


def both(forwarding, tunnel=None):
    """Return an IPv4 and an IPv6 VIP, each with members of its family."""
    return inventory(
        {
            "10.100.0.1": [service("web", forwarding, tunnel)],
            "fd00:100::1": [service("web6", forwarding, tunnel)],
        }
    )


def crossed(tunnel):
    """Return VIPs with members of the other family."""
    return inventory(
        {
            "10.100.0.1": [service("web6", Forwarding.TUN, tunnel)],
            "fd00:100::1": [service("web", Forwarding.TUN, tunnel)],
        }
    )


CASES = {
    "dr": both(Forwarding.DR),
    "ipip": both(Forwarding.TUN),
    "gue": both(Forwarding.TUN, GUE),
    "gre": both(Forwarding.TUN, GRE),
    "gre-checksum": both(Forwarding.TUN, GRE_CHECKSUM),
    "crossed": crossed(None),
    "nat": both(Forwarding.NAT),
    "fullnat": both(Forwarding.FULLNAT),
    "mixed": inventory(
        {
            ("10.100.0.1", "10.100.0.2"): [service("web"), service("map", Forwarding.NAT, port=81)],
            "10.100.0.3": [service("web", Forwarding.TUN, GUE, protocol=Protocol.UDP)],
        },
        {
            "web": Pool("web", (Member(R1, 80), Member(R2, 80, forwarding=Forwarding.TUN, tunnel=GRE))),
            "map": Pool("map", (Member(R1, 8080),), sorry=Sorry(R2, 80, Forwarding.FULLNAT)),
        },
    ),
}
HOST = (R1, SIX)  # the one that networkd and ifupdown are rendered for
SUFFIX = {"sh": "sh", "networkd": "networkd", "ifupdown": "interfaces", "ansible": "yml"}
REFUSED = {("gue", "networkd"), ("gre-checksum", "networkd")}  # what that format cannot say
RENDERED = [
    (name, form) for name in CASES for form in ("sh", "networkd", "ifupdown") if (name, form) not in REFUSED
]
RENDERED.append(("dr", "ansible"))  # the others differ in the script that it carries


def golden_part(text, form):
    """Return what differs by forwarding; the rest of a script is held to what it does, not to its words."""
    if form == "sh":
        return text[text.index("members=") : text.index("\nwant()")]
    if form == "ansible":
        before, _, rest = text.partition("              #!/bin/sh\n")
        return before + rest[rest.index("\n        - name: Install the unit") :]
    return text
