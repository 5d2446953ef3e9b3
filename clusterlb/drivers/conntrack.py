"""Connection tracking's table, read through ctnetlink for what it says about our own addresses.

The table holds up to hundreds of thousands of connections. So the kernel is asked only for those with a
translated source (Linux 6.1 heeds CTA_STATUS in a dump; a kernel that does not sends all, and what is not
ours is left out here), and of each only the reply tuple is looked at, as bytes: without its last attribute,
our port, it is exactly the tuple in which that port must be unique. The layouts are those of
include/uapi/linux/netfilter/nfnetlink_conntrack.h and net/netfilter/nf_conntrack_netlink.c.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from os import strerror
from typing import NamedTuple

from clusterlb.drivers.interface import DriverError
from clusterlb.model.address import IPAddress
from clusterlb.model.port_use import AddressUse, ConntrackFailures, Remote

_NETLINK_NETFILTER = 12
_CTNETLINK = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_CT_GET = _CTNETLINK | 1
_CT_GET_STATS_CPU = _CTNETLINK | 4
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST_DUMP = 0x301
_NLA_F_NESTED = 0x8000
_NLA_TYPE_MASK = 0x3FFF

_CTA_TUPLE_REPLY = 2
_CTA_STATUS = 3
_CTA_PROTOINFO = 4
_CTA_PROTOINFO_TCP = 1
_CTA_PROTOINFO_TCP_STATE = 1
_IPS_SRC_NAT = 1 << 4  # nf_conntrack_common.h
_OVER = (7, 8)  # TCP_CONNTRACK_TIME_WAIT and _CLOSE, nf_conntrack_tcp.h
_COUNTERS = (9, 10, 11)  # CTA_STATS_INSERT_FAILED, CTA_STATS_DROP, CTA_STATS_EARLY_DROP

_HEADER = struct.Struct("=IHHII")
_KIND = struct.Struct("=IH")
_ATTRIBUTE = struct.Struct("=HH")
_ERROR = struct.Struct("=i")
_NUMBER = struct.Struct(">I")
_BODY = _HEADER.size + 4  # after nfgenmsg
_READ_SIZE = 1 << 16  # the kernel writes at most 32 KiB of a dump at a time (netlink_recvmsg)
_TIMEOUT = 15.0

# A reply tuple in pieces: CTA_TUPLE_IP with source and destination, CTA_TUPLE_PROTO with the protocol's
# number, the source port and the destination port, each after an attribute header of 4 bytes.
_SOURCE_PORT = _ATTRIBUTE.pack(6, 2)
_PORT_SIZE = 8


class _Family(NamedTuple):
    """How an address family's reply tuples begin, and where things are in them."""

    begins: bytes
    remote: slice
    own: slice
    protocol: int


_IPV4 = _Family(
    _ATTRIBUTE.pack(20, 1 | _NLA_F_NESTED) + _ATTRIBUTE.pack(8, 1), slice(8, 12), slice(16, 20), 28
)
_IPV6 = _Family(
    _ATTRIBUTE.pack(44, 1 | _NLA_F_NESTED) + _ATTRIBUTE.pack(20, 3), slice(8, 24), slice(28, 44), 52
)


class KernelConntrack:
    """ConntrackDriver for the network namespace of the thread that calls."""

    def port_use(self, addresses: Collection[IPAddress]) -> dict[IPAddress, AddressUse]:
        """Count the connections of each address, and those to its fullest remote."""
        counts: dict[bytes, int] = {}
        for data, start, end in _translated():
            first, last, _ = _reply(data, start, end)
            shared = data[first : last - _PORT_SIZE]
            counts[shared] = counts.get(shared, 0) + 1
        totals = dict.fromkeys((address.packed for address in addresses), 0)
        fullest: dict[bytes, tuple[int, bytes]] = {}
        for shared, count in counts.items():
            own = shared[_family(shared).own]
            if own in totals:
                totals[own] += count
                if shared[-_PORT_SIZE:-4] == _SOURCE_PORT and count > fullest.get(own, (0, b""))[0]:
                    fullest[own] = count, shared
        return {address: _use(totals[address.packed], fullest.get(address.packed)) for address in addresses}

    def flows_of(self, addresses: Collection[IPAddress]) -> int:
        """Count the connections of these addresses that are not over."""
        wanted = {address.packed for address in addresses}
        count = 0
        for data, start, end in _translated():
            first, last, rest = _reply(data, start, end)
            tuple_ = data[first:last]
            if tuple_[_family(tuple_).own] in wanted and _tcp_state(data, rest, end) not in _OVER:
                count += 1
        return count

    def failures(self) -> ConntrackFailures:
        """Add up the counters of all CPUs."""
        totals = [0, 0, 0]
        for data, start, end in _dump(_CT_GET_STATS_CPU):
            for place, kind in enumerate(_COUNTERS):
                first, last = _find(data, start, end, kind)
                totals[place] += int.from_bytes(data[first:last], "big")
        return ConntrackFailures(*totals)


