import re
from dataclasses import replace

import pytest
from switch_audit import audit_switch
from switch_inventories import PORTS, facts

from clusterlb.render.switch import System, render_switch

FULL = {system: replace(facts("full", system), area_type="nssa") for system in System}
LINE = re.compile(r"^.*area 0\.0\.0\.51 nssa\n", re.MULTILINE)


@pytest.mark.parametrize("system", System)
@pytest.mark.parametrize("kind", ["nssa", "stub"])
def test_it_is_generated(system, kind):
    text = render_switch(replace(FULL[system], area_type=kind), system)
    assert re.search(rf"area 0\.0\.0\.51 {kind}$", text, re.MULTILINE)


@pytest.mark.parametrize("system", System)
@pytest.mark.parametrize("there", ["", "stub", "nssa no-summary", "nssa default-information-originate"])
def test_another_type_is_found_on_every_port(system, there):
    text = render_switch(FULL[system], system)
    [line] = LINE.findall(text)
    changed = text.replace(line, line.replace("nssa", there) if there else "")
    found = audit_switch(changed, "sw.conf", FULL[system], system)
    if there.startswith("nssa"):
        assert found == []
        return
    assert [(f.rule, f.severity.value) for f in found] == [("area", "error")] * len(PORTS[system])
    assert found[0].fix[-1] == line.rstrip("\n")


def test_ospfv3_has_it_too():
    wanted = replace(facts("dual-stack", System.FRR), area_type="stub")
    text = render_switch(replace(wanted, area=FULL[System.FRR].area), System.FRR)
    assert len(re.findall(r"area 0\.0\.0\.51 stub$", text, re.MULTILINE)) == 2
