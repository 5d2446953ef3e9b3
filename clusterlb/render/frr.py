"""FRR's files from the inventory, without VIPs: VIPs are addresses of the lanes, which FRR announces."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address

from clusterlb.core.snat.state import ORIGINATE
from clusterlb.core.vrrp import Group, groups_of
from clusterlb.model.address import AddressFamily, IPNetwork, family_of
from clusterlb.model.inventory import Cluster, Director, Inventory, Vrrp
from clusterlb.model.marks import EXTERNAL_TAG
from clusterlb.model.ospf import BACKBONE, AnnounceMode, AreaType, Lane, Ospf
from clusterlb.render.templates import RenderError
from clusterlb.render.templates_aside import fill

BFD_PROFILE = "clusterlb"
# Names that clusterlb uses in FRR. IPv4 and IPv6 prefix lists are two name spaces, route-maps one.
PREFIX_LIST = "clb-vips"
ROUTE_MAPS = {AddressFamily.IPV4: "clb-ipv4", AddressFamily.IPV6: "clb-ipv6"}
_HIGHEST_COST = 65535
_IP = {AddressFamily.IPV4: "ip", AddressFamily.IPV6: "ipv6"}
GATEWAY = f"{ORIGINATE} always metric 10 metric-type 1"


@dataclass(frozen=True, slots=True)
class _Interface:
    name: str
    area: IPv4Address
    cost: int | None
    lane: bool = False
    network: str = ""
    ipv4: bool = True
    ipv6: bool = True


@dataclass(frozen=True, slots=True)
class _Entry:
    interface: str
    cost: int


@dataclass(frozen=True, slots=True)
class _Policy:
    """The kernel's routes of one family that FRR may redistribute, and their metrics."""

    ip: str
    route_map: str
    prefixes: tuple[str, ...]
    entries: tuple[_Entry, ...]


def render_config(inventory: Inventory, director: Director) -> str:
    """Return ``frr.conf`` for one director, with the lines that clusterlb needs and no other.

    Every line has the form of ``show running-config``, and FRR's defaults are left out as FRR leaves them
    out, so that the running configuration can be compared line by line. The order lets OSPF start: the router
    id before the first interface, and an interface's area after its other lines.
    Raises RenderError, also for a timer that OSPF or FRR cannot express.
    """
    ospf = inventory.cluster.ospf
    ipv6 = AddressFamily.IPV6 in inventory.cluster.families
    multiplier = _hello_multiplier(ospf)
    if ipv6 and multiplier:
        raise RenderError(
            f"ospf.hello {ospf.hello} s: OSPFv3 has no hello below 1 s (FRR ospf6d). "
            "Set hello to 1s or more; with bfd a dead director is noticed just as fast."
        )
    return fill(
        "frr/frr.conf.j2",
        cluster=inventory.cluster,
        director=director,
        ospf=ospf,
        ipv6=ipv6,
        interfaces=_interfaces(ospf, director, ipv6),
        routers=_routers(inventory, director),
        areas=_special_areas(ospf, director),
        policies=_policies(inventory.cluster),
        gateways=_gateways(inventory, director),
        gateway=GATEWAY,
        prefix_list=PREFIX_LIST,
        tag=EXTERNAL_TAG,
        graceful_restart=whole_seconds("graceful_restart", ospf.graceful_restart)
        if ospf.graceful_restart
        else 0,
        profile=BFD_PROFILE,
        hello_multiplier=multiplier,
        hello=0 if multiplier else whole_seconds("hello", ospf.hello),
        dead=whole_seconds("dead", ospf.dead),
        retransmit=whole_seconds("retransmit", ospf.retransmit),
        bfd_interval=round(ospf.bfd.interval * 1000) if ospf.bfd else 0,
    )


def render_daemons(inventory: Inventory) -> str:
    """Return ``/etc/frr/daemons`` with the daemons that the inventory needs."""
    return fill(
        "frr/daemons.j2",
        ipv6=AddressFamily.IPV6 in inventory.cluster.families,
        bfd=inventory.cluster.ospf.bfd is not None,
        vrrp=any(isinstance(vip.ha, Vrrp) for vip in inventory.vips.values()),
    )


def _routers(inventory: Inventory, director: Director) -> dict[str, list[Group]]:
    """Return VRRP's virtual routers by interface, in FRR's order."""
    found: dict[str, list[Group]] = {}
    for group in sorted(groups_of(inventory, director), key=lambda group: group.vrid):
        found.setdefault(group.interface, []).append(group)
    return found


