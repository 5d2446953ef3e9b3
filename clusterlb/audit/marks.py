"""Marks of a system's configuration: lines that only that system writes, of audited systems and of others."""

from __future__ import annotations

from typing import NamedTuple

from clusterlb.render.switch import System


class Within(NamedTuple):
    """A mark in a context: ``row`` anywhere below an unindented line that matches ``context``."""

    context: str
    row: str


Marks = tuple[str | Within, ...]

# Patterns that match the beginning of a line.
OURS: dict[System, Marks] = {
    System.JUNOS: (
        r"(?:set|deactivate) (?:protocols ospf3?|routing-instances \S+ protocols ospf3?) area \S+ interface ",
        r"(?:set|deactivate) protocols ospf (?:import|export|spf-options|disable|reference-bandwidth)\b",
        r"(?:set|deactivate) policy-options (?:policy-statement|prefix-list|community) ",
        r"(?:set|deactivate) routing-options (?:router-id|forwarding-table|static route|autonomous-system) ",
        r"(?:set|deactivate) interfaces \S+ (?:unit \d+|disable|description|mtu|(?:gig)?ether-options)",
        r"set (?:version \d|system (?:root-authentication|services ssh|login class)|chassis |apply-groups )",
        r"(?:(?:inactive: |protect: )?(?:routing-options|policy-options|routing-instances|chassis) \{)",
        r"version \d[\w.-]+;",
        r"(?:set|deactivate) (?:ospf )?area \S+ interface ",
        r"\s*(?:host-name|router-id|interface-type|hello-interval|family inet) ?\S*;",
        r"\s*(?:metric|dead-interval|retransmit-interval|route-filter|load-balance|address) [^;]+;",
        r"## Last (?:commit|changed)|# ?RANCID-CONTENT-TYPE: juniper",
    ),
    System.NXOS: (
        r"(?:no )?feature (?:[\w-]+)(?: [\w-]+)?$",
        r"\s+ip router (?:ospf|eigrp) \S+ ?(?:area )?",
        r"\s+ipv6 router ospfv3 \S+ area ",
        r"hardware profile |system default switchport|vdc \S+ id \d|boot nxos |nxos ",
        r"\s+table-map \S+ filter",
        r"vrf context ",
        r"\s+vrf member ",
        r"!Command: show running-config|! ?RANCID-CONTENT-TYPE: cisco-nx",
        r"version \d+\.\d+\(\w+\)\w*\(?\w*\)?(?: Bios:version.*)?\s*$",
        r"\s+timers lsa-arrival ",
        r"role name |snmp-server user \S+ network-(?:admin|operator)|rmon event ",
    ),
    System.EOS: (
        r"\s+timers (?:spf delay|lsa rx min interval)",
        r"\s+(?:no )?ip ospf neighbor bfd",
        r"ip hardware fib ",
        r"router bfd$",
        r"! device: .*EOS|! ?RANCID-CONTENT-TYPE: arista",
        r"! Command: show running-config",
        r"vrf instance ",
        r"ip routing vrf |no ip routing vrf ",
        r"service routing protocols model |spanning-tree mode mstp$|transceiver qsfp |no aaa root",
        r"management (?:api|ssh|security) ?|daemon TerminAttr|ip virtual-router mac-address ",
        Within(r"interface (?:Ethernet|Vlan|Port-Channel)\d+(?:/\d+)*\s*$", r" {3}ip ospf area \S+"),
        Within(r"router ospf \d+(?: vrf \S+)?\s*$", r" {3}\S"),
        Within(r"interface (?:Ethernet|Vlan|Port-Channel|Loopback|Management)\d", r" {3}\S"),
        r"interface Port-Channel\d+|interface Management\d+",
    ),
    System.FRR: (
        r"frr (?:version|defaults) ?|service integrated-vtysh-config",
        r"\s*ospf6? router-id |\s*ospf6 router-id ",
        r"router ospf6?(?: vrf \S+)?\s*$",
        r"\s*ip(?:v6)? protocol (?:ospf6?|any|bgp) route-map ",
        r"\s*timers throttle lsa all |\s*timers lsa min-arrival ",
        r"\s*ip ospf (?:bfd profile|passive)|\s*ipv6 ospf6 ",
        r"exit-vrf$|log syslog informational",
        r"\s+(?:transmit-interval|receive-interval|detect-multiplier) \d+",
    ),
}
SONIC = (
    r"! SONiC|hostname sonic|"
    r"interface (?:Ethernet|PortChannel|Vlan|Loopback|Eth\d+/(?:\d+/)*)\d+(?: vrf \S+)?\s*$"
)


class Foreign(NamedTuple):
    """A system that is not audited, with its marks, and advice for its operator."""

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
