"""The inventories behind tests/golden/frr, by the name of their golden file."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

from vrrp_inventories import INVENTORIES

from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import (
    AnnounceMode,
    AnnounceModes,
    AreaType,
    Bfd,
    LaneCosts,
    NetworkType,
    Ospf,
    Uplink,
)

EXTERNAL = AnnounceModes(AnnounceMode.EXTERNAL, AnnounceMode.EXTERNAL)
IPV6_EXTERNAL = AnnounceModes(ipv6=AnnounceMode.EXTERNAL)
POINT_TO_POINT = NetworkType.POINT_TO_POINT
# what FRR 8.4 has no command for
NEEDS_FRR_9 = {"key-chain"}
NEEDS_VRRPD = {"vrrp", "vrrp-everything"}


def _inventory(*prefixes: str, ospf: Ospf | None = None, max_active: int = 8) -> Inventory:
    return Inventory(
        Cluster("edge-1", tuple(map(ip_network, prefixes)), max_active, ospf or Ospf()), {}, {}, {}
    )


_PLAIN = Director("d1", IPv4Address("10.1.0.1"), (Uplink("e0"),))
_TWO = Director("d2", IPv4Address("10.1.0.2"), (Uplink("e10"), Uplink("e2")))
_OWN_SETTINGS = Director(
    "d3",
    IPv4Address("10.1.0.3"),
    (Uplink("e0", NetworkType.BROADCAST), Uplink("e1", POINT_TO_POINT, IPv4Address("0.0.0.1"), 20)),
)

CASES = {
    "vrrp": (INVENTORIES["plain"], INVENTORIES["plain"].directors["d2"]),
    "vrrp-everything": (INVENTORIES["full"], INVENTORIES["full"].directors["d1"]),
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
    "external": (
        _inventory("10.100.0.0/24", "10.200.0.7/32", ospf=Ospf(announce=EXTERNAL, network=POINT_TO_POINT)),
        _PLAIN,
    ),
    "ipv6-external": (
        _inventory("10.100.0.0/24", "fd00:100::/64", ospf=Ospf(announce=IPV6_EXTERNAL)),
        _PLAIN,
    ),
    "nssa": (
        _inventory(
            "10.100.0.0/24",
            "fd00:100::/64",
            ospf=Ospf(area=IPv4Address("0.0.0.51"), area_type=AreaType.NSSA, announce=EXTERNAL),
        ),
        _PLAIN,
    ),
    "stub": (
        _inventory("10.100.0.0/24", ospf=Ospf(area=IPv4Address("0.0.0.51"), area_type=AreaType.STUB)),
        _PLAIN,
    ),
    "uplinks-of-their-own": (
        _inventory("10.100.0.0/24", "fd00:100::/64", ospf=Ospf(announce=EXTERNAL)),
        _OWN_SETTINGS,
    ),
    "broadcast": (
        _inventory("10.100.0.0/24", "fd00:100::/64", ospf=Ospf(network=NetworkType.BROADCAST)),
        _PLAIN,
    ),
    "graceful-restart": (
        _inventory("10.100.0.0/24", "fd00:100::/64", ospf=Ospf(graceful_restart=120, bfd=None)),
        _PLAIN,
    ),
    "gateway": (
        _inventory("10.100.0.0/24", "fd00:100::/64", ospf=Ospf(default_originate=True, graceful_restart=120)),
        replace(_PLAIN, inside=(ip_address("10.2.0.1"), ip_address("fd00:2::1"))),
    ),
    "key-chain": (_inventory("10.100.0.0/24", "fd00:100::/64", ospf=Ospf(key_chain="OSPF")), _PLAIN),
}
