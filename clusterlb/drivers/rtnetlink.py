"""Dumps that the kernel filters, and changes of addresses and host routes, many in one message.

pyroute2 0.9 reads every address or route of the host and filters in Python, 0.4 s beside ten thousand OSPF
routes; with NETLINK_GET_STRICT_CHK (Linux 4.20) the kernel sends only what was asked for. The layouts are
those of include/uapi/linux/{netlink,if_addr,rtnetlink}.h.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import NamedTuple

from clusterlb.model.address import AddressFamily, IPAddress, family_of

RTM_NEWADDR = 20
RTM_DELADDR = 21
RTM_GETADDR = 22
RTM_NEWROUTE = 24
RTM_DELROUTE = 25
RTM_GETROUTE = 26
RT_TABLE_MAIN = 254
RT_TABLE_LOCAL = 255

_SOL_NETLINK = 270
_NETLINK_GET_STRICT_CHK = 12
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST_DUMP = 0x301
_NLM_F_REQUEST_ACK = 0x5
_NLM_F_CREATE_EXCL = 0x600
_NLM_F_DUMP_INTR = 0x10
_IFA_ADDRESS = 1
_IFA_LOCAL = 2
_IFA_F_NODAD = 0x02  # a VIP is on many directors: duplicate address detection would refuse it
_RTA_DST = 1
_RTA_OIF = 4
_RTA_PRIORITY = 6
_RTN_UNICAST = 1
_RT_SCOPE_LINK = 253
_RTPROT_KERNEL = 2

_HEADER = struct.Struct("=IHHII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")
_RECEIVE = 1 << 18
_MOST = 64  # requests in one message, so that the answers fit the socket's buffer
_SECONDS = 5.0
_ATTEMPTS = 5


class LinkAddress(NamedTuple):
    """An address on an interface."""

    address: IPAddress
    prefix: int


class HostRoute(NamedTuple):
    """A route to one address: who made it, and its metric."""

    address: IPAddress
    protocol: int
    metric: int


class Dumped(NamedTuple):
    """One message of a dump."""

    header: tuple[int, ...]
    attributes: dict[int, bytes]


class Request(NamedTuple):
    """A change that is asked of the kernel: message type, flags and body."""

    kind: int
    flags: int
    body: bytes


def address_request(kind: int, address: LinkAddress, index: int) -> Request:
    """Return the request that adds an address to an interface or removes it."""
    family = family_of(address.address)
    nodad = _IFA_F_NODAD if family is AddressFamily.IPV6 else 0
    body = _ADDRESS.pack(family, address.prefix, nodad, 0, index)
    body += attribute(_IFA_LOCAL, address.address.packed) + attribute(_IFA_ADDRESS, address.address.packed)
    return Request(kind, _NLM_F_CREATE_EXCL if kind == RTM_NEWADDR else 0, body)


def route_request(kind: int, route: HostRoute, index: int) -> Request:
    """Return the request that adds a host route over an interface to table ``main``, or removes it."""
    family, length = family_of(route.address), route.address.max_prefixlen
    scope = _RT_SCOPE_LINK if family is AddressFamily.IPV4 else 0
    body = _ROUTE.pack(family, length, 0, 0, RT_TABLE_MAIN, route.protocol, scope, _RTN_UNICAST, 0)
    body += attribute(_RTA_DST, route.address.packed) + attribute(_RTA_OIF, _NUMBER.pack(index))
    if route.metric:
        body += attribute(_RTA_PRIORITY, _NUMBER.pack(route.metric))
    return Request(kind, _NLM_F_CREATE_EXCL if kind == RTM_NEWROUTE else 0, body)


class RouteSocket:
    """A socket of the routing netlink family; it belongs to the namespace it was opened in."""

    def __init__(self) -> None:
        self._socket = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE
        )
        self._socket.settimeout(_SECONDS)
        self._sequence = 0
        self._socket.bind((0, 0))
        try:
            self._socket.setsockopt(_SOL_NETLINK, _NETLINK_GET_STRICT_CHK, 1)
        except OSError:
            # before Linux 4.20: everything is sent, and filtered below all the same
            return

    def addresses(self, index: int) -> list[LinkAddress]:
        """Return the addresses of one interface, of both families."""
        found = []
        for body in self._dump(RTM_GETADDR, _ADDRESS.pack(0, 0, 0, 0, index)):
            family, prefix, _, _, owner = _ADDRESS.unpack_from(body)
            attributes = _attributes(body[_ADDRESS.size :])
            value = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
            if owner == index and value and family in set(AddressFamily):
                found.append(LinkAddress(ip_address(value), prefix))
        return found

    def local_routes(self, family: AddressFamily, protocol: int) -> list[IPAddress]:
        """Return the host routes of table ``local`` that carry this routing protocol number."""
        length = 32 if family is AddressFamily.IPV4 else 128
        request = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_LOCAL, protocol, 0, 0, 0)
        found = []
        for body in self._dump(RTM_GETROUTE, request):
            of, prefix, _, _, table, origin, *_ = _ROUTE.unpack_from(body)
            value = _attributes(body[_ROUTE.size :]).get(_RTA_DST)
            if (of, prefix, table, origin) == (family, length, RT_TABLE_LOCAL, protocol) and value:
                found.append(ip_address(value))
        return found

    def host_routes(self, family: AddressFamily, index: int) -> list[HostRoute]:
        """Return the host routes of table ``main`` over one interface, without those of its own addresses."""
        length = 32 if family is AddressFamily.IPV4 else 128
        request = _ROUTE.pack(family, 0, 0, 0, RT_TABLE_MAIN, 0, 0, 0, 0)
        request += attribute(_RTA_OIF, _NUMBER.pack(index))
        found = []
        for body in self._dump(RTM_GETROUTE, request):
            of, prefix, _, _, table, origin, _, kind, _ = _ROUTE.unpack_from(body)
            attributes = _attributes(body[_ROUTE.size :])
            value = attributes.get(_RTA_DST)
            if (
                (of, prefix, table, kind) == (family, length, RT_TABLE_MAIN, _RTN_UNICAST)
                and origin != _RTPROT_KERNEL
                and attributes.get(_RTA_OIF) == _NUMBER.pack(index)
                and value
            ):
                metric = attributes.get(_RTA_PRIORITY, _NUMBER.pack(0))
                found.append(HostRoute(ip_address(value), origin, _NUMBER.unpack(metric)[0]))
        return found

    def request(self, requests: Sequence[Request]) -> list[int]:
        """Ask for changes in their order and return the kernel's errno for each, 0 for done.

        A change that fails keeps no other from being made. Raises OSError when there is no answer.
        """
        errnos: list[int] = []
        for start in range(0, len(requests), _MOST):
            part = requests[start : start + _MOST]
            first = self._sequence + 1
            data = b""
            for kind, flags, body in part:
                self._sequence += 1
                data += _HEADER.pack(
                    _HEADER.size + len(body), kind, _NLM_F_REQUEST_ACK | flags, self._sequence, 0
                )
                data += body
            self._socket.send(data)
            found: dict[int, int] = {}
            while len(found) < len(part):
                for kind, _, sequence, body in _messages(self._socket.recv(_RECEIVE)):
                    if kind == _NLMSG_ERROR and sequence >= first:
                        found[sequence] = -struct.unpack_from("=i", body)[0]
            errnos += (found[first + number] for number in range(len(part)))
        return errnos

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def dump(self, kind: int, request: bytes, header: struct.Struct) -> Iterator[Dumped]:
        """Yield the header's fields and the attributes of each message; OSError with the kernel's errno."""
        for body in self._dump(kind, request):
            yield Dumped(header.unpack_from(body), _attributes(body[header.size :]))

    def _dump(self, kind: int, request: bytes) -> list[bytes]:
        """Return a dump's messages; it is taken again when the table changed underneath (NLM_F_DUMP_INTR)."""
        for _ in range(_ATTEMPTS):
            self._sequence += 1
            header = _HEADER.pack(_HEADER.size + len(request), kind, _NLM_F_REQUEST_DUMP, self._sequence, 0)
            self._socket.send(header + request)
            bodies: list[bytes] = []
            if self._receive(bodies):
                return bodies
        return bodies

    def _receive(self, bodies: list[bytes]) -> bool:
        """Collect one dump and say whether it is consistent. Raises OSError with the kernel's errno."""
        consistent = True
        while True:
            for kind, flags, sequence, body in _messages(self._socket.recv(_RECEIVE)):
                if sequence != self._sequence:
                    continue
                consistent = consistent and not flags & _NLM_F_DUMP_INTR
                if kind in {_NLMSG_ERROR, _NLMSG_DONE}:
                    code = -struct.unpack_from("=i", body)[0]
                    if code:
                        raise OSError(code, "the kernel refused the dump")
                    return consistent
                bodies.append(body)


def attribute(kind: int, value: bytes) -> bytes:
    """Write one attribute, padded to a multiple of 4 bytes."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def _messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    offset = 0
    while offset + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
        yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
        offset += (max(length, _HEADER.size) + 3) & ~3


def _attributes(data: bytes) -> dict[int, bytes]:
    found = {}
    offset = 0
    while offset + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        found[kind] = data[offset + _ATTRIBUTE.size : offset + length]
        offset += (max(length, _ATTRIBUTE.size) + 3) & ~3
    return found
