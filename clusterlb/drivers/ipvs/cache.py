"""Decode each entry once, however often the table is read.

The table is read in full every second to find foreign edits, and most entries have not changed. The kernel
writes an entry's settings first and its counters last, at the same offsets in every message, so the bytes of
the settings are the cache's key. Equal bytes return the same object, which makes comparison with the last
read cheap.

The offsets are those of ``ip_vs_genl_fill_dest`` and ``ip_vs_genl_fill_service`` (ip_vs_ctl.c, Linux 5.3 and
later, 64-bit or not, where unaligned access needs no padding). A message of another layout has other
attribute headers, which are compared too, and is read attribute by attribute.
"""

from __future__ import annotations

from struct import Struct

from clusterlb.drivers.ipvs import decode
from clusterlb.drivers.ipvs.protocol import CommandAttr, DestinationAttr, ServiceAttr, StatsAttr
from clusterlb.drivers.netlink.codec import ATTRIBUTE
from clusterlb.model.ipvs import Counters, Destination, DestinationStatistics, VirtualService

_LIMIT = 65536  # entries; a full cache is cleared, so that edits cannot fill the memory

# Offsets inside a NEW_DEST message.
_SETTINGS = 20  # the DEST attribute's own header, then ADDR to L_THRESH
_CONNECTIONS = 108  # ACTIVE_CONNS, INACT_CONNS, PERSIST_CONNS
_FAMILY = 132  # ADDR_FAMILY
_STATS = 140
_STATS64 = 232
_END = 356
_LIVE = Struct("=4xI4xI4xI")
_COUNTERS = Struct("=4x4xQ4xQ4xQ4xQ4xQ")
_SERVICE_TAIL = 92 + 124  # STATS and STATS64, the last attributes of NEW_SERVICE
_COUNTERS_LAST = [ServiceAttr.STATS, ServiceAttr.STATS64]
_STATS_HEADER = ATTRIBUTE.pack(92, ServiceAttr.STATS)


class DecodeCache:
    """Decoded services and destinations by the bytes of their settings."""

    def __init__(self) -> None:
        self._destinations: dict[bytes, Destination] = {}
        self._services: dict[bytes, VirtualService] = {}

    def destination(self, data: bytes, start: int, end: int) -> Destination:
        """Return the destination of a NEW_DEST message; ValueError where it cannot be read."""
        settings = data[start + _SETTINGS : start + _CONNECTIONS] + data[start + _FAMILY : start + _STATS]
        known = self._destinations.get(settings)
        if known is not None:
            return known
        decoded = decode.destination(data, start, end)
        if _usual_destination(data, start, end):
            if len(self._destinations) >= _LIMIT:
                self._destinations.clear()
            self._destinations[settings] = decoded
        return decoded

    def service(self, data: bytes, start: int, end: int) -> VirtualService:
        """Return the service of a NEW_SERVICE message; ValueError where it cannot be read."""
        settings = data[start + _SETTINGS : end - _SERVICE_TAIL]
        known = self._services.get(settings)
        if known is not None:
            return known
        decoded = decode.service(data, start, end)
        if _usual_service(data, start, end):
            if len(self._services) >= _LIMIT:
                self._services.clear()
            self._services[settings] = decoded
        return decoded


def destination_statistics(data: bytes, start: int, end: int) -> DestinationStatistics:
    """Return the connections and counters of a NEW_DEST message."""
    if not _usual_destination(data, start, end):
        return decode.destination_statistics(data, start, end)
    active, inactive, persistent = _LIVE.unpack_from(data, start + _CONNECTIONS)
    counters = Counters(*_COUNTERS.unpack_from(data, start + _STATS64))
    return DestinationStatistics(active, inactive, persistent, counters)


def _headers(*attributes: tuple[int, int, int]) -> tuple[Struct, tuple[int, ...]]:
    """Return a struct for the headers of attributes (length, type, padded size), and the headers' values."""
    form = "=" + "".join(f"HH{size - 4}x" for _, _, size in attributes)
    return Struct(form), tuple(number for length, kind, _ in attributes for number in (length, kind))


_DEST_HEADERS, _USUAL_DEST = _headers(
    (20, DestinationAttr.ADDR, 20),
    (6, DestinationAttr.PORT, 8),
    (8, DestinationAttr.FWD_METHOD, 8),
    (8, DestinationAttr.WEIGHT, 8),
    (5, DestinationAttr.TUN_TYPE, 8),
    (6, DestinationAttr.TUN_PORT, 8),
    (6, DestinationAttr.TUN_FLAGS, 8),
    (8, DestinationAttr.U_THRESH, 8),
    (8, DestinationAttr.L_THRESH, 8),
    (8, DestinationAttr.ACTIVE_CONNS, 8),
    (8, DestinationAttr.INACT_CONNS, 8),
    (8, DestinationAttr.PERSIST_CONNS, 8),
    (6, DestinationAttr.ADDR_FAMILY, 8),
    (92, DestinationAttr.STATS, 92),
    (124, DestinationAttr.STATS64, 4),
    (12, StatsAttr.CONNS, 12),
    (12, StatsAttr.INPKTS, 12),
    (12, StatsAttr.OUTPKTS, 12),
    (12, StatsAttr.INBYTES, 12),
    (12, StatsAttr.OUTBYTES, 12),
)


def _usual_destination(data: bytes, start: int, end: int) -> bool:
    return end - start == _END and _DEST_HEADERS.unpack_from(data, start + 24) == _USUAL_DEST


def _usual_service(data: bytes, start: int, end: int) -> bool:
    """Say whether the counters are the last attributes, at the expected offset."""
    found = decode.attributes_of(data, start, end, CommandAttr.SERVICE)
    tail = end - _SERVICE_TAIL
    return list(found)[-2:] == _COUNTERS_LAST and data[tail : tail + 4] == _STATS_HEADER
