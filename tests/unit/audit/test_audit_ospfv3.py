"""FRR's OSPFv3 is audited beside OSPFv2; elsewhere the audit says that it is not read."""

from dataclasses import replace

import pytest
from switch_inventories import facts

from clusterlb.audit.switch import report
from clusterlb.render.switch import System, render_switch

TEXT = render_switch(facts("dual-stack", System.FRR), System.FRR)
CHANGES = [
    ("hello-dead", "error", " ipv6 ospf6 hello-interval 1\n", ""),
    ("hello-dead", "error", " ipv6 ospf6 dead-interval 3\n", " ipv6 ospf6 dead-interval 40\n"),
    ("area", "error", " ipv6 ospf6 area 0.0.0.0\n", " ipv6 ospf6 area 0.0.0.9\n"),
    ("passive", "error", " ipv6 ospf6 cost 10\n", " ipv6 ospf6 cost 10\n ipv6 ospf6 passive\n"),
    (
        "network-type",
        "error",
        " ipv6 ospf6 cost 10\n",
        " ipv6 ospf6 cost 10\n ipv6 ospf6 network point-to-point\n",
    ),
    ("network-type", "error", " ipv6 ospf6 cost 10\n", " ipv6 ospf6 cost 10\n ipv6 ospf6 priority 0\n"),
    ("bfd", "warning", " ipv6 ospf6 bfd\n ipv6 ospf6 bfd profile clusterlb\n", ""),
    ("retransmit", "warning", " ipv6 ospf6 retransmit-interval 1\n", ""),
    ("no-ospf", "error", " ipv6 ospf6 area 0.0.0.0\n", ""),
]


def audit(text, name="dual-stack"):
    return report(text, "sw.conf", facts(name, System.FRR)).findings


@pytest.mark.parametrize(("rule", "severity", "old", "new"), CHANGES)
def test_a_ports_side(rule, severity, old, new):
    found = audit(TEXT.replace(old, new))
    assert [(f.rule, f.severity.value) for f in found] == [(rule, severity)] * 2
    assert all(f.text.startswith("OSPFv3: ") for f in found)


@pytest.mark.parametrize(
    ("rule", "old", "new"),
    [
        (
            "lsa-arrival",
            " timers lsa min-arrival 0\n maximum-paths 8\n timers throttle",
            " maximum-paths 8\n timers throttle",
        ),
        ("ecmp-width", " maximum-paths 8\n timers throttle", " maximum-paths 1\n timers throttle"),
        ("filter", "ipv6 protocol ospf6 route-map clusterlb-in6\n", ""),
        (
            "filter",
            "ipv6 prefix-list clusterlb seq 5 permit fd00:100::/64 ge 128",
            "ipv6 prefix-list clusterlb permit any",
        ),
        ("filter", "permit fd00:100::/64 ge 128", "permit fd00:100::/48 ge 128"),
    ],
)
def test_the_processs_side(rule, old, new):
    assert old in TEXT
    [found] = audit(TEXT.replace(old, new))
    assert (found.rule, found.text.startswith("OSPFv3: ")) == (rule, True)


def test_costs_of_each_version_are_their_own():
    [found] = audit(TEXT.replace(" ipv6 ospf6 cost 10\n", " ipv6 ospf6 cost 20\n", 1))
    assert (found.rule, found.fix) == ("unequal-cost", ("interface br0", " ipv6 ospf6 cost 10"))


def test_a_port_to_a_director_speaks_both():
    text = TEXT.replace(" ipv6 ospf6 area 0.0.0.0\n", "", 1)
    found = report(text, "sw.conf", facts("dual-stack", System.FRR)).findings
    assert [f.rule for f in found] == ["no-ospf"]
    unnamed = replace(facts("dual-stack", System.FRR), ports=())
    assert [f.rule for f in report(text, "x", unnamed).findings] == ["no-ospf"]


def test_the_older_way_to_put_a_port_into_an_area():
    listed = "router ospf6\n interface br0 area 0.0.0.0\n interface br1 area 0.0.0.0\n"
    assert audit(TEXT.replace(" ipv6 ospf6 area 0.0.0.0\n", "").replace("router ospf6\n", listed)) == []


def test_directors_without_ipv6_ask_nothing():
    assert audit(render_switch(facts("plain", System.FRR), System.FRR), "plain") == []


@pytest.mark.parametrize("system", [System.NXOS, System.EOS, System.JUNOS, System.SONIC])
def test_elsewhere_it_is_said(system):
    audited = report(render_switch(facts("dual-stack", system), system), "x", facts("dual-stack", system))
    assert audited.findings == []
    assert audited.omitted == (
        f"OSPFv3 is not read on {system.value}: see yourself how fd00:100::/64 gets there",
    )
