"""Addresses and address families, in the words of the kernel."""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network


class AddressFamily(IntEnum):
    """AF_INET and AF_INET6 with Linux's numbers (include/linux/socket.h)."""

    IPV4 = 2
    IPV6 = 10


def family_of(address: IPAddress) -> AddressFamily:
    """Return the family of an address."""
    return AddressFamily.IPV4 if address.version == 4 else AddressFamily.IPV6


def endpoint_text(address: IPAddress, port: int) -> str:
    """Write ``address:port`` as operators do, with brackets around IPv6."""
    return f"[{address}]:{port}" if address.version == 6 else f"{address}:{port}"


class Endpoint(NamedTuple):
    """One address:port that can be probed, shared by every pool that lists it."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return endpoint_text(self.address, self.port)

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Return the endpoint that ``192.0.2.1:80`` or ``[2001:db8::1]:80`` names, or raise ValueError."""
        address, _, port = text.rpartition(":")
        if not (port.isascii() and port.isdigit() and int(port) < 1 << 16):
            raise ValueError(f"{text!r} has no port")
        inner = address.removeprefix("[").removesuffix("]")
        found = ip_address(inner)
        if str(address) != (inner if found.version == 4 else f"[{inner}]"):
            raise ValueError(f"{text!r} is not ADDRESS:PORT")
        return cls(found, int(port))
