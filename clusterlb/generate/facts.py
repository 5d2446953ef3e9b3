"""What the access switch must be told so that it goes with a cluster."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from clusterlb.model.inventory import Inventory


class SwitchError(Exception):
    """The system cannot do what the inventory asks; the text says what and what to change."""


@dataclass(frozen=True, slots=True)
class SwitchBfd:
    """BFD on the director ports: ``interval`` in milliseconds, both ways."""

    interval: int
    multiplier: int


@dataclass(frozen=True, slots=True)
class SwitchFacts:
    """The switch's side of a cluster. Times are seconds but for ``pace_ms`` and BFD's milliseconds.

    ``ports``: the ports, or the SVI, towards the directors. ``pace_ms``: the directors' least time between
    two changes of an LSA.
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


def facts_of(inventory: Inventory, ports: Sequence[str], router_id: str) -> SwitchFacts:
    """Return what an inventory asks of its switch; SwitchError when a timer is one OSPF cannot carry.

    Only hosts of the VIP prefixes and the directors' router ids belong in the switch's table, so these are
    what the inbound filter permits.
    """
    cluster = inventory.cluster
    ospf = cluster.ospf
    return SwitchFacts(
        cluster.name,
        ospf.area,
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
        ospf.network.value,
        ospf.area_type.value,
    )


def _whole(name: str, seconds: float) -> int:
    if seconds != int(seconds) or seconds < 1:
        raise SwitchError(f"ospf.{name} {seconds} s: OSPF carries whole seconds, at least 1. Round it.")
    return int(seconds)
