from dataclasses import replace
from ipaddress import IPv4Address

import pytest
from switch_audit import audit_switch
from switch_inventories import INVENTORIES, PORTS, facts

from clusterlb.model.ospf import NetworkType, Uplink
from clusterlb.render.switch import System, facts_of, render_switch


@pytest.mark.parametrize("system", System)
def test_broadcast_goes_with_broadcast_alone(system):
    text = render_switch(facts("broadcast", system), system)
    assert audit_switch(text, "x", facts("broadcast", system), system) == []
    for made, asked in (("plain", "broadcast"), ("broadcast", "plain")):
        found = audit_switch(render_switch(facts(made, system), system), "x", facts(asked, system), system)
        assert [f.rule for f in found] == ["network-type"] * len(PORTS[system])
        assert all(f"the directors are {facts(asked, system).network}" in f.text for f in found)


@pytest.mark.parametrize(
    ("system", "line"),
    [
        (System.FRR, " ip ospf priority 0"),
        (System.EOS, "   ip ospf priority 0"),
        (System.NXOS, "  ip ospf priority 0"),
        (System.JUNOS, "set protocols ospf area 0.0.0.0 interface xe-0/0/1.0 priority 0"),
    ],
)
def test_somebody_must_be_elected(system, line):
    rows = render_switch(facts("broadcast", system), system).splitlines()
    place = next(n for n, row in enumerate(rows) if row.endswith(("cost 10", "metric 10")))
    [found] = audit_switch(
        "\n".join([*rows[: place + 1], line, *rows[place + 1 :]]), "x", facts("broadcast", system)
    )
    assert (found.rule, found.line) == ("network-type", place + 2)


@pytest.mark.parametrize("system", System)
def test_each_uplink_may_have_its_own(system):
    plain = INVENTORIES["plain"]
    uplinks = (Uplink("e0"), Uplink("e1", NetworkType.BROADCAST, IPv4Address("0.0.0.9")))
    directors = {name: replace(director, uplinks=uplinks) for name, director in plain.directors.items()}
    wanted = facts_of(replace(plain, directors=directors), PORTS[system], "10.1.0.254")
    other = replace(wanted, network="broadcast", area=IPv4Address("0.0.0.9"))
    for made in (wanted, other):
        assert audit_switch(render_switch(made, system), "x", wanted, system) == []
    mixed = replace(wanted, network="broadcast")  # of the one uplink, in the area of the other
    assert {f.rule for f in audit_switch(render_switch(mixed, system), "x", wanted, system)} == {
        "network-type"
    }
