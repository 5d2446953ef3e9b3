"""Requests to the kernel, packed by hand.

Integers are in host order, addresses and ports (tunnel ports too) in network order. A destination always has
all of its attributes, so that one ``struct`` packs the whole destination: this makes a table of ten thousand
entries cheap. The attributes that the kernel requires: ``ip_vs_genl_parse_service`` and
``ip_vs_genl_parse_dest`` in net/netfilter/ipvs/ip_vs_ctl.c.
"""

from __future__ import annotations

from functools import lru_cache
from socket import htons
from struct import Struct

from clusterlb.drivers.ipvs.protocol import (
    ALL_FLAGS,
    CommandAttr,
    DestinationAttr,
    ServiceAttr,
)
from clusterlb.drivers.netlink.codec import ATTRIBUTE, NLA_F_NESTED, U32, attribute, nested
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    VirtualService,
    ipv4_mask,
)

_IPV4 = int(AddressFamily.IPV4)
_IPV6 = int(AddressFamily.IPV6)


@lru_cache(maxsize=1024)
def _text(kind: int, value: str) -> bytes:
    return attribute(kind, value.encode("ascii") + b"\0")


_AF = ATTRIBUTE.pack(6, ServiceAttr.AF)
_MARKED = Struct("=4sHxx 4sI")
_FWMARK = ATTRIBUTE.pack(8, ServiceAttr.FWMARK)
_ADDRESSED = Struct("=4sHxx 4sHxx 4s16s 4sHxx")
_PROTOCOL = ATTRIBUTE.pack(6, ServiceAttr.PROTOCOL)
_VIP = ATTRIBUTE.pack(20, ServiceAttr.ADDR)
_VPORT = ATTRIBUTE.pack(6, ServiceAttr.PORT)


@lru_cache(maxsize=16384)
def _service_identity(key: ServiceKey) -> bytes:
    if key.address is None:
        return _MARKED.pack(_AF, key.family, _FWMARK, key.fwmark)
    return _ADDRESSED.pack(
        _AF, key.family, _PROTOCOL, key.protocol, _VIP, key.address.packed, _VPORT, htons(key.port)
    )


def service_key(key: ServiceKey) -> bytes:
    """Return the SERVICE attribute that names a service."""
    return nested(CommandAttr.SERVICE, _service_identity(key))


def netmask(family: AddressFamily, prefix: int) -> bytes:
    """Return the persistence granularity: a mask in network order for IPv4, a plain length for IPv6.

    The kernel keeps both in one ``__be32`` and reads it as ``__u32`` for IPv6 (``ip_vs_add_service``).
    """
    if family is AddressFamily.IPV6:
        return U32.pack(prefix)
    return ipv4_mask(prefix).to_bytes(4, "big")


_SETTINGS = Struct("=4sII 4sI 4s4s")
_FLAGS = ATTRIBUTE.pack(12, ServiceAttr.FLAGS)
_TIMEOUT = ATTRIBUTE.pack(8, ServiceAttr.TIMEOUT)
_NETMASK = ATTRIBUTE.pack(8, ServiceAttr.NETMASK)
_SENT_FLAGS = ALL_FLAGS & ~int(ServiceFlag.HASHED)


def service(virtual: VirtualService, scheduler: str | None = None) -> bytes:
    """Return the SERVICE attribute with everything NEW_SERVICE and SET_SERVICE need.

    ``scheduler`` replaces the service's own. All flags are sent (the mask is all ones), so that an edit also
    clears flags; only HASHED is left out, as the kernel sets it.
    """
    return nested(
        CommandAttr.SERVICE,
        _service_identity(virtual.key)
        + _text(ServiceAttr.SCHED_NAME, scheduler or virtual.scheduler)
        + _SETTINGS.pack(
            _FLAGS,
            int(virtual.flags) & _SENT_FLAGS,
            ALL_FLAGS,
            _TIMEOUT,
            virtual.timeout,
            _NETMASK,
            netmask(virtual.key.family, virtual.prefix),
        ),
    )


_DESTINATION = Struct("=4s 4s16s 4sHxx 4sHxx 4sI 4si 4sI 4sI 4sBxxx 4sHxx 4sHxx")
_DEST_HEADER = ATTRIBUTE.pack(_DESTINATION.size, CommandAttr.DEST | NLA_F_NESTED)
_DEST_KEY = Struct("=4s 4s16s 4sHxx 4sHxx")
_DEST_KEY_HEADER = ATTRIBUTE.pack(_DEST_KEY.size, CommandAttr.DEST | NLA_F_NESTED)
_ADDR = ATTRIBUTE.pack(20, DestinationAttr.ADDR)
_PORT = ATTRIBUTE.pack(6, DestinationAttr.PORT)
_FAMILY = ATTRIBUTE.pack(6, DestinationAttr.ADDR_FAMILY)
_METHOD = ATTRIBUTE.pack(8, DestinationAttr.FWD_METHOD)
_WEIGHT = ATTRIBUTE.pack(8, DestinationAttr.WEIGHT)
_UPPER = ATTRIBUTE.pack(8, DestinationAttr.U_THRESH)
_LOWER = ATTRIBUTE.pack(8, DestinationAttr.L_THRESH)
_TUN_TYPE = ATTRIBUTE.pack(5, DestinationAttr.TUN_TYPE)
_TUN_PORT = ATTRIBUTE.pack(6, DestinationAttr.TUN_PORT)
_TUN_FLAGS = ATTRIBUTE.pack(6, DestinationAttr.TUN_FLAGS)


def destination(wanted: Destination, weight: int) -> bytes:
    """Return the DEST attribute with everything NEW_DEST and SET_DEST need, at the weight given."""
    address, port = wanted.key
    packed = address.packed
    return _DESTINATION.pack(
        _DEST_HEADER,
        _ADDR,
        packed,
        _PORT,
        htons(port),
        _FAMILY,
        _IPV4 if len(packed) == 4 else _IPV6,
        _METHOD,
        wanted.method,
        _WEIGHT,
        weight,
        _UPPER,
        wanted.upper,
        _LOWER,
        wanted.lower,
        _TUN_TYPE,
        wanted.tunnel_type,
        _TUN_PORT,
        htons(wanted.tunnel_port),
        _TUN_FLAGS,
        wanted.tunnel_flags,
    )


def destination_key(key: DestinationKey) -> bytes:
    """Return the DEST attribute that names a destination."""
    family = family_of(key.address)
    return _DEST_KEY.pack(
        _DEST_KEY_HEADER, _ADDR, key.address.packed, _PORT, htons(key.port), _FAMILY, family
    )


def timeouts(wanted: ProtocolTimeouts) -> bytes:
    """Return the attributes of SET_CONFIG; for a timeout of 0 the kernel keeps the old value."""
    return (
        attribute(CommandAttr.TIMEOUT_TCP, U32.pack(wanted.tcp))
        + attribute(CommandAttr.TIMEOUT_TCP_FIN, U32.pack(wanted.tcp_fin))
        + attribute(CommandAttr.TIMEOUT_UDP, U32.pack(wanted.udp))
    )
