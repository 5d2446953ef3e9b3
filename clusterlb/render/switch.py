"""The access switch's configuration that goes with an inventory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import NamedTuple

from jinja2 import TemplateNotFound

from clusterlb.model.address import AddressFamily, IPNetwork
from clusterlb.model.inventory import Inventory
from clusterlb.model.ospf import BACKBONE, AreaType
from clusterlb.render.frr import default_families, hosts_of, whole_seconds
from clusterlb.render.templates import OVERRIDES, RenderError, environment, fill

COST = 10  # any value, the same on every director port
NAME = "clusterlb"  # of the generated process, lists and policies
ROUTER_ID = "ROUTER_ID"  # a placeholder for the operator to replace; no switch accepts it
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
        """Say whether the system's OSPF is FRR's."""
        return self in {System.SONIC, System.FRR}


# Limits from the manuals (docs/switch.md): the widest ECMP set; the shortest and longest BFD interval in ms.
_WIDEST = {System.NXOS: 64, System.JUNOS: 64}
_NO_CHAIN = {System.EOS: "switch/eos-authentication.j2", System.JUNOS: "switch/junos-authentication.j2"}
_BFD_RANGE = {System.NXOS: (50, 999)}


class SwitchError(RenderError):
    """The system cannot do what the inventory asks, or is unknown; the text says why, and what to change."""


@dataclass(frozen=True, slots=True)
class SwitchBfd:
    """BFD on the director ports: ``interval`` in milliseconds, both ways."""

    interval: int
    multiplier: int


class Link(NamedTuple):
    """OSPF on an uplink: its area, the area's type, the network type, in the inventory's words."""

    area: IPv4Address
    area_type: str
    network: str


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """The switch's side of a cluster. Times are seconds but for ``pace_ms`` and BFD's milliseconds.

    ``ports``: the ports, or the SVI, towards the directors. ``pace_ms``: the directors' least time between
    two changes of an LSA. ``default_routes``: the families, 4 and 6, whose default route directors can be.
    ``links``: every kind of link among the uplinks; ``area``, ``area_type`` and ``network`` describe the
    first; empty: the only kind is theirs. ``process`` and ``vrf``: the OSPF process to configure; empty: a
    process of clusterlb's in the default VRF.
    """

    cluster: str
    area: IPv4Address
    max_paths: int
    prefixes: tuple[IPv4Network, ...]
    prefixes6: tuple[IPv6Network, ...]
    router_ids: tuple[IPv4Address, ...]
    ports: tuple[str, ...]
    router_id: str
    hello: int
    dead: int
    retransmit: int
    pace_ms: int
    bfd: SwitchBfd | None
    md5_key_id: int
    md5_key: str | None
    network: str = "point-to-multipoint"
    area_type: str = "normal"
    key_chain: str | None = None
    graceful_restart: bool = False
    default_routes: frozenset[int] = frozenset()
    links: tuple[Link, ...] = ()
    process: str = ""
    vrf: str = ""

    def on(self, link: Link) -> SwitchFacts:
        """Return the facts for ports of another kind of link."""
        return replace(self, area=link.area, area_type=link.area_type, network=link.network)

    @property
    def link(self) -> Link:
        """Return the kind of link that the facts describe."""
        return Link(self.area, self.area_type, self.network)


def facts_of(inventory: Inventory, ports: Sequence[str], router_id: str) -> SwitchFacts:
    """Return the switch's facts of an inventory; raise RenderError for a timer that OSPF cannot carry.

    Only hosts of the VIP prefixes and the directors' router ids belong in the switch's table, so the inbound
    filter permits only these.
    """
    cluster = inventory.cluster
    ospf = cluster.ospf
    links = _links(inventory)
    return SwitchFacts(
        cluster.name,
        links[0].area,
        cluster.max_active,
        tuple(prefix for prefix in cluster.vip_prefixes if isinstance(prefix, IPv4Network)),
        tuple(prefix for prefix in cluster.vip_prefixes if isinstance(prefix, IPv6Network)),
        tuple(director.router_id for director in inventory.directors.values()),
        tuple(ports),
        router_id,
        whole_seconds("hello", ospf.hello),
        whole_seconds("dead", ospf.dead),
        whole_seconds("retransmit", ospf.retransmit),
        round(ospf.pace * 1000),
        SwitchBfd(round(ospf.bfd.interval * 1000), ospf.bfd.multiplier) if ospf.bfd else None,
        ospf.md5_key_id,
        ospf.md5_key,
        links[0].network,
        links[0].area_type,
        ospf.key_chain,
        ospf.graceful_restart is not None,
        frozenset(
            4 if family is AddressFamily.IPV4 else 6
            for family in default_families(inventory, inventory.directors.values())
        ),
        links,
    )


def _links(inventory: Inventory) -> tuple[Link, ...]:
    """Return the kinds of link among the uplinks, the cluster's default kind first if an uplink has it.

    The backbone's type is always normal (RFC 2328, 3.6).
    """
    ospf = inventory.cluster.ospf
    uplinks = [uplink for director in inventory.directors.values() for uplink in director.uplinks]
    kinds = [(ospf.area_of(uplink), ospf.network_of(uplink)) for uplink in uplinks]
    default = (ospf.area, ospf.network)
    return tuple(
        Link(area, (AreaType.NORMAL if area == BACKBONE else ospf.area_type).value, network.value)
        for area, network in sorted(dict.fromkeys(kinds or [default]), key=lambda kind: kind != default)
    )


def render_switch(facts: SwitchFacts, system: System) -> str:
    """Return the configuration for one system, to be pasted or merged; it removes no line.

    FRR's has the form of ``show running-config``, without defaults. The operator configures interface
    addresses, VLANs and MTUs. Raises SwitchError when the system cannot express what the inventory says.
    """
    _check(facts, system)
    return fill(
        f"switch/{system.value}.j2",
        facts=facts,
        bfd=facts.bfd,
        ports=facts.ports or (_PORT,),
        cost=COST,
        name=NAME,
        entries=_entries(facts, 4),
        entries6=_entries(facts, 6),
    )


def _entries(facts: SwitchFacts, version: int) -> list[str]:
    """Return a family's prefix list entries: hosts of the VIP prefixes, router ids, a default route."""
    prefixes: list[IPNetwork] = [*facts.prefixes] if version == 4 else [*facts.prefixes6]
    hosts = [hosts_of(prefix) for prefix in prefixes]
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
