"""Whose configuration it is: small files as the systems, their generators and their archives write them."""

import pytest
from switch_audit import detect
from switch_inventories import CASES, facts

from clusterlb.audit.detect import recognise
from clusterlb.render.switch import SwitchError, System, render_switch

NXOS, EOS, JUNOS, SONIC, FRR = System.NXOS, System.EOS, System.JUNOS, System.SONIC, System.FRR
EOS_PORT = "interface Ethernet7\n   no switchport\n   ip address 192.0.2.0/31\n   ip ospf area 0\n!\n"
EOS_PROCESS = "router ospf 9 vrf EDGE\n   router-id 192.0.2.7\n   max-lsa 12000\n!\nend\n"
EOS_LAG = (
    "interface Port-Channel2.40\n   ip ospf area 0.0.0.0\n!\nrouter ospf 2\n   network 10.0.0.0/8 area 0\n"
)
NXOS_PORT = "interface Ethernet1/1\n  vrf member EDGE\n  ip router ospf A area 0\n  no shutdown\n"
NXOS_PART = "!Command: show running-config ospf\n!Time: Tue\n\nversion 10.2(3)\nrouter ospf A\n  bfd\n"
JUNOS_WHOLE = (
    "protocols { ospf {\n  area 0.0.0.0 {\n    interface ae0.0 {\n      hello-interval 1;\n    }\n  }\n}}\n"
)
JUNOS_PART = "area 0.0.0.0 {\n    interface et-0/0/0.0 {\n        interface-type p2p;\n    }\n}\n"
SONIC_LAG = "hostname sonic\ninterface PortChannel7\n ip ospf area 0\n!\nrouter ospf\n"
KNOWN = [
    (EOS, EOS_PORT + EOS_PROCESS),
    (EOS, EOS_LAG),
    (EOS, "! device: a1 (vEOS-lab, EOS-4.30.1F)\ninterface Vlan7\n  ip ospf area 0\n"),
    (NXOS, NXOS_PART),
    (NXOS, "interface Vlan7\n  no shutdown\n  ip router ospf A area 0.0.0.0\nrouter ospf A\n"),
    (NXOS, NXOS_PORT),
    (JUNOS, "set version 21.4R3.15\nset protocols ospf area 0 interface xe-0/0/1\n"),
    (JUNOS, "## Last changed: 2026-01-02\nversion 21.4R3;\nsystem {\n    host-name q;\n}\n"),
    (JUNOS, JUNOS_WHOLE),
    (JUNOS, JUNOS_PART),
    (JUNOS, "set routing-instances E protocols ospf area 0 interface xe-0/0/1.0\n"),
    (FRR, "interface eth1\n ip ospf area 0\n!\nrouter ospf\n ospf router-id 192.0.2.7\n!\n"),
    (FRR, "router ospf vrf EDGE\n network 10.0.0.0/8 area 0\nexit\n!\n"),
    (FRR, "frr version 10.1\nhostname cumulus\ninterface swp1\n ip ospf network point-to-point\n"),
    (SONIC, SONIC_LAG),
    (SONIC, "frr defaults traditional\ninterface Ethernet16 vrf Vrf1\n ip ospf area 0\nexit\n"),
]
VYOS_14 = (
    "protocols {\n    ospf {\n        parameters {\n            router-id 192.0.2.7\n        }\n    }\n}\n"
)
VYOS_13 = (
    "interfaces {\n    ethernet eth0 {\n        address 192.0.2.1/24\n    }\n}\n// vyos-config-version: x\n"
)
IOS_XE = "version 17.3\ninterface GigabitEthernet1/0/1\n no switchport\n ip ospf 1 area 0\nrouter ospf 1\n"
IOS_SVI = (
    "interface Vlan7\n ip address 192.0.2.1 255.255.255.0\nrouter ospf 1\n network 192.0.2.0 0.0.0.255 area 0"
)
FOREIGN = [
    ("VyOS", "set protocols ospf area 0 network 10.0.0.0/8\nset system host-name v\n"),
    ("VyOS", "set interfaces bonding bond0 vif 7 address 192.0.2.1/24\n"),
    ("VyOS", VYOS_14),
    ("VyOS", VYOS_13),
    ("Vyatta", "set interfaces switch switch0 address 192.0.2.1/24\nset service ssh port 22\n"),
    ("Cumulus", "nv set interface swp1 router ospf area 0\n"),
    ("CONFIG_DB", '{\n    "DEVICE_METADATA": {\n        "localhost": {}\n    }\n}\n'),
    ("IOS-XR", "!! IOS XR Configuration 7.5\nrouter ospf 1\n area 0\n  interface TenGigE0/0/0/1\n"),
    ("Cisco IOS", IOS_XE),
    ("Cisco IOS", IOS_SVI),
    ("Huawei", "sysname h\nospf 1 router-id 192.0.2.7\n area 0.0.0.0\n  network 192.0.2.0 0.0.0.255\n"),
]


@pytest.mark.parametrize(("system", "text"), KNOWN)
def test_a_file_of_a_known_system(system, text):
    guess = recognise(text, "x", None)
    assert guess.system is system
    assert guess.line


@pytest.mark.parametrize(("name", "text"), FOREIGN)
def test_a_file_of_another_system_is_named(name, text):
    with pytest.raises(SwitchError, match=name):
        recognise(text, "x", None)
    assert detect(text) is None


@pytest.mark.parametrize(
    "text", ["", "hostname x\n", "router ospf 1\n", "interface Ethernet1\n ip ospf area 0\n"]
)
def test_what_several_write_tells_nothing(text):
    with pytest.raises(SwitchError, match="say --os"):
        recognise(text, "x", None)


def test_two_systems_as_likely_are_asked_about():
    both = "line 2, `vrf context A`, is of nxos, and line 1, `vrf instance A`, of eos: say --os"
    with pytest.raises(SwitchError, match=both):
        recognise("vrf instance A\nvrf context A\n", "x", None)


@pytest.mark.parametrize(("name", "system"), CASES)
def test_what_we_generate_is_told_however_it_is_named(name, system):
    text = render_switch(facts(name, system), system)
    assert detect(text) is system
    assert detect("\n".join(row for row in text.splitlines() if row[:1] not in "!#")) is system or (
        system is SONIC  # without its comment a port such as Vlan10 or Ethernet0 tells
    )
