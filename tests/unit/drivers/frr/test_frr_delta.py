from itertools import pairwise
from pathlib import Path

import pytest

from clusterlb.drivers.frr.contexts import opens_context
from clusterlb.drivers.frr.delta import Delta, comparable, parse_delta, script
from clusterlb.drivers.frr.text import parse

# there and back again: our lines among an operator's, and taken away (tests/support/record_frr.py)
RECORDED = sorted((Path(__file__).parents[3] / "support" / "frr_outputs").glob("reload-*.txt"))
OUTPUT = """\

Lines To Delete
===============
no router rip
interface e0
 no ip ospf cost 10
interface e0
 no ip ospf area 0
router ospf
 no maximum-paths 8
bfd
 profile x
  no detect-multiplier 4

Lines To Add
============
interface e0
 ip ospf cost 20
interface e0
 ip ospf area 0.0.0.0
router ospf6
router ospf6
 ospf6 router-id 1.1.1.1
"""

# the same as FRR 10.3 prints it
CLOSED = """\

Lines To Delete
===============
no router rip
interface e0
 no ip ospf cost 10
exit
interface e0
 no ip ospf area 0
exit
router ospf
 no maximum-paths 8
exit
bfd
 profile x
  no detect-multiplier 4
 exit
exit

Lines To Add
============
interface e0
 ip ospf cost 20
exit
interface e0
 ip ospf area 0.0.0.0
exit
router ospf6
exit
router ospf6
 ospf6 router-id 1.1.1.1
exit
"""


def test_both_lists():
    delta = parse_delta(OUTPUT)
    assert delta.delete == (
        ("no router rip",),
        ("interface e0", "no ip ospf cost 10"),
        ("interface e0", "no ip ospf area 0"),
        ("router ospf", "no maximum-paths 8"),
        ("bfd", "profile x", "no detect-multiplier 4"),
    )
    assert delta.add[-2:] == (("router ospf6",), ("router ospf6", "ospf6 router-id 1.1.1.1"))


def test_contexts_that_frr_10_closes_are_no_commands():
    """Taken for a command, an ``exit`` ends vtysh's reading of the file, with rc 0."""
    assert parse_delta(CLOSED) == parse_delta(OUTPUT)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded(path):
    delta = parse_delta(path.read_text())
    for command in (*delta.delete, *delta.add):
        for depth, header in enumerate(command[:-1]):
            assert opens_context(command[:depth], header), command
    assert all(command[-1].startswith(("no ", "ip ospf passive")) for command in delta.delete)
    for lane, cost in (("active", 10), ("standby", 1000), ("drained", 10000)):
        interface = f"interface clb-{lane}"
        assert (interface, f"ip ospf cost {cost}") in delta.add
        assert (interface, f"no ip ospf cost {cost}") in delta.delete
        assert (f"no {interface}",) not in delta.delete
    assert ("bfd", "profile clusterlb", "transmit-interval 50") in delta.add
    rows = script(delta).splitlines()
    # an exit with no context to leave would end vtysh's reading
    assert not any(pair == ("exit", "exit") for pair in pairwise(rows))


def test_an_interface_is_never_deleted_as_a_whole():
    running = parse("interface clb-active\n ip ospf cost 10\nexit\ninterface e0\n ip ospf cost 5\nexit\n")
    target = parse("interface e0\n ip ospf cost 5\nexit\n")
    assert comparable(running, target) == (*target, running[0])
    assert comparable(target, running) == running


def test_no_difference():
    assert not parse_delta("")
    assert script(Delta()) == ""


def test_script_leaves_every_context_and_replaces_values_in_place():
    text = script(parse_delta(OUTPUT))
    assert "no ip ospf cost 10" not in text
    assert text.index("no ip ospf area 0\n") < text.index(" ip ospf area 0.0.0.0\n")
    assert "router ospf\n no maximum-paths\nexit\n" in text
    assert "bfd\n profile x\n  no detect-multiplier 4\n exit\nexit\n" in text
    assert text.startswith("no router rip\ninterface e0\n")
    assert "router ospf6\nexit\nrouter ospf6\n ospf6 router-id 1.1.1.1\nexit\n" in text


def test_a_router_id_is_set_before_ospf_starts_on_an_interface():
    added = (("interface e0", "ip ospf area 0.0.0.0"), ("router ospf", "ospf router-id 10.1.0.6"))
    rows = script(Delta(add=added)).splitlines()
    assert rows.index(" ospf router-id 10.1.0.6") < rows.index("interface e0")


def test_ospf_starts_on_an_interface_with_everything_that_its_hellos_say():
    """What comes after `ip ospf area` is too late for the first hello, `no ip ospf passive` above all."""
    added = (
        ("interface e0", "ip ospf area 0.0.0.0"),
        ("interface e0", "ipv6 ospf6 area 0.0.0.0"),
        ("interface e0", "ip ospf hello-interval 1"),
        ("interface e0", "no ip ospf passive"),
        ("interface e0",),
        ("bfd",),
    )
    rows = [row.strip() for row in script(Delta(add=added)).splitlines() if row.startswith(" ")]
    assert rows[2:] == ["ip ospf area 0.0.0.0", "ipv6 ospf6 area 0.0.0.0"]


def test_the_period_of_a_graceful_restart_is_not_repeated_behind_no():
    """ospf6d of FRR 8.4 knows `no graceful-restart [period N]`, and writes `grace-period N`."""
    gone = (("router ospf6", "no graceful-restart grace-period 60"),)
    assert script(Delta(delete=gone)) == "router ospf6\n no graceful-restart\nexit\n"
    helper = (("router ospf6", "no graceful-restart helper enable"),)
    assert script(Delta(delete=helper)) == "router ospf6\n no graceful-restart helper enable\nexit\n"
