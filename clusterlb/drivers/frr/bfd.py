"""``show bfd peers json``."""

from __future__ import annotations

import json

from clusterlb.drivers.interface import BfdSession, DriverError


def parse_sessions_up(output: str) -> frozenset[BfdSession]:
    """Return the sessions of one hop that are up; DriverError when this is not a list of peers.

    The list has everybody's: those that ospfd asks for, other protocols' and the operator's. One of several
    hops has no interface (bfdd/bfdd_vty.c).
    """
    try:
        return frozenset(
            BfdSession(peer["peer"], peer["interface"])
            for peer in json.loads(output)
            if peer["status"] == "up" and "interface" in peer
        )
    except (ValueError, TypeError, KeyError) as error:
        raise DriverError(f"`show bfd peers json` answered something else: {output[:80]!r}") from error
