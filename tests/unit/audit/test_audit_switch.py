"""The audit: what we generate is clean, and each change of one line is found on that line."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from switch_audit import audit_switch, detect
from switch_changes import CHANGES
from switch_inventories import CASES, facts

from clusterlb.render.switch import SwitchError, System, render_switch

NXOS, EOS, JUNOS, FRR = System.NXOS, System.EOS, System.JUNOS, System.FRR


def audit(text, system, name="full", **changed):
    return audit_switch(text, "sw.conf", replace(facts(name, system), **changed), system)


@pytest.mark.parametrize(("name", "system"), CASES)
def test_what_we_generate_is_clean(name, system):
    text = render_switch(facts(name, system), system)
    assert detect(text) is system
    assert audit(text, system, name) == []
    assert audit(text, system, name, ports=()) == []


@pytest.mark.parametrize(("system", "rule", "severity", "old", "new", "on"), CHANGES)
def test_one_changed_line_is_one_finding(system, rule, severity, old, new, on):
    rows = render_switch(facts("full", system), system).splitlines()
    rows[rows.index(old)] = new
    found = audit("\n".join(rows), system)
    line = rows.index(new if on is None else on) + 1
    assert {(f.rule, f.severity.value, f.line) for f in found} == {(rule, severity, line)}
    shared = (
        system.is_frr and old.startswith("  ")
    ) or "default" in new  # the profile's lines are of both ports
    assert len(found) == (2 if shared else 1)
    assert not any("s3cret" in str(f) for f in found)
    if rule not in {"passive", "filter"}:
        assert old.replace("s3cret", "<md5_key of the inventory>") in found[0].fix


# a passive port is made active by taking a line back, which has a test of its own
@pytest.mark.parametrize(
    ("system", "old", "new"), [(s, old, new) for s, rule, _, old, new, _ in CHANGES if rule != "passive"]
)
def test_the_fix_entered_after_it_is_the_end_of_it(system, old, new):
    rows = render_switch(facts("full", system), system).splitlines()
    rows[rows.index(old)] = new
    found = audit("\n".join(rows), system)
    entered = [
        row.replace("<md5_key of the inventory>", "s3cret") for finding in found for row in finding.fix
    ]
    assert audit("\n".join([*rows, *entered]), system) == []


def test_the_fix_stands_in_its_context():
    rows = render_switch(facts("full", FRR), FRR).splitlines()
    rows[rows.index("  transmit-interval 100")] = "  transmit-interval 10"
    [found, _] = audit("\n".join(rows), FRR)
    assert found.fix == (
        "interface br0",
        " ip ospf bfd",
        " ip ospf bfd profile clusterlb",
        "bfd",
        " profile clusterlb",
        "  detect-multiplier 5",
        "  transmit-interval 100",
        "  receive-interval 100",
    )
    assert str(found).splitlines()[0] == (
        "sw.conf:60: warning: br0 has BFD 10 ms out, 100 ms in, x 5; the directors 100 ms both ways, x 5: "
        "the slower end decides when a director is dead [bfd]"
    )


def test_what_is_too_much_is_removed():
    text = render_switch(facts("plain", EOS), EOS).replace(
        "router-id 10.1.0.254", "passive-interface Ethernet1"
    )
    [found] = audit(text, EOS, "plain")
    assert found.fix == ("router ospf 1", "   no passive-interface Ethernet1")
    junos = render_switch(facts("plain", JUNOS), JUNOS)
    extra = "set protocols ospf area 0.0.0.0 interface xe-0/0/1.0 passive\n"
    [found] = audit(junos + extra, JUNOS, "plain")
    assert found.fix == (extra.replace("set", "delete", 1).rstrip(),)


@pytest.mark.parametrize(
    ("system", "old", "fix"),
    [
        (NXOS, "  router-id 10.1.0.254", ("interface Ethernet1/1", "  no ip ospf passive-interface")),
        (EOS, "   router-id 10.1.0.254", ("router ospf 1", "   no passive-interface Ethernet1")),
        (FRR, " ospf router-id 10.1.0.254", ("interface br0", " no ip ospf passive")),
    ],
)
def test_a_passive_default_stays_for_the_other_ports(system, old, fix):
    indent = old[: len(old) - len(old.lstrip())]
    text = render_switch(facts("plain", system), system).replace(old, f"{indent}passive-interface default")
    [found, other] = audit(text, system, "plain")
    assert (found.rule, found.fix) == ("passive", fix)
    rows = text.splitlines()
    end = next(n for n in range(rows.index(fix[0]) + 1, len(rows)) if not rows[n].startswith(" "))
    rows.insert(end, fix[1])
    assert [f.fix for f in audit("\n".join(rows), system, "plain")] == [other.fix]


def test_a_filter_that_is_missing_comes_whole():
    rows = render_switch(facts("plain", NXOS), NXOS).splitlines()
    rows.remove("  table-map clusterlb-in filter")
    [found] = audit("\n".join(rows), NXOS, "plain")
    assert found.fix == (
        "ip prefix-list clusterlb seq 5 permit 10.100.0.0/24 ge 32",
        "ip prefix-list clusterlb seq 10 permit 10.1.0.1/32",
        "ip prefix-list clusterlb seq 15 permit 10.1.0.2/32",
        "route-map clusterlb-in permit 10",
        "  match ip address prefix-list clusterlb",
        "router ospf clusterlb",
        "  table-map clusterlb-in filter",
    )


def test_bfd_that_the_inventory_does_not_have():
    text = render_switch(facts("plain", NXOS), NXOS)
    found = audit(text, NXOS, "no-bfd")
    assert {(f.rule, f.severity.value) for f in found} == {("bfd", "warning")}
    assert "  no ip ospf bfd" in found[0].fix


def test_a_named_port_that_does_not_speak_ospf():
    text = render_switch(facts("plain", FRR), FRR)
    [found] = audit(text, FRR, "plain", ports=("br0", "br1", "br2"))
    assert (found.rule, found.fix[0]) == ("no-ospf", "interface br2")
    assert " ip ospf area 0.0.0.0" in found.fix


def test_other_ports_than_the_named_are_left_alone():
    text = (
        render_switch(facts("plain", FRR), FRR) + "interface core\n ip ospf area 0.0.0.9\n ip ospf cost 999\n"
    )
    assert audit(text, FRR, "plain") == []
    assert {f.rule for f in audit(text, FRR, "plain", ports=())} >= {"area", "unequal-cost", "network-type"}


def test_no_ospf_at_all():
    [found] = audit("hostname core\n", FRR, "plain", ports=())
    assert (found.rule, found.severity.value, found.line) == ("no-ospf", "error", 1)


def test_a_text_of_no_known_system():
    with pytest.raises(SwitchError, match=r"sw\.conf: no line tells which system this is: say --os"):
        audit_switch("hello\n", "sw.conf", facts("plain", FRR))


def test_nxos_does_not_print_a_dead_interval_of_four_hellos():
    text = render_switch(facts("full", NXOS), NXOS).replace("  ip ospf dead-interval 8\n", "")
    assert audit(text, NXOS) == []


def test_every_rule_is_explained():
    document = (Path(__file__).parents[3] / "docs" / "switch.md").read_text()
    assert {rule for _, rule, *_ in CHANGES} | {"no-ospf", "graceful-restart"} == set(
        re.findall(r"^\| `([\w-]+)`", document, re.MULTILINE)
    )


def test_encrypted_keys_are_compared_by_number():
    for system, clear, hidden in (
        (NXOS, "md5 s3cret", "md5 3 a667d47acc18ea6b"),
        (EOS, "md5 s3cret", "md5 7 1tDgTeN8oTY="),
        (JUNOS, '"s3cret"', '"$9$abcdefgh"'),
    ):
        text = render_switch(facts("full", system), system)
        assert audit(text.replace(clear, hidden), system) == []


def test_junos_with_braces_reads_as_its_set_lines():
    braces = """\
