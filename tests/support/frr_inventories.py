"""The inventories behind tests/golden/frr, by the name of their golden file."""

from ipaddress import IPv4Address, ip_network

from clusterlb.model.inventory import Bfd, Cluster, Director, Inventory, LaneCosts, Ospf


def _inventory(*prefixes: str, ospf: Ospf | None = None, max_active: int = 8) -> Inventory:
    return Inventory(
        Cluster("edge-1", tuple(map(ip_network, prefixes)), max_active, ospf or Ospf()), {}, {}, {}
    )


_PLAIN = Director("d1", IPv4Address("10.1.0.1"), ("e0",))
_TWO = Director("d2", IPv4Address("10.1.0.2"), ("e10", "e2"))

CASES = {
    "plain": (_inventory("10.100.0.0/24"), _PLAIN),
    "md5": (_inventory("10.100.0.0/24", ospf=Ospf(md5_key="s3cret", md5_key_id=7)), _PLAIN),
    "frr-defaults": (
        _inventory("10.100.0.0/24", ospf=Ospf(hello=10, dead=40, retransmit=5, bfd=Bfd(0.3, 3))),
        _PLAIN,
    ),
    "no-bfd-fast-hello": (_inventory("10.100.0.0/24", ospf=Ospf(hello=0.25, dead=1, bfd=None)), _PLAIN),
    "dual-stack": (
        _inventory(
            "10.100.0.0/24",
            "fd00:100::/64",
            ospf=Ospf(
                area=IPv4Address("0.0.0.51"),
                bfd=Bfd(0.1, 5),
                costs=LaneCosts(active=20, standby=200, drained=65535),
            ),
            max_active=4,
        ),
        _TWO,
    ),
    "ipv6-frr-defaults": (
        _inventory("fd00:100::/64", ospf=Ospf(hello=10, dead=40, retransmit=5, bfd=None)),
        _PLAIN,
    ),
}
