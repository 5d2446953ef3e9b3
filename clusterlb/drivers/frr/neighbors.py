"""``show ip ospf neighbor json`` in the shapes that FRR has given it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from clusterlb.drivers.interface import DriverError, OspfNeighbor


def parse_neighbors(text: str) -> tuple[OspfNeighbor, ...]:
    """Return the neighbours in FRR's answer; none where OSPF is not configured.

    FRR up to 9 has ``state`` (``nbrState`` beside it since 8.0), FRR 10 ``nbrState`` alone; they are under
    ``neighbors``, one list for each router id, and with ``vrf all`` under the VRF's name first.
    Raises DriverError when the answer is not JSON.
    """
    try:
        answer = json.loads(text or "{}")
    except ValueError as error:
        raise DriverError(f"ospfd's list of neighbours is not JSON ({error}): {text[:200]!r}") from error
    return tuple(_neighbors(answer)) if isinstance(answer, dict) else ()


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
