"""The audit of files as operators have them: parts, groups, wildcards, other spellings of the same."""

from dataclasses import replace

import pytest
from switch_audit import audit_switch
from switch_inventories import facts

from clusterlb.audit.switch import report
from clusterlb.render.switch import System, render_switch

NXOS, EOS, JUNOS, FRR = System.NXOS, System.EOS, System.JUNOS, System.FRR


def audit(text, system, name="plain", **changed):
    return audit_switch(text, "sw.conf", replace(facts(name, system), **changed), system)


def generated(system, name="plain"):
    return render_switch(facts(name, system), system)


def tuned(prefix="", suffix="", start="set "):
    """The statements of a port to directors, with ``prefix`` in front."""
    bfd = ("bfd-liveness-detection minimum-interval 50", "bfd-liveness-detection multiplier 3")
    timers = ("hello-interval 1", "dead-interval 3", "retransmit-interval 1")
    words = ("interface-type p2p", "metric 10", *timers, *bfd)
    return "".join(f"{start}{prefix}{word}{suffix}\n" for word in words)


def without_ports():
    return "".join(f"{row}\n" for row in generated(JUNOS).splitlines() if "protocols ospf area" not in row)


def test_interface_all_is_for_named_ports():
    text = without_ports() + tuned("protocols ospf area 0 interface all ")
    assert audit(text, JUNOS) == []
    [unseen] = audit(text, JUNOS, ports=())
    assert (unseen.rule, unseen.severity.value) == ("no-ospf", "not seen")
    slow = text + "set protocols ospf area 0 interface xe-0/0/1 interface-type p2p\n"
    assert {f.rule for f in audit(slow, JUNOS)} >= {"hello-dead"}, "its own statements are all that it has"


def test_management_is_no_port_to_directors():
    text = without_ports() + tuned("protocols ospf area 0 interface all ")
    [unseen] = audit(text + "set protocols ospf area 0 interface fxp0.0 disable\n", JUNOS, ports=())
    assert unseen.severity.value == "not seen"


@pytest.mark.parametrize(
    ("group", "apply"),
    [
        ("groups D protocols ospf area 0.0.0.0 interface <xe-*> ", "set apply-groups D\n"),
        ("groups D protocols ospf area <*> interface <*> ", "set protocols apply-groups [ X D ]\n"),
        ("groups D protocols ospf area 0.0.0.0 interface xe-0/0/1.0 ", "set protocols ospf apply-groups D\n"),
    ],
)
def test_groups_are_applied(group, apply):
    ports = "".join(f"set protocols ospf area 0.0.0.0 interface xe-0/0/{n}.0\n" for n in (1, 2))
    two = tuned("protocols ospf area 0.0.0.0 interface xe-0/0/2.0 ")
    text = without_ports() + ports + tuned(group) + two
    assert audit(text + apply, JUNOS) == []
    assert {f.rule for f in audit(text, JUNOS)} >= {"hello-dead", "network-type"}
    own = "set protocols ospf area 0.0.0.0 interface xe-0/0/1.0 dead-interval 9\n"
    [found] = audit(text + apply + own, JUNOS)
    assert (found.rule, "9 s" in found.text) == ("hello-dead", True)


def test_an_interface_is_named_by_its_address():
    text = generated(JUNOS).replace("interface xe-0/0/1.0 ", "interface 192.0.2.1 ")
    address = "set interfaces xe-0/0/1 unit 0 family inet address 192.0.2.1/31\n"
    assert audit(text + address, JUNOS) == []
    assert audit(text + address, JUNOS, ports=()) == []


def test_a_unit_may_be_left_out():
    text = generated(JUNOS).replace("xe-0/0/1.0", "xe-0/0/1")
    for ports in (("xe-0/0/1", "xe-0/0/2.0"), ("xe-0/0/1.0", "xe-0/0/2"), ()):
        assert audit(text, JUNOS, ports=ports) == []


@pytest.mark.parametrize("above", ["", "ospf ", "protocols ospf "])
@pytest.mark.parametrize("style", ["set", "braces"])
def test_a_part_of_junos_claims_nothing_about_the_rest(above, style):
    if style == "set":
        text = "".join(
            f"set {above}{row.removeprefix('set protocols ospf ')}\n"
            for row in generated(JUNOS).splitlines()
            if row.startswith("set protocols ospf ")
        )
    else:
        inner = "".join(f"interface {p} {{\n{tuned('', ';', '')}}}\n" for p in facts("plain", JUNOS).ports)
        inner = inner.replace(
            "bfd-liveness-detection minimum-interval 50", "bfd-liveness-detection { minimum-interval 50; }"
        )
        text = (
            "".join(f"{word} {{\n" for word in above.split())
            + "import clusterlb-in; spf-options { delay 50; }\n"
        )
        text += f"area 0.0.0.0 {{\n{inner}}}\n" + "}\n" * len(above.split())
    audited = report(text, "x", facts("plain", JUNOS))
    assert audited.guess.system is JUNOS
    assert {f.severity.value for f in audited.findings} == {"not seen"}
    assert {f.rule for f in audited.findings} == {"ecmp-width", "filter"}


