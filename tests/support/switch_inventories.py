"""The inventories behind tests/golden/switch, and each switch's ports."""

from ipaddress import IPv4Address, ip_address, ip_network

from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import AreaType, Bfd, NetworkType, Ospf, Uplink
from clusterlb.render.switch import SwitchFacts, System, facts_of

INSIDE = (ip_address("10.2.0.1"), ip_address("fd00:2::1"))
ROUTER_ID = "10.1.0.254"
PORTS = {
    System.NXOS: ("Ethernet1/1", "Ethernet1/2"),
    System.EOS: ("Ethernet1", "Ethernet2"),
    System.JUNOS: ("xe-0/0/1.0", "xe-0/0/2.0"),
    System.SONIC: ("Ethernet0", "Vlan10"),
    System.FRR: ("br0", "br1"),
}


def _inventory(*prefixes: str, ospf: Ospf | None = None, max_active: int = 8) -> Inventory:
    directors = {
        f"d{n}": Director(f"d{n}", IPv4Address(f"10.1.0.{n}"), (Uplink("e0"),), INSIDE) for n in (1, 2)
    }
    cluster = Cluster("edge-1", tuple(map(ip_network, prefixes)), max_active, ospf or Ospf())
    return Inventory(cluster, directors, {}, {})


INVENTORIES = {
    "plain": _inventory("10.100.0.0/24"),
    "full": _inventory(
        "10.100.0.0/24",
        "10.200.0.7/32",
        ospf=Ospf(
            area=IPv4Address("0.0.0.51"),
            hello=2,
            dead=8,
            bfd=Bfd(0.1, 5),
            md5_key="s3cret",
            md5_key_id=7,
        ),
        max_active=32,
    ),
    "dual-stack": _inventory("10.100.0.0/24", "fd00:100::/64"),
    "defaults": _inventory("10.100.0.0/24", ospf=Ospf(hello=10, dead=40, retransmit=5, bfd=Bfd(0.3, 3))),
    "no-bfd": _inventory("10.100.0.0/24", ospf=Ospf(bfd=None)),
    "broadcast": _inventory("10.100.0.0/24", ospf=Ospf(network=NetworkType.BROADCAST)),
    "nssa": _inventory(
        "10.100.0.0/24",
        "fd00:100::/64",
        ospf=Ospf(
            area=IPv4Address("0.0.0.51"),
            area_type=AreaType.NSSA,
            network=NetworkType.POINT_TO_POINT,
            graceful_restart=120,
            default_originate=True,
        ),
    ),
}
CASES = [(name, system) for name in INVENTORIES for system in System]


def facts(name: str, system: System) -> SwitchFacts:
    """Return what a golden file was rendered from."""
    return facts_of(INVENTORIES[name], PORTS[system], ROUTER_ID)
