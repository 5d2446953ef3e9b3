"""The kernel's answers, attribute by attribute.

Everything here walks the attributes by their types and lengths, whatever their order; ``cache.py`` holds the
fast road for the tens of thousands of messages of a full read.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from socket import ntohs
from struct import Struct

from clusterlb.drivers.ipvs.protocol import (
    ALL_FLAGS,
    NLA_TYPE_MASK,
    CommandAttr,
    DestinationAttr,
    ServiceAttr,
    StatsAttr,
)
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

HEADERS = 20  # nlmsghdr and genlmsghdr
_ATTR = Struct("=HH")
_U16 = Struct("=H")
_U32 = Struct("=I")
_S32 = Struct("=i")
_U64 = Struct("=Q")

Attributes = dict[int, tuple[int, int]]
"""Attribute type -> where its payload begins and ends."""


def attributes(data: bytes, start: int, end: int) -> Attributes:
    """Find the attributes between two offsets; ValueError where a length is impossible."""
    found: Attributes = {}
    while start + 4 <= end:
        length, kind = _ATTR.unpack_from(data, start)
        if length < 4 or start + length > end:
            raise ValueError(f"netlink attribute {kind & NLA_TYPE_MASK} has the impossible length {length}")
        found[kind & NLA_TYPE_MASK] = (start + 4, start + length)
        start += length + 3 & ~3
    return found


def inside(data: bytes, start: int, end: int, kind: int) -> Attributes:
    """Find the attributes inside the one nested attribute ``kind`` of the message at these offsets."""
    outer = attributes(data, start + HEADERS, end)
    if kind not in outer:
        raise ValueError(f"the kernel's answer lacks attribute {kind}")
    return attributes(data, *outer[kind])


def _unsigned(data: bytes, found: Attributes, kind: int) -> int:
    """Return an unsigned integer of whatever size, 0 where it is absent."""
    begin, end = found.get(kind, (0, 0))
    if end - begin == 4:
        value: int = _U32.unpack_from(data, begin)[0]
    elif end - begin == 2:
        value = _U16.unpack_from(data, begin)[0]
    elif end - begin == 8:
        value = _U64.unpack_from(data, begin)[0]
    else:
        value = data[begin] if end - begin == 1 else 0
    return value


def _text(data: bytes, found: Attributes, kind: int) -> str:
    begin, end = found.get(kind, (0, 0))
    return data[begin:end].split(b"\0", 1)[0].decode("ascii", "backslashreplace")


def _address(data: bytes, begin: int, family: int) -> IPAddress:
    if family == AddressFamily.IPV6:
        return IPv6Address(data[begin : begin + 16])
    return IPv4Address(data[begin : begin + 4])


def service(data: bytes, start: int, end: int) -> VirtualService:
    """Read NEW_SERVICE; the kernel's own HASHED flag is left out."""
    found = inside(data, start, end, CommandAttr.SERVICE)
    family = AddressFamily(_unsigned(data, found, ServiceAttr.AF))
    fwmark = _unsigned(data, found, ServiceAttr.FWMARK)
    if fwmark:
        key = ServiceKey(family, Protocol.NONE, None, 0, fwmark)
    else:
        key = ServiceKey(
            family,
            Protocol(_unsigned(data, found, ServiceAttr.PROTOCOL)),
            _address(data, found[ServiceAttr.ADDR][0], family),
            ntohs(_unsigned(data, found, ServiceAttr.PORT)),
        )
    mask_begin, mask_end = found[ServiceAttr.NETMASK]
    if family is AddressFamily.IPV6:
        prefix: int = _U32.unpack_from(data, mask_begin)[0]
    else:
        prefix = _prefix(int.from_bytes(data[mask_begin:mask_end], "big"))
    return VirtualService(
        key=key,
        scheduler=_text(data, found, ServiceAttr.SCHED_NAME),
        flags=ServiceFlag(_U32.unpack_from(data, found[ServiceAttr.FLAGS][0])[0]) & ~ServiceFlag.HASHED,
        timeout=_unsigned(data, found, ServiceAttr.TIMEOUT),
        prefix=prefix,
        pe_name=_text(data, found, ServiceAttr.PE_NAME),
    )