def test_one_daemons_file_claims_nothing_about_the_others():
    rows = generated(FRR).splitlines()
    mine = rows[: rows.index("ip prefix-list clusterlb seq 5 permit 10.100.0.0/24 ge 32")]
    head = ["!", "! Zebra configuration saved from vty", "!   2026/01/02 03:04:05", "!", "frr version 8.5.1"]
    found = audit("\n".join([*head, *mine]), FRR)
    assert {(f.rule, f.severity.value) for f in found} == {("filter", "not seen"), ("bfd", "not seen")}
    assert {f.rule for f in audit("\n".join(mine), FRR) if f.severity.value == "warning"} == {"filter", "bfd"}


@pytest.mark.parametrize("system", [NXOS, EOS, FRR])
def test_a_filter_that_is_not_in_the_file_is_not_seen(system):
    rows = [
        row for row in generated(system).splitlines() if not row.startswith(("route-map", "ip prefix-list"))
    ]
    [found] = audit("\n".join(rows), system)
    assert (found.rule, found.severity.value, found.fix) == ("filter", "not seen", ())


@pytest.mark.parametrize("system", [NXOS, EOS, FRR])
def test_a_condition_that_is_not_understood_is_not_seen(system):
    text = generated(system).replace("match ip address prefix-list clusterlb", "match tag 210")
    assert {(f.rule, f.severity.value) for f in audit(text, system)} == {("filter", "not seen")}


def test_junos_prefix_lists_are_understood():
    exact = "route-filter 10.100.0.0/24 prefix-length-range /32-/32"
    lists = "set policy-options prefix-list vips 10.100.0.0/24\n"
    text = generated(JUNOS).replace(exact, "prefix-list-filter vips orlonger")
    assert {(f.rule, f.severity.value) for f in audit(text, JUNOS)} == {("filter", "not seen")}
    assert audit(text + lists, JUNOS) == []
    wide = lists.replace("/24", "/20")
    assert {(f.rule, f.severity.value) for f in audit(text + wide, JUNOS)} == {("filter", "warning")}


@pytest.mark.parametrize(
    ("system", "old", "new"),
    [
        (NXOS, "interface Ethernet1/1", "interface ethernet1/1"),
        (NXOS, "  ip ospf hello-interval 1", "  ip ospf hello-interval 10\n  ip ospf hello-interval 1"),
        (
            NXOS,
            "  ip ospf network point-to-point",
            "  ip ospf network broadcast\n  ip ospf network point-to-point",
        ),
        (NXOS, "  ip ospf bfd", "  no ip ospf bfd disable\n  ip ospf bfd"),
        (EOS, "min-rx 50", "min_rx 50"),
        (EOS, "   ip ospf cost 10", "   ip ospf cost 10\n   shutdown\n   no shutdown"),
        (FRR, " ip ospf area 0.0.0.0", " ip ospf area 0"),
        (FRR, " ip ospf hello-interval 1", " ip ospf hello-interval 1 10.1.0.254"),
        (FRR, "interface br0", "interface br0\n description d1 to d4\nexit\n!\ninterface br0"),
        (FRR, "router ospf", "no router ospf\nrouter ospf"),
    ],
)
def test_the_same_said_otherwise_is_the_same(system, old, new):
    text = generated(system).replace(f"{old}\n", f"{new}\n") if "\n" not in old else generated(system)
    text = text if new in text else generated(system).replace(old, new)
    assert new in text
    assert audit(text, system) == []


def test_frr_without_indentation():
    text = "\n".join(row.lstrip() if not row.startswith("  ") else row for row in generated(FRR).splitlines())
    flat = text.replace("\nprofile clusterlb", "\n profile clusterlb").replace(
        "\nexit\nexit\n", "\n exit\nexit\n"
    )
    assert audit(flat, FRR) == []


def test_the_last_word_counts_also_when_it_takes_back():
    text = generated(FRR) + "interface br0\n no ip ospf network\n no ip ospf hello-interval\nexit\n"
    assert {f.rule for f in audit(text, FRR)} == {"network-type", "hello-dead"}
    assert {f.rule for f in audit(generated(EOS) + "no router ospf 1\n", EOS)} == {"no-ospf"}


def test_a_subinterface_is_off_with_its_parent():
    wanted = replace(facts("plain", FRR), ports=("bond0.7",))
    text = render_switch(wanted, FRR) + "interface bond0\n shutdown\nexit\n"
    [found] = audit_switch(text, "x", wanted, FRR)
    assert (found.rule, text.splitlines()[found.line - 1]) == ("switched-off", " shutdown")


def test_a_vrf_that_is_shut_down():
    text = render_switch(replace(facts("plain", NXOS), vrf="EDGE", process="65"), NXOS)
    for port in facts("plain", NXOS).ports:
        text = text.replace(f"interface {port}\n", f"interface {port}\n  vrf member EDGE\n")
    assert audit(text, NXOS) == []
    [found] = audit(text + "vrf context EDGE\n  shutdown\n", NXOS)
    assert (found.rule, found.fix) == ("switched-off", ("vrf context EDGE", "  no shutdown"))


