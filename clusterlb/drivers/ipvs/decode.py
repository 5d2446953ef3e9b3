"""Decode the kernel's answers, attribute by attribute.

The attributes may have any order; ``cache.py`` is the fast path for the tens of thousands of messages of a
full read.
"""

from __future__ import annotations

from struct import Struct

from clusterlb.drivers.ipvs.protocol import (
    ALL_FLAGS,
    GENL_HEADER,
    CommandAttr,
    DestinationAttr,
    ServiceAttr,
    StatsAttr,
)
from clusterlb.drivers.netlink.codec import HEADER, U32, Attributes, address, attributes, number
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.ipvs import (
    Counters,
    Destination,
    DestinationKey,
    DestinationStatistics,
    ForwardMethod,
    Protocol,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    TunnelFlag,
    TunnelType,
    VirtualService,
)

_S32 = Struct("=i")
HEADERS = HEADER.size + GENL_HEADER.size


def attributes_of(data: bytes, start: int, end: int, kind: int) -> Attributes:
    """Return the attributes in the nested attribute ``kind`` of the message at these offsets."""
    outer = attributes(data, start + HEADERS, end)
    if kind not in outer:
        raise ValueError(f"the kernel's answer lacks attribute {kind}")
    return attributes(outer[kind])


def _unsigned(found: Attributes, kind: int) -> int:
    """Return an unsigned integer of any size; 0 for a missing attribute."""
    return number(found.get(kind, b""))


def _port(found: Attributes, kind: int) -> int:
    return int.from_bytes(found.get(kind, b""), "big")


def _text(found: Attributes, kind: int) -> str:
    return found.get(kind, b"").split(b"\0", 1)[0].decode("ascii", "backslashreplace")


def _address(payload: bytes, family: int) -> IPAddress:
    """Return an address; the kernel writes 16 bytes for either family (``union nf_inet_addr``)."""
    return address(payload if family == AddressFamily.IPV6 else payload[:4])


def service(data: bytes, start: int, end: int) -> VirtualService:
    """Decode NEW_SERVICE, without the kernel's own flag HASHED."""
    found = attributes_of(data, start, end, CommandAttr.SERVICE)
    family = AddressFamily(_unsigned(found, ServiceAttr.AF))
    fwmark = _unsigned(found, ServiceAttr.FWMARK)
    if fwmark:
        key = ServiceKey(family, Protocol.NONE, None, 0, fwmark)
    else:
        key = ServiceKey(
            family,
            Protocol(_unsigned(found, ServiceAttr.PROTOCOL)),
            _address(found[ServiceAttr.ADDR], family),
            _port(found, ServiceAttr.PORT),
        )
    mask = found[ServiceAttr.NETMASK]
    prefix = number(mask) if family is AddressFamily.IPV6 else _prefix(int.from_bytes(mask, "big"))
    return VirtualService(
        key=key,
        scheduler=_text(found, ServiceAttr.SCHED_NAME),
        flags=ServiceFlag(U32.unpack_from(found[ServiceAttr.FLAGS])[0]) & ~ServiceFlag.HASHED,
        timeout=_unsigned(found, ServiceAttr.TIMEOUT),
        prefix=prefix,
        pe_name=_text(found, ServiceAttr.PE_NAME),
    )


def _prefix(mask: int) -> int:
    """Return the prefix length of an IPv4 mask; for a mask with holes, the negative mask."""
    length = mask.bit_count()
    return length if mask == ALL_FLAGS << (32 - length) & ALL_FLAGS else -mask


def destination(data: bytes, start: int, end: int) -> Destination:
    """Decode NEW_DEST. ``nominal`` is the weight, as the kernel reports no last weight that was not 0."""
    found = attributes_of(data, start, end, CommandAttr.DEST)
    family = _unsigned(found, DestinationAttr.ADDR_FAMILY) or AddressFamily.IPV4
    weight: int = _S32.unpack_from(found[DestinationAttr.WEIGHT])[0]
    return Destination(
        key=DestinationKey(
            _address(found[DestinationAttr.ADDR], family),
            _port(found, DestinationAttr.PORT),
        ),
        method=ForwardMethod(_unsigned(found, DestinationAttr.FWD_METHOD)),
        weight=weight,
        upper=_unsigned(found, DestinationAttr.U_THRESH),
        lower=_unsigned(found, DestinationAttr.L_THRESH),
        tunnel_type=TunnelType(_unsigned(found, DestinationAttr.TUN_TYPE)),
        tunnel_port=_port(found, DestinationAttr.TUN_PORT),
        tunnel_flags=TunnelFlag(_unsigned(found, DestinationAttr.TUN_FLAGS)),
        nominal=weight,
    )


def _counters(found: Attributes, wide: int, narrow: int) -> Counters:
    """Decode the 64-bit counters, or the 32-bit ones of kernels before 4.1."""
    stats = attributes(found.get(wide, found.get(narrow, b"")))
    return Counters(
        connections=_unsigned(stats, StatsAttr.CONNS),
        in_packets=_unsigned(stats, StatsAttr.INPKTS),
        out_packets=_unsigned(stats, StatsAttr.OUTPKTS),
        in_bytes=_unsigned(stats, StatsAttr.INBYTES),
        out_bytes=_unsigned(stats, StatsAttr.OUTBYTES),
    )


def service_counters(data: bytes, start: int, end: int) -> Counters:
    """Decode the counters of NEW_SERVICE."""
    found = attributes_of(data, start, end, CommandAttr.SERVICE)
    return _counters(found, ServiceAttr.STATS64, ServiceAttr.STATS)


def destination_statistics(data: bytes, start: int, end: int) -> DestinationStatistics:
    """Decode the connections and counters of NEW_DEST."""
    found = attributes_of(data, start, end, CommandAttr.DEST)
    return DestinationStatistics(
        active=_unsigned(found, DestinationAttr.ACTIVE_CONNS),
        inactive=_unsigned(found, DestinationAttr.INACT_CONNS),
        persistent=_unsigned(found, DestinationAttr.PERSIST_CONNS),
        counters=_counters(found, DestinationAttr.STATS64, DestinationAttr.STATS),
    )


def timeouts(data: bytes, start: int, end: int) -> ProtocolTimeouts:
    """Decode SET_CONFIG, the answer to GET_CONFIG."""
    found = attributes(data, start + HEADERS, end)
    return ProtocolTimeouts(
        tcp=_unsigned(found, CommandAttr.TIMEOUT_TCP),
        tcp_fin=_unsigned(found, CommandAttr.TIMEOUT_TCP_FIN),
        udp=_unsigned(found, CommandAttr.TIMEOUT_UDP),
    )
