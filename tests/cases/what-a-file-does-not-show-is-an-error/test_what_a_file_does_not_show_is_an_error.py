from pathlib import Path

import pytest
from click.testing import CliRunner
from switch_audit import audit_switch
from switch_inventories import INVENTORIES

from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main
from clusterlb.render.switch import facts_of

FILE = Path(__file__).parent / "frr.conf"
TEXT = FILE.read_text()
EXAMPLE = Path(__file__).parents[3] / "inventory" / "example.yaml"


def audit(text, *ports):
    return audit_switch(text, "frr.conf", facts_of(INVENTORIES["plain"], ports, "ROUTER_ID"))


@pytest.mark.parametrize("ports", [("swp7",), ()])
def test_membership_is_not_seen_and_the_rest_is_checked(ports):
    [unsure] = audit(TEXT, *ports)
    assert (unsure.severity.value, unsure.line, unsure.fix) == ("not seen", 16, ())
    assert "show ip ospf interface swp7" in unsure.text
    slow = audit(TEXT.replace(" ip ospf hello-interval 1\n", ""), *ports)
    assert {f.severity.value for f in slow} == {"not seen", "error"}


def test_what_is_not_seen_is_no_failure():
    done = CliRunner().invoke(
        main, ["audit", "switch", "--inventory", str(EXAMPLE), str(FILE), "--interface", "swp7"]
    )
    assert done.exit_code == Exit.OK
    assert f"{FILE}:16: not seen: " in done.stdout


def test_a_port_without_lines_has_the_systems_defaults():
    found = audit(TEXT, "swp8")
    assert {f.rule for f in found if f.severity.value == "error"} == {"hello-dead", "network-type"}
    assert not any("ip ospf area" in row for f in found for row in f.fix)


def test_an_area_that_no_statement_has_is_wrong_whatever_the_address():
    found = audit(TEXT.replace("area 0.0.0.0", "area 0.0.0.9"), "swp7")
    assert [(f.rule, f.severity.value, f.line) for f in found] == [("area", "error", 16)]


def test_with_the_address_it_is_seen():
    within = TEXT.replace("interface swp7\n", "interface swp7\n ip address 198.51.100.1/24\n")
    assert audit(within, "swp7") == []
    beside = TEXT.replace("interface swp7\n", "interface swp7\n ip address 203.0.113.1/24\n")
    [silent] = audit(beside, "swp7")
    assert (silent.rule, silent.severity.value) == ("no-ospf", "error")
    assert not any("ip ospf area" in row for row in silent.fix)