routing-options {
    router-id 10.1.0.254;
    forwarding-table {
        export [ clusterlb-ecmp other ];
    }
}
policy-options {
    policy-statement clusterlb-ecmp {
        term vips {
            from {
                route-filter 10.100.0.0/24 orlonger;
            }
            then {
                load-balance consistent-hash;
                accept;
            }
        }
    }
    policy-statement clusterlb-in {
        term vips {
            from {
                route-filter 10.100.0.0/24 orlonger;
            }
            then accept;
        }
        term directors {
            from {
                interface [ xe-0/0/1.0 xe-0/0/2.0 ];
            }
            then reject;
        }
    }
}
protocols {
    ospf {
        import clusterlb-in;
        spf-options {
            delay 50;
        }
        area 0.0.0.0 {
            interface xe-0/0/1.0 { interface-type p2p; metric 10; hello-interval 1; dead-interval 3;
                retransmit-interval 1;
                bfd-liveness-detection {
                    minimum-interval 50;
                    multiplier 3;
                }
            }
            interface xe-0/0/2.0 {
                interface-type p2p;
                metric 30; /* dearer */
                hello-interval 1;
                dead-interval 3;
                retransmit-interval 1;
                bfd-liveness-detection {
                    minimum-interval 50;
                }
            }
            inactive: interface xe-0/0/3.0 {
                metric 99;
            }
        }
    }
}
"""
    assert detect(braces) is JUNOS
    [found] = audit(braces, JUNOS, "plain", ports=())
    assert (found.rule, found.line) == ("unequal-cost", 50)
    assert found.fix == ("set protocols ospf area 0.0.0.0 interface xe-0/0/2.0 metric 10",)


def test_network_statements_and_area_authentication():
    text = """\
frr version 8.4.4
interface br0
 ip address 10.1.0.254/24
 ip ospf network point-to-multipoint
 ip ospf hello-interval 2
 ip ospf dead-interval 8
 ip ospf retransmit-interval 1
 ip ospf message-digest-key 7 md5 s3cret
 ip ospf bfd 5 100 100
!
router ospf
 maximum-paths 32
 timers throttle spf 0 10 500
 timers lsa min-arrival 100
 network 10.1.0.0/16 area 51
 area 51 authentication message-digest
 passive-interface default
 no passive-interface br0
!
ip prefix-list vips permit 10.100.0.0/24 le 32
ip prefix-list vips permit 10.200.0.7/32
route-map in permit 10
 match ip address prefix-list vips
!
ip protocol ospf route-map in
"""
    assert audit(text, FRR, ports=()) == []
    [found] = audit(text.replace("area 51", "area 0"), FRR, ports=())
    assert (found.rule, found.line) == ("area", 15)
