"""Read the connection tracking table over ctnetlink: the connections translated to our own addresses.

The table holds up to hundreds of thousands of connections. So the dump asks only for connections with a
translated source. Linux 6.1 filters a dump by CTA_STATUS; a kernel that does not sends all connections, and
those of other addresses are left out here. Of each connection only the bytes of the reply tuple are read.
Without its last attribute, our port, the reply tuple is the key in which that port must be unique. Layouts:
include/uapi/linux/netfilter/nfnetlink_conntrack.h and net/netfilter/nf_conntrack_netlink.c.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from errno import EBADMSG
from ipaddress import ip_address
from typing import NamedTuple

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.netlink.codec import (
    ATTRIBUTE,
    HEADER,
    NFGENMSG,
    NLA_F_NESTED,
    NLA_TYPE_MASK,
    Answer,
    attribute,
    find,
    parse,
)
from clusterlb.drivers.netlink.socket import NETLINK_NETFILTER, NetlinkSocket
from clusterlb.model.address import AddressFamily, IPAddress
from clusterlb.model.port_use import AddressUse, ConntrackFailures, Remote

_CTNETLINK = 1 << 8  # NFNL_SUBSYS_CTNETLINK
_CT_GET = _CTNETLINK | 1
_CT_DELETE = _CTNETLINK | 2
_CT_GET_STATS_CPU = _CTNETLINK | 4

_CTA_TUPLE_REPLY = 2
_CTA_STATUS = 3
_CTA_PROTOINFO = 4
_CTA_PROTOINFO_TCP = 1
_CTA_PROTOINFO_TCP_STATE = 1
_CTA_MARK = 8
_CTA_MARK_MASK = 21
_IPS_SRC_NAT = 1 << 4  # nf_conntrack_common.h
_ENDED = (7, 8)  # TCP_CONNTRACK_TIME_WAIT and _CLOSE, nf_conntrack_tcp.h
_EVERY_BIT = 0xFFFFFFFF
_COUNTERS = (9, 10, 11)  # CTA_STATS_INSERT_FAILED, CTA_STATS_DROP, CTA_STATS_EARLY_DROP

_EVERY_FAMILY = NFGENMSG.pack(0, 0, 0)
_BODY = HEADER.size + NFGENMSG.size

# A reply tuple: CTA_TUPLE_IP with source and destination, then CTA_TUPLE_PROTO with the protocol's number,
# the source port and the destination port. Each has an attribute header of 4 bytes.
_SOURCE_PORT = ATTRIBUTE.pack(6, 2)
_PORT_SIZE = 8


class _Family(NamedTuple):
    """The first bytes of an address family's reply tuples, and the offsets of their fields."""

    begins: bytes
    remote: slice
    own: slice
    protocol: int


_IPV4 = _Family(ATTRIBUTE.pack(20, 1 | NLA_F_NESTED) + ATTRIBUTE.pack(8, 1), slice(8, 12), slice(16, 20), 28)
_IPV6 = _Family(ATTRIBUTE.pack(44, 1 | NLA_F_NESTED) + ATTRIBUTE.pack(20, 3), slice(8, 24), slice(28, 44), 52)


@contextmanager
def _opened() -> Iterator[NetlinkSocket]:
    """Open a socket to the kernel; errors on it become DriverErrors."""
    try:
        with NetlinkSocket(NETLINK_NETFILTER) as opened:
            yield opened
    except OSError as error:
        if error.errno == EBADMSG:
            raise _unknown_layout() from error
        raise DriverError(
            f"connection tracking cannot be read: {error.strerror or error}; it takes CAP_NET_ADMIN and the "
            "kernel module nf_conntrack_netlink (`modprobe nf_conntrack_netlink`)"
        ) from error


class KernelConntrack:
    """ConntrackDriver for the network namespace of the thread that calls."""

    def port_use(self, addresses: Collection[IPAddress]) -> dict[IPAddress, AddressUse]:
        """Count the connections of each address, and its connections to the remote that has the most."""
        counts: dict[bytes, int] = {}
        with _opened() as table:
            for data, start, end in _translated(table):
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
        """Count the live connections of these addresses: TCP in TIME_WAIT or CLOSE does not count."""
        wanted = {address.packed for address in addresses}
        count = 0
        with _opened() as table:
            for data, start, end in _translated(table):
                first, last, rest = _reply(data, start, end)
                tuple_ = data[first:last]
                if tuple_[_family(tuple_).own] in wanted and _tcp_state(data, rest, end) not in _ENDED:
                    count += 1
        return count

    def failures(self) -> ConntrackFailures:
        """Add up the counters of all CPUs."""
        totals = [0, 0, 0]
        with _opened() as table:
            for answer in table.stream(_CT_GET_STATS_CPU, _EVERY_FAMILY):
                _, found = parse(NFGENMSG, answer)
                for index, kind in enumerate(_COUNTERS):
                    totals[index] += int.from_bytes(found.get(kind, b""), "big")
        return ConntrackFailures(*totals)


def _translated(table: NetlinkSocket) -> Iterator[Answer]:
    """Yield the connections whose source is translated.

    The table may change during the dump; an entry that is added or deleted then may be missed or counted.
    """
    source = attribute(_CTA_STATUS, _IPS_SRC_NAT.to_bytes(4, "big"))
    return table.stream(_CT_GET, _EVERY_FAMILY + source)


def _reply(data: bytes, start: int, end: int) -> tuple[int, int, int]:
    """Return the offsets at which the reply tuple begins and ends, and at which the next attribute begins."""
    start += _BODY
    try:
        length, _ = ATTRIBUTE.unpack_from(data, start)  # CTA_TUPLE_ORIG
        start += length + 3 & ~3
        length, kind = ATTRIBUTE.unpack_from(data, start)
    except struct.error as error:
        raise _unknown_layout() from error
    if kind & NLA_TYPE_MASK != _CTA_TUPLE_REPLY or start + length > end:
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
        start, end = find(data, start, end, kind)
    return data[start] if start < end else 0


def _unknown_layout() -> DriverError:
    return DriverError(
        "connection tracking cannot be read: this kernel writes its entries in an unknown order; "
        "please report its version (`uname -r`)"
    )


def forget_marked(mark: int, family: AddressFamily) -> None:
    """Delete this namespace's connections of one family with a mark; OSError when the kernel refuses.

    One message is enough: the kernel finds the connections by mark (``ctnetlink_flush_conntrack``).
    """
    body = NFGENMSG.pack(family, 0, 0)
    body += attribute(_CTA_MARK, mark.to_bytes(4, "big"))
    body += attribute(_CTA_MARK_MASK, _EVERY_BIT.to_bytes(4, "big"))
    with NetlinkSocket(NETLINK_NETFILTER) as asked:
        asked.do(_CT_DELETE, body)
