"""Inventories over every key that `generate switch` or `audit switch` reads, for Hypothesis."""

from dataclasses import fields
from ipaddress import IPv4Address, ip_address, ip_network

from hypothesis import strategies as st

from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import (
    BACKBONE,
    AnnounceMode,
    AnnounceModes,
    AreaType,
    Bfd,
    LaneCosts,
    NetworkType,
    Ospf,
    Uplink,
)
from clusterlb.model.snat import SnatPool
from clusterlb.render.switch import System

KEY = st.from_regex(r"[!-~]{1,16}", fullmatch=True).filter(
    lambda key: not set(key) & set("\"'\\`|?") and key[0] not in "!#"
)
AREA = st.one_of(st.just(BACKBONE), st.integers(1, 2**32 - 1).map(IPv4Address))
PREFIX = st.one_of(
    st.tuples(st.integers(0, 2**32 - 1), st.integers(1, 32)).map(lambda p: ip_network(p, strict=False)),
    st.tuples(st.integers(0, 2**128 - 1).map(lambda n: ip_address(n | 2**127)), st.integers(8, 128)).map(
        lambda p: ip_network((int(p[0]), p[1]), strict=False)
    ),
)
SECONDS = st.integers(1, 65535).map(float)
NAME = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True)
OSPF = {
    "area": AREA,
    "area_type": st.sampled_from(AreaType),
    "announce": st.builds(AnnounceModes, st.sampled_from(AnnounceMode), st.sampled_from(AnnounceMode)),
    "network": st.sampled_from(NetworkType),
    "hello": SECONDS,
    "dead": SECONDS,
    "bfd": st.none() | st.builds(Bfd, st.integers(10, 60000).map(lambda ms: ms / 1000), st.integers(2, 255)),
    "pace": st.floats(0, 3600),
    "retransmit": SECONDS,
    "costs": st.builds(LaneCosts, *[st.integers(1, 65535)] * 3),
    "md5_key": st.none() | KEY,
    "md5_key_id": st.integers(1, 255),
    "key_chain": st.none() | NAME,
    "graceful_restart": st.none() | st.integers(1, 1800).map(float),
    "default_originate": st.booleans(),
}
UPLINK = {
    "name": st.sampled_from(["e0", "e1", "bond0.7"]),
    "network": st.none() | st.sampled_from(NetworkType),
    "area": st.none() | AREA,
    "cost": st.none() | st.integers(1, 65535),
}
PORTS = {
    System.NXOS: ["Ethernet1/1", "Ethernet1/48", "port-channel7", "Vlan10"],
    System.EOS: ["Ethernet1", "Ethernet3/1", "Port-Channel7", "Vlan10"],
    System.JUNOS: ["xe-0/0/1.0", "et-0/0/2.100", "ae7.0", "irb.10"],
    System.SONIC: ["Ethernet0", "PortChannel7", "Vlan10"],
    System.FRR: ["br0", "swp1", "bond0.7", "eth0"],
}
assert set(OSPF) == {field.name for field in fields(Ospf)}, "a key of OSPF has no strategy"
assert set(UPLINK) == {field.name for field in fields(Uplink)}, "a key of uplinks has no strategy"


@st.composite
def inventories(draw, widest=256, **fixed):
    """An inventory; ``widest``: the most of `max_active`; ``fixed``: strategies in place of OSPF's own."""
    ospf = Ospf(**{key: draw(fixed.get(key, strategy)) for key, strategy in OSPF.items()})
    uplinks = st.lists(st.builds(Uplink, **UPLINK), min_size=1, max_size=3)
    inside = st.lists(st.sampled_from(["10.2.0.1", "fd00::1"]), unique=True).map(
        lambda a: tuple(map(ip_address, a))
    )
    directors = {
        f"d{n}": Director(f"d{n}", IPv4Address(f"10.1.0.{n}"), tuple(draw(uplinks)), draw(inside))
        for n in range(1, draw(st.integers(1, 3)) + 1)
    }
    prefixes = tuple(draw(st.lists(PREFIX, min_size=1, max_size=4, unique=True)))
    pools = {}
    if draw(st.booleans()):
        address = draw(st.sampled_from([ip_address("10.100.0.200"), ip_address("fd00:100::200")]))
        pools = {"out": SnatPool("out", (), {"d1": (address,)})}
    cluster = Cluster(draw(NAME), prefixes, draw(st.integers(1, widest)), ospf)
    return Inventory(cluster, directors, {}, {}, snat_pools=pools)


def ports(system):
    """Some of a system's ports to directors."""
    return st.lists(st.sampled_from(PORTS[system]), min_size=1, max_size=3, unique=True).map(tuple)
