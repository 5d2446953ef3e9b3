import pytest

from clusterlb.drivers.frr.conflict import obstacles_to
from clusterlb.drivers.frr.text import parse

UPLINK = "interface e0\n ip ospf area 0.0.0.1\n no ip ospf passive\nexit\n"
STUB = "router ospf\n area 0.0.0.1 stub\nexit\n"
KERNEL = "router ospf\n redistribute kernel route-map clb-ipv4\nexit\n"
OLD = KERNEL.replace("clb-ipv4", "old")
ORIGINATE = "router ospf6\n default-information originate always metric 10 metric-type 1\nexit\n"


def said(running, add, remove=""):
    return obstacles_to(parse(running), parse(add), parse(remove))


@pytest.mark.parametrize(
    ("running", "add", "names"),
    [
        ("router ospf\n network 192.0.2.0/24 area 3\nexit\n", UPLINK, "network 192.0.2.0/24 area 3"),
        ("interface e1\n ip ospf area 1\nexit\n", STUB + UPLINK, "adjacencies on e1,"),
        (f"{UPLINK}interface e1\n ip ospf area 0.0.0.1\nexit\n", STUB, "adjacencies on e1,"),
        (
            "interface e1\n ipv6 ospf6 area 0.0.0.1\nexit\n",
            "router ospf6\n area 0.0.0.1 nssa\nexit\n",
            "adjacencies on e1,",
        ),
        ("router ospf\n redistribute kernel\nexit\n", KERNEL, "`router ospf / redistribute kernel`"),
        ("router ospf\n redistribute kernel metric 5\nexit\n", KERNEL, "redistribute kernel metric 5"),
        ("router ospf6\n default-information originate\nexit\n", ORIGINATE, "default-information originate`"),
    ],
)
def test_what_is_in_the_way_is_named(running, add, names):
    (problem,) = said(running, add)
    assert names in problem


@pytest.mark.parametrize(
    ("running", "add", "remove"),
    [
        ("", UPLINK + STUB + KERNEL + ORIGINATE, ""),
        (UPLINK + STUB + KERNEL + ORIGINATE, UPLINK + STUB + KERNEL + ORIGINATE, ""),
        # another process, whose statements are its own
        ("router ospf vrf RED\n network 192.0.2.0/24 area 0\nexit\n", UPLINK, ""),
        ("router bgp 65000\n address-family ipv4 unicast\n  network 192.0.2.0/24\nexit\n", UPLINK, ""),
        # ours of before
        (
            "router ospf\n redistribute kernel route-map old\nexit\n",
            KERNEL,
            KERNEL.replace("clb-ipv4", "old"),
        ),
        # not in the area, or silent in it
        ("interface e1\n ip ospf area 2\nexit\n", STUB, ""),
        ("interface e1\n ip ospf area 1\n ip ospf passive\nexit\n", STUB, ""),
        ("interface clb-active\n ip ospf area 1\nexit\n", STUB, ""),
        (STUB + "interface e1\n ip ospf area 1\nexit\n", STUB + UPLINK, ""),
        ("router ospf\n redistribute connected\nexit\n", KERNEL, ""),
    ],
)
def test_what_is_not(running, add, remove):
    assert said(running, add, remove) == ()
