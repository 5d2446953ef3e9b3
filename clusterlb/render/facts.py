"""What the access switch must be told so that it goes with a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import NamedTuple

from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.inventory import Inventory
from clusterlb.model.ospf import BACKBONE, AreaType
from clusterlb.render.templates import RenderError


class SwitchError(RenderError):
    """The system cannot do what the inventory asks; the text says what and what to change."""


@dataclass(frozen=True, slots=True)
class SwitchBfd:
    """BFD on the director ports: ``interval`` in milliseconds, both ways."""

    interval: int
    multiplier: int


class Link(NamedTuple):
    """What OSPF is on an uplink: its area, the area's type, the network type, in the inventory's words."""

    area: IPv4Address
    area_type: str
    network: str


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """The switch's side of a cluster. Times are seconds but for ``pace_ms`` and BFD's milliseconds.

    ``ports``: the ports, or the SVI, towards the directors. ``pace_ms``: the directors' least time between
    two changes of an LSA. ``default_routes``: the families, 4 and 6, whose default route directors are.
    ``links``: every kind of link that an uplink has, the first the one that ``area``, ``area_type`` and
    ``network`` describe; empty: there is no other. ``process`` and ``vrf``: the OSPF process to configure,
    empty for one of our own in the default VRF.
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
        """Return the same for ports of another kind of link."""
        return replace(self, area=link.area, area_type=link.area_type, network=link.network)

    @property
    def link(self) -> Link:
        """Return the kind of link that is generated."""
        return Link(self.area, self.area_type, self.network)


def facts_of(inventory: Inventory, ports: Sequence[str], router_id: str) -> SwitchFacts:
    """Return what an inventory asks of its switch; SwitchError when a timer is one OSPF cannot carry.

    Only hosts of the VIP prefixes and the directors' router ids belong in the switch's table, so these are
    what the inbound filter permits.
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
        _whole("hello", ospf.hello),
        _whole("dead", ospf.dead),
        _whole("retransmit", ospf.retransmit),
        round(ospf.pace * 1000),
        SwitchBfd(round(ospf.bfd.interval * 1000), ospf.bfd.multiplier) if ospf.bfd else None,
        ospf.md5_key_id,
        ospf.md5_key,
        links[0].network,
        links[0].area_type,
        ospf.key_chain,
        ospf.graceful_restart is not None,
        _default_routes(inventory),
        links,
    )


def _links(inventory: Inventory) -> tuple[Link, ...]:
    """Return the kinds of link that the uplinks have; that of the cluster's own keys first, if one has it.

    The backbone is of no type but normal (RFC 2328, 3.6).
    """
    ospf = inventory.cluster.ospf
    uplinks = [uplink for director in inventory.directors.values() for uplink in director.uplinks]
    kinds = [(ospf.area_of(uplink), ospf.network_of(uplink)) for uplink in uplinks]
    own = (ospf.area, ospf.network)
    return tuple(
        Link(area, (AreaType.NORMAL if area == BACKBONE else ospf.area_type).value, network.value)
        for area, network in sorted(dict.fromkeys(kinds or [own]), key=lambda kind: kind != own)
    )


def _default_routes(inventory: Inventory) -> frozenset[int]:
    """Return the families in which directors are the default route: the SNAT pools', else the inside's."""
    if not inventory.cluster.ospf.default_originate:
        return frozenset()
    families = set(inventory.snat_families)
    if not families:
        directors = inventory.directors.values()
        families = {family_of(address) for director in directors for address in director.inside}
    return frozenset(4 if family is AddressFamily.IPV4 else 6 for family in families)


def _whole(name: str, seconds: float) -> int:
    if seconds != int(seconds) or seconds < 1:
        raise SwitchError(f"ospf.{name} {seconds} s: OSPF carries whole seconds, at least 1. Round it.")
    return int(seconds)