def _prefix(mask: int) -> int:
    """Return the length of an IPv4 mask, or the mask's own number, negative, where it has holes."""
    length = mask.bit_count()
    return length if mask == ALL_FLAGS << (32 - length) & ALL_FLAGS else -mask


def destination(data: bytes, start: int, end: int) -> Destination:
    """Read NEW_DEST. The kernel does not report the last weight that was not 0: the present one stands in."""
    found = inside(data, start, end, CommandAttr.DEST)
    family = _unsigned(data, found, DestinationAttr.ADDR_FAMILY) or AddressFamily.IPV4
    weight: int = _S32.unpack_from(data, found[DestinationAttr.WEIGHT][0])[0]
    return Destination(
        key=DestinationKey(
            _address(data, found[DestinationAttr.ADDR][0], family),
            ntohs(_unsigned(data, found, DestinationAttr.PORT)),
        ),
        method=ForwardMethod(_unsigned(data, found, DestinationAttr.FWD_METHOD)),
        weight=weight,
        upper=_unsigned(data, found, DestinationAttr.U_THRESH),
        lower=_unsigned(data, found, DestinationAttr.L_THRESH),
        tunnel_type=TunnelType(_unsigned(data, found, DestinationAttr.TUN_TYPE)),
        tunnel_port=ntohs(_unsigned(data, found, DestinationAttr.TUN_PORT)),
        tunnel_flags=TunnelFlag(_unsigned(data, found, DestinationAttr.TUN_FLAGS)),
        nominal=weight,
    )


def _counters(data: bytes, found: Attributes, wide: int, narrow: int) -> Counters:
    """Read the 64-bit counters, or the old ones of kernels before 4.1."""
    stats = attributes(data, *found.get(wide, found.get(narrow, (0, 0))))
    return Counters(
        connections=_unsigned(data, stats, StatsAttr.CONNS),
        in_packets=_unsigned(data, stats, StatsAttr.INPKTS),
        out_packets=_unsigned(data, stats, StatsAttr.OUTPKTS),
        in_bytes=_unsigned(data, stats, StatsAttr.INBYTES),
        out_bytes=_unsigned(data, stats, StatsAttr.OUTBYTES),
    )


def service_counters(data: bytes, start: int, end: int) -> Counters:
    """Read the counters of NEW_SERVICE."""
    found = inside(data, start, end, CommandAttr.SERVICE)
    return _counters(data, found, ServiceAttr.STATS64, ServiceAttr.STATS)


def destination_statistics(data: bytes, start: int, end: int) -> DestinationStatistics:
    """Read the connections and counters of NEW_DEST."""
    found = inside(data, start, end, CommandAttr.DEST)
    return DestinationStatistics(
        active=_unsigned(data, found, DestinationAttr.ACTIVE_CONNS),
        inactive=_unsigned(data, found, DestinationAttr.INACT_CONNS),
        persistent=_unsigned(data, found, DestinationAttr.PERSIST_CONNS),
        counters=_counters(data, found, DestinationAttr.STATS64, DestinationAttr.STATS),
    )


def timeouts(data: bytes, start: int, end: int) -> ProtocolTimeouts:
    """Read SET_CONFIG, the answer to GET_CONFIG."""
    found = attributes(data, start + HEADERS, end)
    return ProtocolTimeouts(
        tcp=_unsigned(data, found, CommandAttr.TIMEOUT_TCP),
        tcp_fin=_unsigned(data, found, CommandAttr.TIMEOUT_TCP_FIN),
        udp=_unsigned(data, found, CommandAttr.TIMEOUT_UDP),
    )
