"""What tells a system's configuration: lines that only it writes. What several write is no mark."""

from __future__ import annotations

from typing import NamedTuple

from clusterlb.render.switch import System


class Within(NamedTuple):
    """A mark that is one only under a line: ``row`` anywhere below an unindented line that is ``context``."""

    context: str
    row: str


Marks = tuple[str | Within, ...]

# Beginnings of lines that of all these systems only one writes.
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
