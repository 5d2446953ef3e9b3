"""Whose configuration is this?"""

from __future__ import annotations

import re

from clusterlb.generate.switch import System

# Each is a line that only one system writes, the most telling first; FRR's are SONiC's too.
_MARKS = (
    (
        System.JUNOS,
        r"set (?:protocols|policy-options|routing-options|system) |(?:protocols|routing-options) \{",
    ),
    (System.NXOS, r"feature (?:ospf|bfd)$|\s+ip router ospf \S+ area |hardware profile ecmp|\s+table-map "),
    (
        System.EOS,
        r"\s+timers (?:spf delay|lsa rx)|\s+ip ospf neighbor bfd|ip hardware fib|router bfd$|! device: .*EOS",
    ),
    (System.SONIC, r"! SONiC|interface (?:Ethernet|PortChannel|Vlan|Loopback)\d+$"),
    (System.FRR, r"frr (?:version|defaults) |\s+ospf router-id |\s+ip ospf area |ip protocol ospf "),
)


def detect(text: str) -> System | None:
    """Return the system that wrote a configuration, None when nothing tells.

    SONiC is told from FRR by its interface names, and only where the lines are FRR's.
    """
    found = {system for system, mark in _MARKS if re.search(rf"^(?:{mark})", text, re.MULTILINE)}
    for system in (System.JUNOS, System.NXOS, System.EOS):
        if system in found:
            return system
    if System.FRR in found:
        return System.SONIC if System.SONIC in found else System.FRR
    return None
