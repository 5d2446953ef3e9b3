"""OSPF's neighbours, BFD's sessions and VRRP's virtual routers, from FRR's JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clusterlb.drivers.interface import BfdSession, DriverError, OspfNeighbor
from clusterlb.model.address import AddressFamily
from clusterlb.model.vrrp import VrrpRouter, VrrpState


def parse_neighbors(text: str) -> tuple[OspfNeighbor, ...]:
    """Return the neighbours in ``show ip ospf neighbor json``; none where OSPF is not configured.

    FRR up to 9 has ``state`` (and ``nbrState`` since 8.0), FRR 10 only ``nbrState``. They are under
    ``neighbors``, one list for each router id; with ``vrf all``, the VRF's name is the level above.
    Raises DriverError when the answer is not JSON.
    """
    return tuple(_neighbors(_answer(text, "ospfd")))


def parse_neighbors6(text: str) -> tuple[OspfNeighbor, ...]:
    """Return the neighbours in ``show ipv6 ospf6 neighbor json``; none where OSPFv3 is not configured.

    One list under ``neighbors``, each entry with ``neighborId``, ``state`` and ``interfaceName``
    (ospf6_neighbor.c, ``ospf6_neighbor_show``). Raises DriverError when the answer is not JSON.
    """
    entries = _answer(text, "ospf6d").get("neighbors")
    return tuple(
        OspfNeighbor(
            str(entry.get("neighborId", "")),
            str(entry.get("interfaceName", "")),
            str(entry.get("state") or "unknown"),
            family=AddressFamily.IPV6,
        )
        for entry in (entries if isinstance(entries, list) else ())
        if isinstance(entry, dict)
    )


def parse_sessions_up(output: str) -> frozenset[BfdSession]:
    """Return the sessions of one hop in ``show bfd peers json`` that are up; DriverError without a list.

    The list has all sessions: ospfd's, those of other protocols, and the operator's. A multi-hop session has
    no interface (bfdd/bfdd_vty.c).
    """
    try:
        return frozenset(
            BfdSession(peer["peer"], peer["interface"])
            for peer in json.loads(output)
            if peer["status"] == "up" and "interface" in peer
        )
    except (ValueError, TypeError, KeyError) as error:
        raise DriverError(f"`show bfd peers json` answered something else: {output[:80]!r}") from error


def _answer(text: str, daemon: str) -> Mapping[str, object]:
    try:
        answer = json.loads(text or "{}")
    except ValueError as error:
        raise DriverError(f"{daemon}'s list of neighbours is not JSON ({error}): {text[:200]!r}") from error
    return answer if isinstance(answer, dict) else {}


def _neighbors(answer: Mapping[str, object]) -> Iterator[OspfNeighbor]:
    table = answer.get("neighbors", answer.get("default", answer))
    if isinstance(table, dict) and "neighbors" in table:
        table = table["neighbors"]
    if not isinstance(table, dict):
        return
    for router_id, entries in table.items():
        for entry in entries if isinstance(entries, list) else [entries]:
            if isinstance(entry, dict):
                yield _neighbor(router_id, entry)


def _neighbor(router_id: str, entry: Mapping[str, object]) -> OspfNeighbor:
    # "e0:10.1.0.1": the interface and its own address
    interface = str(entry.get("ifaceName", "")).partition(":")[0]
    state = str(entry.get("nbrState") or entry.get("state") or "unknown")
    address = str(entry.get("ifaceAddress") or entry.get("address") or "")
    return OspfNeighbor(router_id, interface, state, address)


def parse_routers(output: str) -> tuple[VrrpRouter, ...]:
    """Return the virtual routers with addresses in ``show vrrp json``, for IPv4 and IPv6 separately.

    vrrpd has both in one object (vrrpd/vrrp_vty.c, vrrp_build_json). DriverError for any other text.
    """
    try:
        return tuple(router for entry in json.loads(output) for router in _routers(entry))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DriverError(f"`show vrrp json` answered something else: {output[:80]!r}") from error


def _routers(entry: Mapping[str, Any]) -> Iterator[VrrpRouter]:
    for version in (4, 6):
        one = entry[f"v{version}"]
        if one["addresses"]:
            received = int(one["stats"]["adverRx"])
            yield VrrpRouter(
                entry["interface"], int(entry["vrid"]), version, VrrpState(one["status"].lower()), received
            )
