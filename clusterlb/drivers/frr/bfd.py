"""``show bfd peers json``."""

from __future__ import annotations

import json

from clusterlb.drivers.interface import DriverError


def parse_sessions_up(output: str) -> int:
    """Return how many sessions are up; DriverError when this is not a list of peers."""
    try:
        peers = json.loads(output)
        return sum(peer["status"] == "up" for peer in peers)
    except (ValueError, TypeError, KeyError) as error:
        raise DriverError(f"`show bfd peers json` answered something else: {output[:80]!r}") from error