def _translated() -> Iterator[tuple[bytes, int, int]]:
    """Yield the connections whose source is translated: a buffer, and where an entry's attributes are."""
    return _dump(_CT_GET, _ATTRIBUTE.pack(8, _CTA_STATUS) + _NUMBER.pack(_IPS_SRC_NAT))


def _reply(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """Return where an entry's reply tuple begins and ends, and where its next attribute begins."""
    try:
        length, _ = _ATTRIBUTE.unpack_from(data, start)  # CTA_TUPLE_ORIG
        start += length + 3 & ~3
        length, kind = _ATTRIBUTE.unpack_from(data, start)
    except struct.error as error:
        raise _unknown_layout() from error
    if kind & _NLA_TYPE_MASK != _CTA_TUPLE_REPLY or start + length > end:
        raise _unknown_layout()
    return start + 4, start + length, start + length + 3 & ~3


def _family(tuple_: bytes) -> _Family:
    for family in (_IPV4, _IPV6):
        if tuple_.startswith(family.begins):
            return family
    raise _unknown_layout()


def _use(connections: int, fullest: tuple[int, bytes] | None) -> AddressUse:
    if fullest is None:
        return AddressUse(connections)
    used, shared = fullest
    family = _family(shared)
    port = int.from_bytes(shared[-4:-2], "big")
    return AddressUse(
        connections, used, Remote(shared[family.protocol], ip_address(shared[family.remote]), port)
    )


def _tcp_state(data: bytes, start: int, end: int) -> int:
    """Return CTA_PROTOINFO_TCP_STATE, or 0 for other protocols."""
    for kind in (_CTA_PROTOINFO, _CTA_PROTOINFO_TCP, _CTA_PROTOINFO_TCP_STATE):
        start, end = _find(data, start, end, kind)
    return data[start] if start < end else 0


def _find(data: bytes, start: int, end: int, wanted: int) -> tuple[int, int]:
    """Return where an attribute's payload begins and ends; an absent one is empty."""
    while start + _ATTRIBUTE.size <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, start)
        if length < _ATTRIBUTE.size or start + length > end:
            raise _unknown_layout()
        if kind & _NLA_TYPE_MASK == wanted:
            return start + _ATTRIBUTE.size, start + length
        start += length + 3 & ~3
    return end, end


def _dump(kind: int, attributes: bytes = b"") -> Iterator[tuple[bytes, int, int]]:
    """Yield each message of a dump: its buffer, and where its attributes begin and end.

    The table may change meanwhile; an entry that comes or goes is then counted or not.
    """
    with _opened() as opened:
        body = bytes(4) + attributes  # nfgenmsg: every family, version 0
        opened.send(_HEADER.pack(_HEADER.size + len(body), kind, _NLM_F_REQUEST_DUMP, 1, 0) + body)
        while True:
            data = opened.recv(_READ_SIZE)
            start, size = 0, len(data)
            while start + _HEADER.size <= size:
                length, found = _KIND.unpack_from(data, start)
                if found in (_NLMSG_DONE, _NLMSG_ERROR):
                    errno = -_ERROR.unpack_from(data, start + _HEADER.size)[0]
                    if errno:
                        raise OSError(errno, strerror(errno))
                    return
                if length < _BODY or start + length > size:
                    raise _unknown_layout()
                yield data, start + _BODY, start + length
                start += length + 3 & ~3


@contextmanager
def _opened() -> Iterator[socket.socket]:
    """Open a socket to the kernel; what goes wrong with it is a DriverError."""
    try:
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, _NETLINK_NETFILTER
        ) as opened:
            opened.settimeout(_TIMEOUT)
            opened.connect((0, 0))
            yield opened
    except OSError as error:
        raise DriverError(
            f"connection tracking cannot be read: {error.strerror or error}; it takes CAP_NET_ADMIN and the "
            "kernel module nf_conntrack_netlink (`modprobe nf_conntrack_netlink`)"
        ) from error


def _unknown_layout() -> DriverError:
    return DriverError(
        "connection tracking cannot be read: this kernel writes its entries in an unknown order; "
        "please report its version (`uname -r`)"
    )
