"""One inventory with every forwarding method, small enough to read what follows from it."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

from clusterlb.model.forwarding import Forwarding, PortRange
from clusterlb.model.inventory import Cluster, Director, Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Uplink
from clusterlb.model.snat import SnatPool

DIRECT, LIST, NAT, FULLNAT = (ip_address(f"10.100.0.{n}") for n in range(1, 5))
DIRECT6, NAT6, FULLNAT6 = (ip_address(f"fd00:100::{n}") for n in (1, 3, 4))
TCP, UDP = Protocol.TCP, Protocol.UDP
LISTED = Service(TCP, 0, "web", ports=(PortRange(443, 443), PortRange(8000, 8010)), mark=0x44000001)
D1 = Director(
    "d1",
    IPv4Address("10.1.0.1"),
    (Uplink("e0"),),
    inside=(ip_address("10.2.0.1"),),
    local_addresses=tuple(map(ip_address, ("10.100.1.1", "10.100.1.2", "fd00:100:1::1"))),
)
SNAT = SnatPool(
    "out",
    (ip_network("10.2.0.0/24"),),
    {"d1": (ip_address("10.100.2.1"),), "d2": (ip_address("10.100.2.2"),)},
)


def _pool(name: str, port: int) -> Pool:
    return Pool(name, tuple(Member(ip_address(f"10.2.0.{n}"), port) for n in (101, 102)))


def _pool6(name: str, port: int) -> Pool:
    return Pool(name, (Member(ip_address("fd00:2::101"), port),))


def every_method(**cluster) -> Inventory:
    """Return VIPs with dr, a port list, nat (80 -> 8080) and full NAT (80 -> 8081), in both families."""
    pools = [_pool("web", 80), _pool("nat", 8080), _pool("full", 8081)]
    pools += [_pool6("web6", 80), _pool6("nat6", 8080), _pool6("full6", 8081)]
    services = {
        DIRECT: (Service(TCP, 80, "web"),),
        LIST: (LISTED,),
        NAT: (Service(TCP, 80, "nat", Forwarding.NAT), Service(UDP, 53, "nat", Forwarding.NAT)),
        FULLNAT: (Service(TCP, 80, "full", Forwarding.FULLNAT),),
        DIRECT6: (Service(TCP, 80, "web6"),),
        NAT6: (Service(TCP, 80, "nat6", Forwarding.NAT),),
        FULLNAT6: (Service(TCP, 80, "full6", Forwarding.FULLNAT),),
    }
    return Inventory(
        replace(Cluster("test", (ip_network("10.100.0.0/16"), ip_network("fd00:100::/32"))), **cluster),
        {"d1": D1, "d2": Director("d2", IPv4Address("10.1.0.2"), (Uplink("e0"),))},
        {pool.name: pool for pool in pools},
        {vip: Vip(vip, found) for vip, found in services.items()},
    )


def only(inventory: Inventory, *vips) -> Inventory:
    """Return an inventory with these VIPs alone."""
    return replace(inventory, vips={vip: inventory.vips[vip] for vip in vips})


RULES = {
    "direct": (only(every_method(), DIRECT), D1),
    "every-method": (every_method(), D1),
    "every-option": (every_method(notrack=True, log_connections=True), D1),
}


def shared_member() -> Inventory:
    """Return a VIP with a port and another with a firewall mark, both with nat to the same members."""
    given = only(every_method(), NAT)
    marked = Service(TCP, 0, "nat", Forwarding.NAT, fwmark=7)
    return replace(given, vips={**given.vips, DIRECT: Vip(DIRECT, (marked,))})
