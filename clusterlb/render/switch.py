"""The access switch's configuration that goes with an inventory."""

from __future__ import annotations

import sys
from enum import Enum

from jinja2 import TemplateNotFound

from clusterlb.model.address import IPNetwork
from clusterlb.render.facts import SwitchError, SwitchFacts
from clusterlb.render.templates import OVERRIDES, environment, fill

COST = 10  # any cost will do, as long as it is the same on every director port
NAME = "clusterlb"  # of the process, the lists and the policies that are ours
ROUTER_ID = "ROUTER_ID"  # what stands where the operator has to fill something in; no switch accepts it
_PORT = "PORT_TO_DIRECTORS"


class System(Enum):
    """A switch's operating system."""

    NXOS = "nxos"
    EOS = "eos"
    JUNOS = "junos"
    SONIC = "sonic"
    FRR = "frr"

    @property
    def is_frr(self) -> bool:
        """Say whether OSPF on it is FRR's."""
        return self in {System.SONIC, System.FRR}


# Where a manual gives them: the widest ECMP set; the shortest and longest BFD interval in ms. docs/switch.md
_WIDEST = {System.NXOS: 64, System.JUNOS: 64}
_NO_CHAIN = {System.EOS: "switch/eos-authentication.j2", System.JUNOS: "switch/junos-authentication.j2"}
_BFD_RANGE = {System.NXOS: (50, 999)}


def render_switch(facts: SwitchFacts, system: System) -> str:
    """Return the configuration for one system, to be pasted or merged; it removes nothing.

    FRR's is written as ``show running-config`` prints it, without its defaults. Interface addresses, VLANs
    and MTUs are the operator's. Raises SwitchError when the system cannot express what the inventory says.
    """
    _check(facts, system)
    ports = facts.ports or (_PORT,)
    values = {
        "facts": facts,
        "bfd": facts.bfd,
        "ports": ports,
        "cost": COST,
        "name": NAME,
        "entries": _entries(facts, 4),
        "entries6": _entries(facts, 6),
    }
    return fill(environment(), f"switch/{system.value}.j2", **values)


def _entries(facts: SwitchFacts, version: int) -> list[str]:
    """Return what a family's prefix list permits: hosts of the VIP prefixes, router ids, a default route."""
    prefixes: list[IPNetwork] = [*facts.prefixes] if version == 4 else [*facts.prefixes6]
    hosts = [f"{p} ge {p.max_prefixlen}" if p.prefixlen < p.max_prefixlen else str(p) for p in prefixes]
    ids = [f"{router_id}/32" for router_id in facts.router_ids if version == 4]
    default = ["0.0.0.0/0" if version == 4 else "::/0"] if version in facts.default_routes else []
    return [*hosts, *ids, *default]


def _check(facts: SwitchFacts, system: System) -> None:
    if facts.key_chain and not facts.md5_key and system in _NO_CHAIN and not _has(_NO_CHAIN[system]):
        raise SwitchError(
            f"cluster.ospf.key_chain {facts.key_chain}: {system.value} has no key chain of FRR's. Write "
            f"the lines with its keys into {OVERRIDES}/{_NO_CHAIN[system]}; each port includes them."
        )
    if facts.max_paths > _WIDEST.get(system, facts.max_paths):
        raise SwitchError(
            f"cluster.max_active {facts.max_paths}: {system.value} has at most {_WIDEST[system]} equal paths."
        )
    shortest, longest = _BFD_RANGE.get(system, (0, sys.maxsize))
    if facts.bfd and not shortest <= facts.bfd.interval <= longest:
        raise SwitchError(
            f"ospf.bfd.interval {facts.bfd.interval} ms: {system.value} takes {shortest} to {longest} ms. "
            "Change it in the inventory, for both ends must agree."
        )


def _has(template: str) -> bool:
    try:
        environment().get_template(template)
    except TemplateNotFound:
        return False
    return True
