from pathlib import Path

import pytest
from switch_audit import audit_switch
from switch_inventories import INVENTORIES

from clusterlb.render.switch import facts_of

HERE = Path(__file__).parent
FILES = [
    ("nxos.cfg", "Ethernet1/7", ("router ospf 65", "  vrf EDGE")),
    ("eos.cfg", "Ethernet7", ("router ospf 65 vrf EDGE",)),
    ("frr.conf", "swp7", ("router ospf vrf EDGE",)),
]


def findings(name, port):
    text = (HERE / name).read_text()
    return {f.rule: f for f in audit_switch(text, name, facts_of(INVENTORIES["plain"], (port,), "ROUTER_ID"))}


@pytest.mark.parametrize(("name", "port", "process"), FILES)
def test_the_ports_process_is_judged_and_advised(name, port, process):
    found = findings(name, port)
    assert "no-ospf" not in found
    assert found["passive"].severity.value == "error"
    width = found["ecmp-width"]
    assert "ECMP width 2" in width.text
    assert width.fix[:-1] == process
    assert width.fix[-1].strip() == "maximum-paths 8"
    assert found["spf-delay"].fix[:-1] == process


def test_the_default_vrfs_filter_is_not_the_vrfs():
    assert findings("frr.conf", "swp7")["filter"].fix[-2:] == (
        "vrf EDGE",
        " ip protocol ospf route-map clusterlb-in",
    )


def test_a_routing_instance_is_read_and_advised():
    found = findings("junos.conf", "xe-0/0/7.0")
    assert found["passive"].fix == (
        "delete routing-instances EDGE protocols ospf area 0.0.0.0 interface xe-0/0/7.0 passive",
    )
    assert found["spf-delay"].fix == ("set routing-instances EDGE protocols ospf spf-options delay 50",)
    assert "set routing-instances EDGE protocols ospf import clusterlb-in" in found["filter"].fix


def test_a_process_that_is_not_there_is_said():
    text = (HERE / "nxos.cfg").read_text().replace("ip router ospf 65", "ip router ospf 66")
    [missing] = [
        f
        for f in audit_switch(text, "x", facts_of(INVENTORIES["plain"], ("Ethernet1/7",), "ROUTER_ID"))
        if f.rule == "no-ospf"
    ]
    assert "OSPF process 66 of VRF EDGE, which the file does not have" in missing.text
    assert text.splitlines()[missing.line - 1].strip() == "ip router ospf 66 area 0.0.0.0"
