"""Dumps that the kernel filters, and changes of addresses and host routes, many in one message.

pyroute2 0.9 reads every address or route of the host and filters in Python, which takes 0.4 s beside ten
thousand OSPF routes. With NETLINK_GET_STRICT_CHK (Linux 4.20) the kernel filters the dump. Layouts:
include/uapi/linux/{if_addr,rtnetlink}.h.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from struct import Struct
from typing import NamedTuple

from clusterlb.drivers.netlink.codec import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    U32,
    Attributes,
    NetlinkError,
    address,
    attribute,
    number,
    parse,
)
from clusterlb.drivers.netlink.socket import MAX_BATCH, NETLINK_ROUTE, NetlinkSocket, Request
from clusterlb.model.address import AddressFamily, IPAddress, family_of

RTM_NEWADDR = 20
RTM_DELADDR = 21
RTM_GETADDR = 22
RTM_NEWROUTE = 24
RTM_DELROUTE = 25
RTM_GETROUTE = 26
RT_TABLE_MAIN = 254
RT_TABLE_LOCAL = 255
NEW = NLM_F_CREATE | NLM_F_EXCL

_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_F_NODAD = 0x02  # a VIP is on many directors: duplicate address detection would refuse it
RTA_DST = 1
_RTA_OIF = 4
RTA_GATEWAY = 5
_RTA_PRIORITY = 6
RTN_UNICAST = 1
_RT_SCOPE_LINK = 253
_RTPROT_KERNEL = 2

_ADDRESS = Struct("=BBBBI")  # ifaddrmsg: family, prefix length, flags, scope, index
RTMSG = Struct("=BBBBBBBBI")  # family, prefix lengths, tos, table, protocol, scope, type, flags


class LinkAddress(NamedTuple):
    """An address on an interface."""

    address: IPAddress
    prefix: int


class LinkRoute(NamedTuple):
    """A host route over an interface: address, routing protocol number, and metric."""

    address: IPAddress
    protocol: int
    metric: int


def address_request(kind: int, wanted: LinkAddress, index: int) -> Request:
    """Return the request that adds an address to an interface or removes it."""
    family = family_of(wanted.address)
    nodad = _IFA_F_NODAD if family is AddressFamily.IPV6 else 0
    body = _ADDRESS.pack(family, wanted.prefix, nodad, 0, index)
    body += attribute(_IFA_LOCAL, wanted.address.packed) + attribute(_IFA_ADDRESS, wanted.address.packed)
    return kind, NEW if kind == RTM_NEWADDR else 0, body


def route_request(kind: int, route: LinkRoute, index: int) -> Request:
    """Return the request that adds a host route over an interface to table ``main``, or removes it."""
    family, length = family_of(route.address), route.address.max_prefixlen
    scope = _RT_SCOPE_LINK if family is AddressFamily.IPV4 else 0
    body = RTMSG.pack(family, length, 0, 0, RT_TABLE_MAIN, route.protocol, scope, RTN_UNICAST, 0)
    body += attribute(RTA_DST, route.address.packed) + attribute(_RTA_OIF, U32.pack(index))
    if route.metric:
        body += attribute(_RTA_PRIORITY, U32.pack(route.metric))
    return kind, NEW if kind == RTM_NEWROUTE else 0, body


class RouteSocket(NetlinkSocket):
    """A socket of the routing netlink family in the network namespace in which it was opened."""

    def __init__(self) -> None:
        super().__init__(NETLINK_ROUTE)

    def addresses(self, index: int) -> list[LinkAddress]:
        """Return the addresses of one interface, of both families."""
        there = []
        for answer in self.dump(RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, index)):
            (family, prefix, _, _, owner), found = parse(_ADDRESS, answer)
            value = found.get(_IFA_LOCAL) or found.get(_IFA_ADDRESS)
            if owner == index and value and family in set(AddressFamily):
                there.append(LinkAddress(address(value), prefix))
        return there

    def local_routes(self, family: AddressFamily, protocol: int) -> list[IPAddress]:
        """Return the host routes of table ``local`` that carry this routing protocol number."""
        request = RTMSG.pack(family, 0, 0, 0, RT_TABLE_LOCAL, protocol, 0, 0, 0)
        dump = self._routes(family, RT_TABLE_LOCAL, request)
        return [address(found[RTA_DST]) for origin, _, found in dump if origin == protocol]

    def host_routes(self, family: AddressFamily, index: int) -> list[LinkRoute]:
        """Return the host routes of table ``main`` over one interface, without the kernel's own."""
        request = RTMSG.pack(family, 0, 0, 0, RT_TABLE_MAIN, 0, 0, 0, 0)
        request += attribute(_RTA_OIF, U32.pack(index))
        return [
            LinkRoute(address(found[RTA_DST]), origin, number(found.get(_RTA_PRIORITY, b"")))
            for origin, kind, found in self._routes(family, RT_TABLE_MAIN, request)
            if kind == RTN_UNICAST and origin != _RTPROT_KERNEL
            if number(found.get(_RTA_OIF, b"")) == index
        ]

    def _routes(self, family: int, table: int, request: bytes) -> Iterator[tuple[int, int, Attributes]]:
        """Yield the protocol, type and attributes of the host routes of a table."""
        length = 32 if family == AddressFamily.IPV4 else 128
        for answer in self.dump(RTM_GETROUTE, request):
            header, found = parse(RTMSG, answer)
            if (header[0], header[1], header[4]) == (family, length, table) and RTA_DST in found:
                yield header[5], header[7], found

    def request(self, requests: Sequence[Request]) -> list[int]:
        """Carry out requests in order and return the kernel's errno for each, 0 for success.

        After a failed request the others are still carried out. Raises NetlinkError without an answer.
        """
        errnos: list[int] = []
        for start in range(0, len(requests), MAX_BATCH):
            part = requests[start : start + MAX_BATCH]
            result = self.batch(part)
            if result.lost:
                raise NetlinkError(result.lost)
            refusals = (result.refusals.get(place) for place in range(len(part)))
            errnos += (refusal.errno if refusal else 0 for refusal in refusals)
        return errnos
