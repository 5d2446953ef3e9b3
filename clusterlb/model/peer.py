"""How the connection to a peer is."""

from __future__ import annotations

from enum import Enum


class PeerState(Enum):
    """What a director hears of a peer. ``refused``: one of the two will not have the other."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    SILENT = "silent"
    REFUSED = "refused"
