import pytest

from clusterlb.drivers.frr.text import parse, serialise
from clusterlb.model.state import FrrLine

RUNNING = """\
Building configuration...

Current configuration:
!
frr version 8.4.4
hostname d1
!
vrf red
 ip route 10.9.0.0/16 Null0
exit-vrf
!
key chain K
 key 1
  key-string x
 exit
exit
!
interface e0
 description two  spaces
 ip ospf cost 5
exit
!
router bgp 65000
 neighbor 10.0.0.1 remote-as 65001
 !
 address-family ipv4 unicast
  network 10.0.0.0/8
 exit-address-family
exit
!
bfd
 profile a
  transmit-interval 50
 exit
 !
 profile b
 exit
 !
exit
!
ip prefix-list P seq 5 permit any
!
router ospf
exit
!
end
"""


def test_show_running_config():
    assert parse(RUNNING) == tuple(
        FrrLine(*line)
        for line in [
            ((), "frr version 8.4.4"),
            ((), "hostname d1"),
            ((), "vrf red"),
            (("vrf red",), "ip route 10.9.0.0/16 Null0"),
            ((), "key chain K"),
            (("key chain K",), "key 1"),
            (("key chain K", "key 1"), "key-string x"),
            ((), "interface e0"),
            (("interface e0",), "description two  spaces"),
            (("interface e0",), "ip ospf cost 5"),
            ((), "router bgp 65000"),
            (("router bgp 65000",), "neighbor 10.0.0.1 remote-as 65001"),
            (("router bgp 65000",), "address-family ipv4 unicast"),
            (("router bgp 65000", "address-family ipv4 unicast"), "network 10.0.0.0/8"),
            ((), "bfd"),
            (("bfd",), "profile a"),
            (("bfd", "profile a"), "transmit-interval 50"),
            (("bfd",), "profile b"),
            ((), "ip prefix-list P seq 5 permit any"),
            ((), "router ospf"),
        ]
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("! nothing\n# at all\n\n", []),
        ("interface e0\ninterface e1\n", [((), "interface e0"), ((), "interface e1")]),
        (
            "interface e0\n ip ospf cost 5\nip route 10.0.0.0/8 Null0\n",
            [((), "interface e0"), (("interface e0",), "ip ospf cost 5"), ((), "ip route 10.0.0.0/8 Null0")],
        ),
        (
            "interface e0\nip ospf cost 5\nrouter ospf\n! left\nospf router-id 1.1.1.1\n",
            [
                ((), "interface e0"),
                (("interface e0",), "ip ospf cost 5"),
                ((), "router ospf"),
                ((), "ospf router-id 1.1.1.1"),
            ],
        ),
        (
            "router ospf\n! a comment at the margin\n ospf router-id 1.1.1.1\n",
            [((), "router ospf"), (("router ospf",), "ospf router-id 1.1.1.1")],
        ),
        (
            "some new context\n its line\nexit\nplain\n",
            [((), "some new context"), (("some new context",), "its line"), ((), "plain")],
        ),
        ("exit\nexit-vrf\nhostname a\n", [((), "hostname a")]),
        (
            "router ospf\n a\nexit\nrouter ospf\n a\n b\nexit\n",
            [((), "router ospf"), (("router ospf",), "a"), (("router ospf",), "b")],
        ),
    ],
)
def test_files_written_by_hand(text, expected):
    assert list(parse(text)) == [FrrLine(*line) for line in expected]


def test_serialise_closes_what_it_opens():
    lines = parse(RUNNING)
    assert parse(serialise(lines)) == lines
    assert " exit-address-family\nexit\n!\n" in serialise(lines)
    assert serialise([FrrLine(("bfd", "profile x"), "detect-multiplier 4")]) == (
        "bfd\n profile x\n  detect-multiplier 4\n exit\nexit\n!\n"
    )


@pytest.mark.parametrize("line", ["vrrp 10", "vrrp 10 version 3"])
def test_a_line_that_versions_of_frr_print_in_two_ways_is_one(line):
    found = parse(f"interface e0\n {line}\n vrrp 10 ip 10.100.0.1\nexit\n")
    assert found[1] == FrrLine(("interface e0",), "vrrp 10")


def test_the_second_version_of_vrrp_is_another_line():
    found = parse("interface e0\n vrrp 10 version 2\nexit\n")
    assert found[1] == FrrLine(("interface e0",), "vrrp 10 version 2")
