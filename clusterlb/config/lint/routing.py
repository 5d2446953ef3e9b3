"""OSPF: combinations of areas, uplinks, keys and announcements."""

from __future__ import annotations

from ipaddress import IPv4Address

from clusterlb.config.item import Everything, Placed
from clusterlb.config.report import Report
from clusterlb.model.address import AddressFamily
from clusterlb.model.inventory import Cluster, Director
from clusterlb.model.ospf import BACKBONE, AnnounceMode, AreaType, Ospf


def lint_routing(everything: Everything, report: Report) -> None:
    """Check the announcement of VIPs against the areas, the uplinks and the neighbours."""
    cluster = everything.cluster
    if cluster is None:
        return
    _stub(cluster, report)
    _keys(cluster, report)
    _stale_next_hop(everything, cluster, report)
    if cluster.sure(("ospf",), "area", "area_type", "announce"):
        _backbone(everything, cluster, report)
        for placed in everything.directors.values():
            if placed.complete("uplinks"):
                _areas(placed, cluster, report)


def _stub(placed: Placed[Cluster], report: Report) -> None:
    item, ospf = placed.item, placed.value.ospf
    if ospf.area_type is AreaType.STUB and ospf.external and placed.sure(("ospf",), "area_type", "announce"):
        report.error(
            item.at("ospf", "announce"),
            "external VIPs in a stub area, which carries no external routes",
            f"use `area_type: nssa`, or `announce: intra-area`; see {item.at('ospf', 'area_type')}",
        )


def _backbone(everything: Everything, placed: Placed[Cluster], report: Report) -> None:
    item, ospf = placed.item, placed.value.ospf
    if ospf.area_type is not AreaType.NORMAL and BACKBONE in _areas_of(everything, ospf):
        report.error(
            item.at("ospf", "area_type"),
            f"the backbone, area 0.0.0.0, cannot be of type {ospf.area_type.value}",
            "give the uplinks another `area` (RFC 2328, 3.6), or leave the type `normal`",
        )


def _keys(placed: Placed[Cluster], report: Report) -> None:
    item, ospf = placed.item, placed.value.ospf
    if ospf.key_chain and ospf.md5_key and placed.sure(("ospf",), "key_chain", "md5_key"):
        report.error(
            item.key_at("ospf", "key_chain"),
            "`key_chain` and `md5_key`: an uplink has one kind of authentication",
            f"remove one of them; the other is at {item.at('ospf', 'md5_key')}",
        )


def _stale_next_hop(everything: Everything, placed: Placed[Cluster], report: Report) -> None:
    item, ospf = placed.item, placed.value.ospf
    if ospf.announce.ipv6 is not AnnounceMode.INTRA_AREA or not placed.sure(("ospf",), "announce"):
        return
    first = next((vip for vip in everything.vips if vip.version == 6), None)
    if first is not None:
        report.warning(
            item.at("ospf", "announce"),
            "IPv6 wants `announce: {ipv6: external}` where the switch is FRR 8.4",
            f"it keeps a director that withdraws an intra-area VIP such as {first} as a next hop (frr#13579)",
        )


def _areas(placed: Placed[Director], cluster: Placed[Cluster], report: Report) -> None:
    """Check that an uplink's neighbours receive the lanes' LSAs, and that the director connects no areas."""
    item, ospf = placed.item, cluster.value.ospf
    areas = [ospf.area_of(uplink) for uplink in placed.value.uplinks]
    in_area = ospf.external != frozenset(AddressFamily)
    if in_area and areas and ospf.area not in areas:
        report.error(
            item.at("uplinks"),
            f"no uplink of `{item.name}` is in area {ospf.area}, where its VIPs are announced",
            "set the cluster's `area` to that of the uplinks, or use `announce: external`",
        )
        return
    for index, area in enumerate(areas):
        if area == areas[0]:
            continue
        if BACKBONE in (area, areas[0]):
            text = f"area {area} here and area {areas[0]} elsewhere make `{item.name}` an area border router"
            hint = "all routes of one area pass it into the other; give its uplinks one area"
        elif in_area:
            text = f"VIPs that are announced in area {ospf.area} are not seen in all areas of `{item.name}`"
            hint = "use `announce: external`, or give its uplinks one area"
        else:
            continue
        report.warning(item.at("uplinks", index), text, hint)


def _areas_of(everything: Everything, ospf: Ospf) -> set[IPv4Address]:
    """Return the areas in use: the lanes' and every uplink's."""
    uplinks = (uplink for placed in everything.directors.values() for uplink in placed.value.uplinks)
    return {ospf.area, *map(ospf.area_of, uplinks)}
