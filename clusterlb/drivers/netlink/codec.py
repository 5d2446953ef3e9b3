"""Netlink messages and attributes, to bytes and back.

Integers are in host order unless an attribute says otherwise. Layouts and numbers: netlink(7) and
include/uapi/linux/netlink.h; how the kernel answers: net/netlink/af_netlink.c, Linux 6.1.
"""

from __future__ import annotations

import os
import sys
from errno import EBADMSG
from ipaddress import ip_address
from struct import Struct

from clusterlb.model.address import IPAddress

NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLMSG_ERROR = 2
NLMSG_DONE = 3
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

HEADER = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port id
ATTRIBUTE = Struct("=HH")  # nlattr: length, type
U32 = Struct("=I")
NFGENMSG = Struct("=BBH")  # address family, version, resource: include/uapi/linux/netfilter/nfnetlink.h

_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200
_NLMSGERR_ATTR_MSG = 1
_ERROR = Struct("=i")

Answer = tuple[bytes, int, int]
"""One message of the kernel: the receive buffer, and the message's first and last offset in it."""

Attributes = dict[int, bytes]
"""Attribute type without flags -> payload; of several attributes of one type the last."""


class NetlinkError(OSError):
    """The kernel's refusal: the errno, and the kernel's explanation or an empty text.

    EBADMSG: the kernel sent bytes that are not a netlink message.
    """

    errno: int

    def __init__(self, errno: int, explanation: str = "") -> None:
        super().__init__(errno, explanation or os.strerror(errno))
        self.explanation = explanation

    def __str__(self) -> str:
        return self.explanation or os.strerror(self.errno)


def attribute(kind: int, payload: bytes) -> bytes:
    """Return one attribute, padded to four bytes; its length field does not count the padding."""
    return ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nested(kind: int, payload: bytes) -> bytes:
    """Return an attribute whose payload is attributes."""
    return attribute(kind | NLA_F_NESTED, payload)


def attributes(data: bytes, start: int = 0, end: int | None = None) -> Attributes:
    """Return the attributes between two offsets; NetlinkError EBADMSG where a length is impossible."""
    end = len(data) if end is None else end
    found: Attributes = {}
    while start + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, start)
        if length < 4 or start + length > end:
            raise _impossible(kind, length)
        found[kind & NLA_TYPE_MASK] = data[start + 4 : start + length]
        start += length + 3 & ~3
    return found


def find(data: bytes, start: int, end: int, wanted: int) -> tuple[int, int]:
    """Return the offsets of the payload of the first attribute of a type; equal offsets for a missing one.

    For dumps of a hundred thousand entries, of which one number each is read.
    """
    while start + 4 <= end:
        length, kind = ATTRIBUTE.unpack_from(data, start)
        if length < 4 or start + length > end:
            raise _impossible(kind, length)
        if kind & NLA_TYPE_MASK == wanted:
            return start + 4, start + length
        start += length + 3 & ~3
    return end, end


def _impossible(kind: int, length: int) -> NetlinkError:
    return NetlinkError(
        EBADMSG, f"netlink attribute {kind & NLA_TYPE_MASK} has the impossible length {length}"
    )


def parse(header: Struct, answer: Answer) -> tuple[tuple[int, ...], Attributes]:
    """Return the fields of an answer's family header, such as rtmsg, and the attributes after it.

    Raises NetlinkError EBADMSG for an answer that is too short.
    """
    data, start, end = answer
    start += HEADER.size
    if end - start < header.size:
        raise NetlinkError(EBADMSG, f"the kernel sent {end - start} bytes for a header of {header.size}")
    return header.unpack_from(data, start), attributes(data, start + header.size, end)


def number(payload: bytes) -> int:
    """Return an unsigned integer of any size in host order; 0 for no bytes."""
    return int.from_bytes(payload, "little" if sys.byteorder == "little" else "big")


def address(payload: bytes) -> IPAddress:
    """Return the address of 4 or 16 bytes; NetlinkError EBADMSG for another number of bytes."""
    try:
        return ip_address(payload)
    except ValueError as error:
        raise NetlinkError(EBADMSG, f"the kernel sent an address of {len(payload)} bytes") from error


def messages(data: bytes) -> list[tuple[int, int, int, int, int]]:
    """Return (start, end, type, flags, sequence) of each message in a buffer.

    Raises NetlinkError EBADMSG where a length is impossible.
    """
    found = []
    start, size = 0, len(data)
    while start + 16 <= size:
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, start)
        if length < 16 or start + length > size:
            raise NetlinkError(EBADMSG, f"the kernel sent a message of the impossible length {length}")
        found.append((start, start + length, kind, flags, sequence))
        start += length + 3 & ~3
    return found


def refusal_in(data: bytes, start: int, end: int, kind: int, flags: int) -> NetlinkError | None:
    """Read NLMSG_ERROR or NLMSG_DONE; None is success.

    The explanation is an attribute. In NLMSG_ERROR it follows the request or the request's header; in
    NLMSG_DONE it follows the errno (``netlink_dump_done``).
    """
    start += HEADER.size
    if end - start < _ERROR.size:
        raise NetlinkError(EBADMSG, "the kernel sent an acknowledgement without an error number")
    errno: int = -_ERROR.unpack_from(data, start)[0]
    if errno == 0:
        return None
    text = b""
    if flags & _NLM_F_ACK_TLVS:
        begin = start + _ERROR.size
        if kind == NLMSG_ERROR:
            quoted = HEADER.size if flags & _NLM_F_CAPPED else number(data[begin : begin + 4])
            begin += quoted + 3 & ~3
        text = attributes(data, begin, end).get(_NLMSGERR_ATTR_MSG, b"")
    return NetlinkError(errno, text.rstrip(b"\0").decode("utf-8", "replace"))
