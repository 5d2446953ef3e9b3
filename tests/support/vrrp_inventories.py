"""Inventories with VIPs that VRRP moves."""

from ipaddress import IPv4Address, ip_address, ip_network

from clusterlb.model.inventory import Cluster, Director, Inventory, Vip, Vrrp
from clusterlb.model.ospf import Uplink


def _inventory(vips: dict[str, Vrrp | None]) -> Inventory:
    directors = {f"d{n}": Director(f"d{n}", IPv4Address(f"10.1.0.{n}"), (Uplink("e0"),)) for n in (1, 2, 3)}
    prefixes = (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64"))
    made = {ip_address(text): Vip(ip_address(text), (), ha=ha) for text, ha in vips.items()}
    return Inventory(Cluster("edge-1", prefixes), directors, {}, made)


INVENTORIES = {
    "plain": _inventory({"10.100.0.1": Vrrp(("d1", "d2"), 10, ("e0",)), "10.100.0.9": None}),
    "full": _inventory(
        {
            "10.100.0.1": Vrrp(("d1", "d2"), 10, ("bond0.100", "e1"), 0.05, preempt=False),
            "10.100.0.2": Vrrp(("d2", "d1"), 255, ("bond0.100",), 40.95),
            "fd00:100::1": Vrrp(("d1", "d2"), 11, ("bond0.100",)),
            "10.100.0.3": Vrrp(("d2",), 10, ("e2",)),
        }
    ),
}
