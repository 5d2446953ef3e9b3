"""The switch's configuration: the golden files, and what a system cannot express."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from switch_inventories import CASES, INVENTORIES, facts

from clusterlb.model.ospf import Ospf
from clusterlb.render.switch import SwitchBfd, SwitchError, System, facts_of, render_switch
from clusterlb.render.templates import RenderError

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "switch"


@pytest.mark.parametrize(("name", "system"), CASES)
def test_switch_is_the_golden_file(name, system, golden):
    golden(GOLDEN / f"{name}.{system.value}.conf", render_switch(facts(name, system), system))


def test_every_golden_file_has_a_case():
    assert {path.name for path in GOLDEN.iterdir()} == {f"{n}.{s.value}.conf" for n, s in CASES}


@pytest.mark.parametrize("system", [System.FRR, System.SONIC])
@pytest.mark.parametrize("name", INVENTORIES)
def test_ospf_starts_on_an_interface_after_its_timers(name, system):
    """An ospf6d that is given its dead interval later waits 40 s before it is the designated router."""
    text = render_switch(facts(name, system), system)
    for block in re.findall(r"^interface .*\n((?: .*\n)+)", text, re.MULTILINE):
        lines = block.splitlines()
        areas = [line for line in lines if " area " in line]
        assert areas
        assert lines[-len(areas) :] == areas


def test_the_port_is_a_placeholder_until_it_is_named():
    text = render_switch(replace(facts("plain", System.NXOS), ports=()), System.NXOS)
    assert "interface PORT_TO_DIRECTORS\n" in text


def test_nxos_has_no_wider_ecmp():
    with pytest.raises(SwitchError, match="max_active 65: nxos has at most 64"):
        render_switch(replace(facts("plain", System.NXOS), max_paths=65), System.NXOS)


def test_nxos_has_no_quicker_bfd():
    with pytest.raises(SwitchError, match=r"10 ms: nxos takes 50 to 999 ms"):
        render_switch(replace(facts("plain", System.NXOS), bfd=SwitchBfd(10, 3)), System.NXOS)


@pytest.mark.parametrize("ospf", [Ospf(hello=0.25, dead=1), Ospf(dead=2.5), Ospf(retransmit=0.5)])
def test_a_timer_that_ospf_cannot_carry(ospf):
    inventory = INVENTORIES["plain"]
    inventory = replace(inventory, cluster=replace(inventory.cluster, ospf=ospf))
    with pytest.raises(RenderError, match="whole seconds"):
        facts_of(inventory, (), "10.1.0.254")


def test_an_operators_key_chain_comes_from_a_template_of_his_own(tmp_path, monkeypatch):
    from clusterlb.render import templates

    (tmp_path / "switch").mkdir()
    (tmp_path / "switch" / "nxos-authentication.j2").write_text(
        "  ip ospf authentication key-chain {{ name }}\n"
    )
    monkeypatch.setattr(templates, "OVERRIDES", tmp_path)
    text = render_switch(facts("plain", System.NXOS), System.NXOS)
    assert text.count("  ip ospf authentication key-chain clusterlb\n") == 2


@pytest.mark.parametrize("system", [System.EOS, System.JUNOS])
def test_a_key_chain_where_there_is_none_needs_the_operators_lines(system, tmp_path, monkeypatch):
    from switch_audit import audit_switch

    from clusterlb.render import templates

    chain = replace(facts("plain", system), key_chain="OSPF")
    with pytest.raises(SwitchError, match=f"OSPF: {system.value} .*/switch/{system.value}-auth"):
        render_switch(chain, system)
    lines = {
        System.EOS: "   ip ospf authentication message-digest\n   ip ospf message-digest-key 1 sha256 k\n",
        System.JUNOS: "{{ interface }} authentication keychain ours\n",
    }
    (tmp_path / "switch").mkdir()
    (tmp_path / "switch" / f"{system.value}-authentication.j2").write_text(lines[system])
    monkeypatch.setattr(templates, "OVERRIDES", tmp_path)
    assert audit_switch(render_switch(chain, system), "x", chain, system) == []
