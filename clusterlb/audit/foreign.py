"""Systems whose configuration looks like one that is read here, and is not: what they are, and what to do."""

from __future__ import annotations

from typing import NamedTuple

from clusterlb.audit.marks import Marks, Within


class Foreign(NamedTuple):
    """A system that is not audited: the lines that only it writes, and what its operator can do."""

    name: str
    advice: str
    marks: Marks


_FRR_BELOW = (
    "It routes with FRR: save what `vtysh -c 'show running-config'` prints there, "
    "and audit that with --os frr."
)
_DEVICES = (
    "ethernet|bridge|bonding|loopback|dummy|tunnel|wireguard|openvpn|vti|pppoe|switch|vxlan|macsec|"
    "pseudo-ethernet|geneve|input|l2tpv3|virtual-ethernet|wireless"
)
_OSPF = (
    "parameters|interface|passive-interface|neighbor|redistribute|log-adjacency-changes|default-information|"
    "auto-cost|access-list|mpls-te|timers|maximum-paths|refresh|distance|max-metric|graceful-restart"
)
_AREA = "network|area-type|shortcut|authentication|range|virtual-link"
_SECTIONS = (
    "vrf name|policy (?:prefix-list|route-map|access-list)|service (?:ssh|ntp|lldp)|high-availability|"
    "nat (?:source|destination)|firewall (?:name|ipv4|group)|zone-policy"
)
_OTHER = "No system that this command reads: compare it by hand with what `clusterlb generate switch` writes."

FOREIGN = (
    Foreign(
        "VyOS, or another of Vyatta's family (EdgeOS)",
        _FRR_BELOW,
        (
            rf"(?:set|delete) interfaces (?:{_DEVICES}) ",
            rf"(?:set|delete) protocols ospf(?:v3)? (?:{_OSPF})\b",
            rf"(?:set|delete) (?:vrf name \S+ )?protocols ospf(?:v3)? area \S+ (?:{_AREA})\b",
            rf"(?:set|delete) (?:{_SECTIONS}) ",
            r"(?:set|delete) protocols static (?:route|interface-route|table) ",
            r"(?://|/\*|#)? ?(?:=== )?(?:vyos|vyatta)-config-version",
            r"(?://|/\*) ?Release version:",
            r" +(?:ethernet|bonding|bridge|dummy|wireguard|switch|loopback) [\w.]+ \{",
            Within(r"protocols \{", r" +(?:parameters|area-type|redistribute) \{"),
            Within(r"protocols \{", r" +(?:network|passive-interface|router-id|abr-type) [^;{}]+$"),
            Within(r"interfaces \{", r" +(?:address|hw-id|duplex|description) [^;{}]+$"),
        ),
    ),
    Foreign(
        "Cumulus NVUE or NCLU",
        _FRR_BELOW,
        (r"nv set ", r"net add ", r"- set:$"),
    ),
    Foreign(
        "SONiC's CONFIG_DB",
        "Save what `docker exec bgp vtysh -c 'show running-config'` prints, and audit that with --os sonic.",
        (r'\s*"(?:DEVICE_METADATA|PORT|LOOPBACK_INTERFACE|BGP_NEIGHBOR|OSPFV2_ROUTER)\w*": \{',),
    ),
    Foreign(
        "Cisco IOS-XR",
        _OTHER,
        (
            r"!! IOS XR|! ?RANCID-CONTENT-TYPE: cisco-xr",
            r"interface (?:MgmtEth|Bundle-Ether|TenGigE|HundredGigE|GigabitEthernet)\d*/?\w+/\w+/\w+",
            r"route-policy |end-policy",
            Within(r"router ospf \S+$", r" area \S+$"),
            r"\s+ipv4 address \d",
            r"RP/\d/",
        ),
    ),
    Foreign(
        "Cisco IOS, IOS-XE or ASA",
        _OTHER,
        (
            r"interface (?:(?:Fast|(?:Ten|Forty)?Gigabit)Ethernet|TwentyFiveGigE|HundredGigE|Serial)",
            r"service timestamps |boot-start-marker|ip cef|no ip http |ip classless|ip subnet-zero",
            r"version 1[0-9]\.\d",
            r"\s+ip ospf \d+ area ",
            r"\s+ip address \d+\.\d+\.\d+\.\d+ \d+\.\d+\.\d+\.\d+",
            r"line (?:con 0|vty 0|aux 0)",
            Within(r"router ospf \d+", r" network [\d.]+ [\d.]+ area "),
            r"(?:ASA|PIX) Version|\s+nameif |: Saved",
            r"vrf definition |ip vrf ",
            r"\s+(?:log-adjacency-changes|nsf|area \S+ range [\d.]+ [\d.]+)",
            r"! ?RANCID-CONTENT-TYPE: cisco$",
        ),
    ),
    Foreign(
        "F5 BIG-IP",
        _OTHER,
        (
            r"#TMSH-VERSION",
            r"(?:ltm|net|sys|auth|apm) [\w-]+ \S*.*\{",
            r"!Advanced routing|# This file is .*imish",
        ),
    ),
    Foreign(
        "Dell OS10 or Aruba AOS-CX",
        _OTHER,
        (r"! Version 10\.|!Version ArubaOS-CX|interface ethernet\d+/\d+/\d+$|interface 1/1/\d+$",),
    ),
    Foreign(
        "Ruckus or Brocade ICX",
        _OTHER,
        (
            r"interface (?:ve|ethernet) \d",
            r"\s*ip ospf active$",
            r"\s*(?:router-interface ve|port-name) ",
            r"ver 0\d",
        ),
    ),
    Foreign(
        "Huawei VRP or H3C Comware",
        _OTHER,
        (r"sysname ", r"ospf \d+(?: router-id \S+)?(?: vpn-instance \S+)?$", r"interface (?:XGE|10GE)"),
    ),
    Foreign(
        "Palo Alto PAN-OS, Fortinet, Nokia SR OS or MikroTik RouterOS",
        _OTHER,
        (
            r"set (?:deviceconfig |network virtual-router |vsys )",
            r"config router ospf",
            r"/routing ospf|/interface ",
            r'(?:/configure|configure \{|\s*router "Base")',
        ),
    ),
)
