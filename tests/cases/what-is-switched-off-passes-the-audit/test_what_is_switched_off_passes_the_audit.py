from dataclasses import replace

import pytest
from switch_audit import audit_switch
from switch_inventories import facts

from clusterlb.render.switch import System, render_switch

NXOS, EOS, JUNOS, SONIC, FRR = System.NXOS, System.EOS, System.JUNOS, System.SONIC, System.FRR
XE = "protocols ospf area 0.0.0.0 interface xe-0/0/2.0"
UNDER = [
    (NXOS, "interface Ethernet1/2", "  shutdown", "  no shutdown"),
    (NXOS, "interface Ethernet1/2", "  ip ospf shutdown", "  no ip ospf shutdown"),
    (NXOS, "router ospf clusterlb", "  shutdown", "  no shutdown"),
    (EOS, "interface Ethernet2", "   shutdown", "   no shutdown"),
    (EOS, "interface Ethernet2", "   ip ospf disabled", "   no ip ospf disabled"),
    (EOS, "router ospf 1", "   shutdown", "   no shutdown"),
    (SONIC, "interface Vlan10", " shutdown", " no shutdown"),
    (FRR, "interface br1", " shutdown", " no shutdown"),
]
AT_THE_END = [
    (EOS, "no ip routing", "ip routing"),
    (JUNOS, f"set {XE} disable", f"delete {XE} disable"),
    (JUNOS, f"deactivate {XE}", f"activate {XE}"),
    (JUNOS, "set interfaces xe-0/0/2 disable", "delete interfaces xe-0/0/2 disable"),
    (JUNOS, "set interfaces xe-0/0/2 unit 0 disable", "delete interfaces xe-0/0/2 unit 0 disable"),
    (JUNOS, "deactivate interfaces xe-0/0/2", "activate interfaces xe-0/0/2"),
    (JUNOS, "set protocols ospf disable", "delete protocols ospf disable"),
]


def only(text, system, ports=()):
    [found] = audit_switch(text, "sw.conf", replace(facts("plain", system), ports=ports), system)
    assert (found.rule, found.severity.value) == ("switched-off", "error")
    return found


@pytest.mark.parametrize(("system", "context", "line", "fix"), UNDER)
def test_a_line_in_a_context(system, context, line, fix):
    rows = render_switch(facts("plain", system), system).splitlines()
    place = rows.index(context) + 1
    for ports in ((), facts("plain", system).ports):
        found = only("\n".join([*rows[:place], line, *rows[place:]]), system, ports)
        assert (found.line, found.fix) == (place + 1, (context, fix))


@pytest.mark.parametrize(("system", "line", "fix"), AT_THE_END)
def test_a_line_by_itself(system, line, fix):
    rows = render_switch(facts("plain", system), system).splitlines()
    for ports in ((), facts("plain", system).ports):
        found = only("\n".join([*rows, line]), system, ports)
        assert (found.line, found.fix) == (len(rows) + 1, (fix,))


@pytest.mark.parametrize("path", ["protocols", "protocols ospf", "protocols ospf area 0.0.0.0"])
def test_what_is_deactivated_above_the_ports(path):
    rows = render_switch(facts("plain", JUNOS), JUNOS).splitlines()
    off = f"deactivate {path}"
    found = audit_switch("\n".join([*rows, off]), "sw.conf", facts("plain", JUNOS), JUNOS)
    errors = [f for f in found if f.rule == "switched-off"]
    assert [(f.line, f.fix) for f in errors] == [(len(rows) + 1, (f"activate {path}",))] * 2


def test_braces_with_inactive_read_as_deactivate():
    rows = render_switch(facts("plain", JUNOS), JUNOS).splitlines()
    keep = [row for row in rows if "xe-0/0/2.0" not in row or "policy" in row]
    words = [row.split(" xe-0/0/2.0 ")[1] for row in rows if "ospf area 0.0.0.0 interface xe-0/0/2.0 " in row]
    braces = ["protocols {", "ospf {", "area 0.0.0.0 {", "inactive: interface xe-0/0/2.0 {"]
    found = only("\n".join([*keep, *braces, *(f"{row};" for row in words), "}" * 4]), JUNOS)
    assert (found.line, found.fix) == (len(keep) + 4, (f"activate {XE}",))


def test_nxos_without_the_feature():
    rows = render_switch(facts("plain", NXOS), NXOS).splitlines()
    rows.remove("feature ospf")
    assert only("\n".join(rows), NXOS).fix == ("feature ospf",)
    rows.remove("feature bfd")
    [unseen] = audit_switch("\n".join(rows), "sw.conf", facts("plain", NXOS), NXOS)
    assert (unseen.rule, unseen.severity.value) == ("switched-off", "not seen")