def test_of_network_statements_the_narrowest_counts():
    rows = (
        generated(EOS)
        .replace("   ip ospf area 0.0.0.0\n", "")
        .replace("interface Ethernet1\n", "interface Ethernet1\n   ip address 192.0.2.0/31\n")
        .replace("interface Ethernet2\n", "interface Ethernet2\n   ip address 192.0.2.2/31\n")
    )
    text = rows.replace(
        "router ospf 1\n", "router ospf 1\n   network 192.0.2.0/24 area 0\n   network 0.0.0.0/0 area 9\n"
    )
    assert audit(text, EOS) == []
    narrow = text.replace("area 9\n", "area 9\n   network 192.0.2.2/32 area 8\n")
    [found] = audit(narrow, EOS)
    assert (found.rule, found.fix) == (
        "area",
        ("router ospf 1", "   no network 192.0.2.2/32 area 8", "   network 192.0.2.2/32 area 0.0.0.0"),
    )


def test_key_chains_go_with_key_chains():
    for system in (NXOS, System.SONIC, FRR):
        chain = replace(facts("plain", system), key_chain="OSPF")
        text = render_switch(chain, system)
        assert audit_switch(text, "x", chain, system) == []
        assert {f.rule for f in audit(text, system)} == {"authentication"}
        found = audit_switch(generated(system), "x", chain, system)
        assert found[0].fix[-1].strip() == "ip ospf authentication key-chain OSPF"


def test_help_for_a_planned_restart():
    text = generated(FRR, "nssa").replace(" graceful-restart helper enable\n", "")
    assert {(f.rule, f.severity.value) for f in audit(text, FRR, "nssa")} == {("graceful-restart", "warning")}
    for system, line in ((NXOS, "  graceful-restart helper-disable"), (EOS, "   no graceful-restart-helper")):
        rows = generated(system, "nssa").splitlines()
        place = next(n for n, row in enumerate(rows) if "router-id" in row)
        [found] = audit("\n".join([*rows[:place], line, *rows[place:]]), system, "nssa")
        assert (found.rule, found.line) == ("graceful-restart", place + 1)


@pytest.mark.parametrize("system", System)
def test_the_directors_default_route_gets_in(system):
    text = generated(system, "nssa")
    row = next(row for row in text.splitlines() if "0.0.0.0/0" in row)
    [*_, found] = audit(text.replace(f"{row}\n", ""), system, "nssa")
    assert (found.rule, found.severity.value, "default route" in found.text) == ("filter", "error", True)


@pytest.mark.parametrize(
    "head", ["", "!Command: show running-config ospf\n!Time: Tue\nversion 9.3(5) Bios:version\n"]
)
def test_what_nxos_shows_of_ospf_alone(head):
    rows = generated(NXOS).splitlines()
    text = head + "\n".join(
        row for row in rows if not row.startswith(("feature bfd", "hardware", "ip prefix", "route-map"))
    )
    text = "\n".join(row for row in text.splitlines() if "bfd interval" not in row and "redirects" not in row)
    found = audit(text, NXOS)
    assert {f.severity.value for f in found} == {"not seen"}
    assert {f.rule for f in found} == {"bfd", "filter"}
    bare = audit(text.replace("  table-map clusterlb-in filter\n", ""), NXOS)
    assert ("filter", "warning") in {(f.rule, f.severity.value) for f in bare}, "that one is OSPF's own line"


def test_a_range_of_ports():
    one = render_switch(replace(facts("plain", NXOS), ports=("Ethernet1/1",)), NXOS)
    text = one.replace("interface Ethernet1/1\n", "interface Ethernet1/1-4\n")
    assert audit(text, NXOS, ports=("Ethernet1/3", "Ethernet1/4")) == []
    assert audit(text, NXOS, ports=()) == []
    [found] = audit(text, NXOS, ports=("Ethernet1/5",))
    assert found.rule == "no-ospf"


def test_every_line_that_switches_off_is_named():
    rows = generated(EOS).splitlines()
    place = rows.index("router ospf 1") + 1
    text = "\n".join([*rows[:place], "   shutdown", *rows[place:], "no ip routing"])
    found = audit(text, EOS)
    assert [(f.rule, f.line) for f in found] == [("switched-off", place + 1), ("switched-off", len(rows) + 2)]


def test_a_group_is_not_where_a_port_is():
    group = tuned("groups D protocols ospf area 0.0.0.0 interface <*> ").replace(
        "interface-type p2p", "priority 9"
    )
    text = group + "set apply-groups D\n" + generated(JUNOS).replace(" interface-type p2p", "")
    found = audit(text, JUNOS)
    assert {f.rule for f in found} == {"network-type"}
    assert all("set protocols ospf area" in text.splitlines()[f.line - 1] for f in found)
