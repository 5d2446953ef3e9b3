"""``show vrrp json``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from clusterlb.drivers.interface import DriverError
from clusterlb.model.vrrp import VrrpRouter, VrrpState


def parse_routers(output: str) -> tuple[VrrpRouter, ...]:
    """Return the virtual routers that have addresses, IPv4's and IPv6's apart.

    vrrpd has both in one object (vrrpd/vrrp_vty.c, vrrp_build_json). DriverError when this is not its list.
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