def default_families(inventory: Inventory, directors: Iterable[Director]) -> set[AddressFamily]:
    """Return the families in which directors can be the default route.

    These are the families of the SNAT pools; without pools, those of the directors' inside addresses.
    """
    if not inventory.cluster.ospf.default_originate:
        return set()
    return set(inventory.snat_families) or {
        family_of(address) for director in directors for address in director.inside
    }


def _gateways(inventory: Inventory, director: Director) -> list[str]:
    """Return the families, in FRR's words, in which the director can be the default route."""
    families = default_families(inventory, [director])
    spoken = inventory.cluster.families | {AddressFamily.IPV4}
    return [ip for family, ip in _IP.items() if family in families and family in spoken]


def _interfaces(ospf: Ospf, director: Director, ipv6: bool) -> list[_Interface]:
    # with two uplinks, a director must be no transit router between the switches
    cost = _HIGHEST_COST if len(director.uplinks) > 1 else None
    uplinks = [
        _Interface(up.name, ospf.area_of(up), up.cost or cost, network=ospf.network_of(up).value, ipv6=ipv6)
        for up in director.uplinks
    ]
    in_area = {family: ospf.announce.of(family) is AnnounceMode.INTRA_AREA for family in AddressFamily}
    ipv4, ipv6 = in_area[AddressFamily.IPV4], ipv6 and in_area[AddressFamily.IPV6]
    lanes = [
        _Interface(lane.interface, ospf.area, ospf.costs.of(lane), lane=True, ipv4=ipv4, ipv6=ipv6)
        for lane in Lane
        if ipv4 or ipv6
    ]
    return sorted(lanes + uplinks, key=lambda interface: _frr_order(interface.name))


def _special_areas(ospf: Ospf, director: Director) -> list[IPv4Address]:
    """Return the areas that are not normal; the backbone always is (RFC 2328, 3.6)."""
    if ospf.area_type is AreaType.NORMAL:
        return []
    return sorted(set(map(ospf.area_of, director.uplinks)) - {BACKBONE})


def _policies(cluster: Cluster) -> list[_Policy]:
    prefixes = {
        family: tuple(
            hosts_of(prefix) for prefix in cluster.vip_prefixes if family_of(prefix.network_address) is family
        )
        for family in AddressFamily
    }
    entries = tuple(_Entry(lane.interface, cluster.ospf.costs.of(lane)) for lane in Lane)
    return [
        _Policy(_IP[family], ROUTE_MAPS[family], prefixes[family], entries)
        for family in sorted(cluster.ospf.external)
        if prefixes[family]
    ]


def hosts_of(prefix: IPNetwork) -> str:
    """Write a prefix list's entry for a prefix's hosts; FRR refuses ``ge`` for a prefix that is one host."""
    return str(prefix) if prefix.prefixlen == prefix.max_prefixlen else f"{prefix} ge {prefix.max_prefixlen}"


def _frr_order(name: str) -> tuple[tuple[str, int], ...]:
    """Return FRR's sort key, e2 before e10 (lib/if.c, if_cmp_name_func)."""
    return tuple((text, int(digits or -1)) for text, digits in re.findall(r"(\D*)(\d*)", name))


def _hello_multiplier(ospf: Ospf) -> int:
    """Return how many hellos a second OSPFv2 sends when hello is below 1 s, else 0."""
    if ospf.hello >= 1:
        return 0
    multiplier = round(1 / ospf.hello)
    if ospf.dead != 1 or abs(multiplier * ospf.hello - 1) > 0.01:
        raise RenderError(
            f"ospf.hello {ospf.hello} s, dead {ospf.dead} s: FRR sends hellos faster than 1 s only with "
            "dead 1s and a hello that divides it (500ms, 250ms, 200ms, 100ms). Or hello 1s with bfd."
        )
    return multiplier


def whole_seconds(name: str, seconds: float) -> int:
    """Return one of ``cluster.ospf``'s timers as OSPF carries it; raise RenderError if it is not whole."""
    if seconds != int(seconds) or seconds < 1:
        raise RenderError(f"ospf.{name} {seconds} s: OSPF carries whole seconds, at least 1. Round it.")
    return int(seconds)
