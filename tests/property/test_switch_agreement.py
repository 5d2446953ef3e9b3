"""What is generated for a switch and what its audit asks for are the same, whatever the inventory says."""

from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from switch_strategies import OSPF, inventories, ports

from clusterlb.audit.switch import report
from clusterlb.model.ospf import AreaType, Bfd, NetworkType, Uplink
from clusterlb.render.switch import SwitchError, System, facts_of, render_switch

ROUTER_ID = "10.1.0.254"
POINT, BROADCAST = NetworkType.POINT_TO_POINT, NetworkType.BROADCAST
AREA = st.integers(1, 2**32 - 1).map(IPv4Address)
# what both ends must agree on, with another value of it
OTHERS = {
    "area": lambda ospf: replace(ospf, area=IPv4Address(int(ospf.area) ^ 1 or 2)),
    "area_type": lambda ospf: replace(
        ospf, area_type=AreaType.STUB if ospf.area_type is AreaType.NSSA else AreaType.NSSA
    ),
    "network": lambda ospf: replace(
        ospf,
        network=NetworkType.POINT_TO_POINT
        if ospf.network is NetworkType.BROADCAST
        else NetworkType.BROADCAST,
    ),
    "hello": lambda ospf: replace(ospf, hello=ospf.hello % 65535 + 1),
    "dead": lambda ospf: replace(ospf, dead=ospf.dead % 65535 + 1),
    "bfd": lambda ospf: replace(ospf, bfd=None if ospf.bfd else Bfd(0.1, 4)),
    "md5_key": lambda ospf: replace(ospf, md5_key=None if ospf.md5_key else "other"),
    "md5_key_id": lambda ospf: replace(ospf, md5_key="k", md5_key_id=ospf.md5_key_id % 255 + 1),
    "key_chain": lambda ospf: replace(ospf, key_chain=None if ospf.key_chain else "other"),
}
# what one end says alone, or what the switch's defaults and our own timers cover
ALONE = {"announce", "pace", "retransmit", "costs", "graceful_restart", "default_originate"}
MEMBER = {System.NXOS: "  vrf member", System.EOS: "   vrf"}


def rendered(facts, system):
    """What is generated, None where the system cannot express the inventory; then the error names the key."""
    try:
        return render_switch(facts, system)
    except SwitchError as error:
        said = str(error)
    assert any(key in said for key in ("cluster.max_active", "ospf.bfd", "cluster.ospf.key_chain"))
    return None


def braces(text):
    """Junos's statements as ``show configuration`` without ``display set`` prints them."""
    tree: dict[str, Any] = {}
    for row in text.splitlines():
        at = tree
        for word in row.removeprefix("set ").split(" ") if row.startswith("set ") else ():
            at = at.setdefault(word, {})
    return "\n".join(_inside(tree, ""))


def _inside(tree, indent):
    for word, below in tree.items():
        if not below:
            yield f"{indent}{word};"
        else:
            yield from (f"{indent}{word} {{", *_inside(below, f"{indent}    "), f"{indent}}}")


@given(inventories(64, key_chain=st.none()), ports(System.JUNOS), st.sampled_from(["", "EDGE"]))
def test_junos_with_braces_passes_as_its_set_lines_do(inventory, named, vrf):
    facts = replace(facts_of(inventory, named, ROUTER_ID), vrf=vrf)
    text = braces(render_switch(facts, System.JUNOS))
    audited = report(text, "sw.conf", replace(facts, vrf=""))
    assert (audited.findings, audited.guess.system) == ([], System.JUNOS)


@pytest.mark.parametrize("system", System)
@given(st.data())
def test_what_is_generated_passes_its_own_audit(system, data):
    facts = facts_of(data.draw(inventories()), data.draw(ports(system)), ROUTER_ID)
    facts = replace(facts, vrf=data.draw(st.sampled_from(["", "EDGE"])))
    if system in {System.NXOS, System.EOS}:
        facts = replace(facts, process=data.draw(st.sampled_from(["", "204"])))
    text = rendered(facts, system)
    if text is None:
        return
    if facts.vrf and system in MEMBER:
        for port in facts.ports:  # the ports are the operator's, and so is their VRF
            text = text.replace(f"interface {port}\n", f"interface {port}\n{MEMBER[system]} {facts.vrf}\n")
    for named in (facts.ports, ()):
        for said in (system, None):
            audited = report(text, "sw.conf", replace(facts, ports=named, process="", vrf=""), said)
            assert audited.findings == []
            assert audited.guess.system is system


def test_every_key_is_one_that_both_ends_share_or_not():
    assert set(OTHERS) | ALONE == set(OSPF)


# these two take no key chain of FRR's, so that there is nothing to compare
NO_CHAIN = {(System.EOS, "key_chain"), (System.JUNOS, "key_chain")}


@pytest.mark.parametrize(
    ("system", "key"), [(s, key) for s in System for key in OTHERS if (s, key) not in NO_CHAIN]
)
@settings(max_examples=20)
@given(st.data())
def test_a_key_that_the_switch_has_otherwise_is_found(system, key, data):
    fixed = {"area": AREA, "bfd": st.none() | st.just(Bfd(0.2, 3))}
    if key == "key_chain":
        fixed["md5_key"] = st.none()
    elif (system, "key_chain") in NO_CHAIN:
        fixed["key_chain"] = st.none()
    inventory = data.draw(inventories(64, **fixed))
    directors = {
        name: replace(director, uplinks=(Uplink("e0"),)) for name, director in inventory.directors.items()
    }
    ospf = inventory.cluster.ospf
    if key == "md5_key_id":
        ospf = replace(ospf, md5_key="k")
    there = replace(inventory, directors=directors, cluster=replace(inventory.cluster, ospf=ospf))
    here = replace(there, cluster=replace(there.cluster, ospf=OTHERS[key](ospf)))
    named = data.draw(ports(system))
    text = rendered(facts_of(there, named, ROUTER_ID), system)
    wanted = facts_of(here, named, ROUTER_ID)
    assert text is not None
    rules = {finding.rule for finding in report(text, "sw.conf", wanted, system).findings}
    assert rules & {"area", "hello-dead", "network-type", "authentication", "bfd"}
