"""The netlink protocol: messages, attributes, and a socket that asks the kernel and never waits for ever.

Integers are in host order unless an attribute says otherwise. Layouts and numbers: netlink(7) and
include/uapi/linux/netlink.h; how the kernel answers: net/netlink/af_netlink.c, Linux 6.1.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EAGAIN, EBADMSG, EBUSY, EINTR, EMSGSIZE, ENOBUFS, ENOENT, ETIMEDOUT
from ipaddress import ip_address
from struct import Struct
from types import TracebackType

from clusterlb.model.address import IPAddress

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
NETLINK_GENERIC = 16

NLM_F_REPLACE = 0x100
NLM_F_EXCL = 0x200
NLM_F_CREATE = 0x400
NLA_F_NESTED = 0x8000
NLA_TYPE_MASK = 0x3FFF

HEADER = Struct("=IHHII")  # nlmsghdr: length, type, flags, sequence, port id
ATTRIBUTE = Struct("=HH")  # nlattr: length, type
U32 = Struct("=I")
MAX_BATCH = 256

_NLM_F_REQUEST = 0x01
_NLM_F_ACK = 0x04
_NLM_F_DUMP_INTR = 0x10
_NLM_F_CAPPED = 0x100
_NLM_F_ACK_TLVS = 0x200
_NLM_F_DUMP = 0x300
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_ENDS = frozenset({_NLMSG_ERROR, _NLMSG_DONE})
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK = 270
# Short acknowledgements, explained ones, and dumps that the kernel filters: since Linux 4.3, 4.12 and 4.20.
# Without them answers are longer or poorer, not wrong.
_OPTIONS = (10, 11, 12)  # NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK

_RECEIVE_BUFFER = 1 << 20  # 256 answers of 768 bytes of kernel memory each, five times over
_READ_SIZE = 1 << 16  # the kernel writes at most 32 KiB of a dump at a time (netlink_recvmsg)
_TIMEOUT = 15  # seconds; a small machine may stand still
_DUMP_ATTEMPTS = 5
_READS_AT_ONCE = 64
_ERROR = Struct("=i")

Request = tuple[int, int, bytes]
"""What is asked of the kernel: message type, flags, and what follows the header."""

Answer = tuple[bytes, int, int]
"""One message of the kernel's: the buffer it came in, and where it begins and ends."""

Attributes = dict[int, bytes]
"""Attribute type, without its flags, -> payload; of several of one type the last."""


class NetlinkError(OSError):
    """The kernel's refusal: its errno, and its explanation, empty where it gave none.

    EBADMSG: the kernel sent bytes that are no netlink message.
    """

    errno: int

    def __init__(self, errno: int, explanation: str = "") -> None:
        super().__init__(errno, explanation or os.strerror(errno))
        self.explanation = explanation

    def __str__(self) -> str:
        return self.explanation or os.strerror(self.errno)


@dataclass(slots=True)
class BatchResult:
    """The refusals of one batch by message index. ``lost``: why answers are missing, 0 when none is.

    With ``lost`` set, a message without a refusal may have been carried out or not.
    """

    refusals: dict[int, NetlinkError] = field(default_factory=dict)
    lost: int = 0


def attribute(kind: int, payload: bytes) -> bytes:
    """Return one attribute, padded to four bytes; its length field does not count the padding."""
    return ATTRIBUTE.pack(4 + len(payload), kind) + payload + bytes(-len(payload) % 4)


def nested(kind: int, attributes_inside: bytes) -> bytes:
    """Return an attribute that holds attributes."""
    return attribute(kind | NLA_F_NESTED, attributes_inside)


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
    """Return where the payload of the first attribute of a type begins and ends; an absent one is empty.

    For tables of a hundred thousand entries, of which one number each is looked at.
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


class NetlinkSocket:
    """A socket bound to the network namespace of the thread that makes it. OSError: it cannot be opened.

    ``protocol``: NETLINK_ROUTE, NETLINK_NETFILTER or NETLINK_GENERIC. Every call below raises NetlinkError
    when the kernel refuses, ETIMEDOUT when it does not answer within 15 seconds.
    """

    def __init__(self, protocol: int) -> None:
        self._socket = _opened(protocol, 0)
        for option in _OPTIONS:
            with suppress(OSError):
                self._socket.setsockopt(_SOL_NETLINK, option, 1)
        # A kernel-side timeout costs no extra poll() per read, as settimeout() would.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, Struct("@ll").pack(_TIMEOUT, 0))
        self._sequence = 0

    def __enter__(self) -> NetlinkSocket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def messages_sent(self) -> int:
        """Return how many messages have been sent: each has a sequence number of its own."""
        return self._sequence

    def close(self) -> None:
        """Close the socket; closing twice is fine."""
        self._socket.close()

    def ask(self, kind: int, body: bytes) -> Answer:
        """Send one question and return its one answer."""
        wanted = self._send(kind, _NLM_F_REQUEST, body)
        while True:
            data = self._receive()
            for start, end, found, flags, sequence in messages(data):
                if sequence != wanted:
                    continue
                if found == _NLMSG_ERROR:
                    raise _refusal(data, start, end, found, flags) or NetlinkError(ENOENT)
                return data, start, end

    def do(self, kind: int, body: bytes) -> None:
        """Have one request carried out."""
        result = self.batch([(kind, 0, body)])
        if result.lost:
            raise NetlinkError(result.lost)
        if result.refusals:
            raise result.refusals[0]

    def batch(self, requests: Sequence[Request]) -> BatchResult:
        """Have up to 256 requests carried out, in their order.

        Only the last asks for an acknowledgement; the kernel reports failures of the others all the same
        and carries out the rest (``netlink_rcv_skb``).
        """
        count = len(requests)
        if not 0 < count <= MAX_BATCH:
            raise ValueError(f"a batch holds 1 to {MAX_BATCH} messages, not {count}")
        first = self._sequence + 1
        last = self._sequence = self._sequence + count
        pack, size = HEADER.pack, HEADER.size
        parts: list[bytes] = []
        for sequence, (kind, flags, body) in enumerate(requests, first):
            asked = flags | (_NLM_F_REQUEST if sequence < last else _NLM_F_REQUEST | _NLM_F_ACK)
            parts += (pack(size + len(body), kind, asked, sequence & 0xFFFFFFFF, 0), body)
        try:
            self._socket.send(b"".join(parts))
        except OSError as error:
            return BatchResult(lost=error.errno or ENOBUFS)
        return self._collect(first, last)

    def _collect(self, first: int, last: int) -> BatchResult:
        result = BatchResult()
        low = first & 0xFFFFFFFF
        while True:
            try:
                # After an overrun read what did arrive, and wait for nothing more: it may have been dropped.
                data = self._receive(socket.MSG_DONTWAIT if result.lost else 0)
            except NetlinkError as error:
                if result.lost:
                    return result
                result.lost = error.errno
                if error.errno == ENOBUFS:
                    continue
                return result
            for start, end, kind, flags, sequence in messages(data):
                index = sequence - low & 0xFFFFFFFF
                if kind != _NLMSG_ERROR or index > last - first:
                    continue  # a late answer to an earlier question
                refusal = _refusal(data, start, end, kind, flags)
                if refusal is not None:
                    result.refusals[index] = refusal
                if index == last - first:
                    return result

    def dump(self, kind: int, body: bytes) -> list[Answer]:
        """Return all messages of a dump, whole: one that was interrupted is asked for again.

        Raises NetlinkError, with EINTR when the table kept changing underneath.
        """
        error = NetlinkError(EINTR)
        for _ in range(_DUMP_ATTEMPTS):
            try:
                return list(self.stream(kind, body))
            except NetlinkError as failure:
                if failure.errno not in (EINTR, ENOBUFS, EBUSY):  # EBUSY: an abandoned dump still runs
                    raise
                error = failure
        raise error

    def stream(self, kind: int, body: bytes) -> Iterator[Answer]:
        """Yield the messages of a dump as they come; NetlinkError EINTR after one that was interrupted.

        Whoever stops before the end closes the socket.
        """
        wanted = self._send(kind, _NLM_F_REQUEST | _NLM_F_DUMP, body)
        interrupted = False
        while True:
            data = self._receive()
            for start, end, found, flags, sequence in messages(data):
                if sequence != wanted:
                    continue
                if flags & _NLM_F_DUMP_INTR:
                    interrupted = True
                if found in _ENDS:
                    refusal = _refusal(data, start, end, found, flags)
                    if refusal is not None:
                        raise refusal
                    if interrupted:
                        raise NetlinkError(EINTR)
                    return
                yield data, start, end

    def _send(self, kind: int, flags: int, body: bytes) -> int:
        self._sequence += 1
        sequence = self._sequence & 0xFFFFFFFF
        try:
            self._socket.send(HEADER.pack(HEADER.size + len(body), kind, flags, sequence, 0) + body)
        except OSError as error:
            raise NetlinkError(error.errno or ENOBUFS) from error
        return sequence

    def _receive(self, flags: int = 0) -> bytes:
        try:
            data = self._socket.recv(_READ_SIZE, flags)
        except OSError as error:
            errno = ETIMEDOUT if error.errno == EAGAIN else error.errno or ENOBUFS
            raise NetlinkError(errno) from error
        if len(data) == _READ_SIZE:
            raise NetlinkError(EMSGSIZE, "the kernel's answer is longer than any it writes today")
        return data


def listen(protocol: int, groups: int) -> socket.socket:
    """Return a non-blocking socket that hears multicast groups, each a bit; OSError where there are none."""
    listening = _opened(protocol, groups)
    listening.setblocking(False)
    return listening


def heard(listening: socket.socket) -> Iterator[bytes]:
    """Yield what has arrived, 64 reads at most; no bytes stand for messages that were lost to an overrun."""
    for _ in range(_READS_AT_ONCE):
        try:
            yield listening.recv(_READ_SIZE)
        except BlockingIOError:
            return
        except OSError:  # ENOBUFS
            yield b""


def _opened(protocol: int, groups: int) -> socket.socket:
    opened = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, protocol)
    try:
        force = getattr(socket, "SO_RCVBUFFORCE", 33)
        try:
            opened.setsockopt(socket.SOL_SOCKET, force, _RECEIVE_BUFFER)
        except PermissionError:  # without CAP_NET_ADMIN in the first user namespace: what rmem_max grants
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind((0, groups))
        if not groups:
            opened.connect((0, 0))  # then only the kernel's messages arrive
    except OSError:
        opened.close()
        raise
    return opened


def messages(data: bytes) -> list[tuple[int, int, int, int, int]]:
    """Return (start, end, type, flags, sequence) of each message in a buffer.

    Raises NetlinkError EBADMSG where a length is impossible.
    """
    found = []
    place, size = 0, len(data)
    while place + 16 <= size:
        length, kind, flags, sequence, _ = HEADER.unpack_from(data, place)
        if length < 16 or place + length > size:
            raise NetlinkError(EBADMSG, f"the kernel sent a message of the impossible length {length}")
        found.append((place, place + length, kind, flags, sequence))
        place += length + 3 & ~3
    return found


def _refusal(data: bytes, start: int, end: int, kind: int, flags: int) -> NetlinkError | None:
    """Read NLMSG_ERROR or NLMSG_DONE; None is success.

    The explanation is an attribute. In NLMSG_ERROR the request stands before it, or its header alone; in
    NLMSG_DONE nothing does (``netlink_dump_done``).
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
        if kind == _NLMSG_ERROR:
            quoted = HEADER.size if flags & _NLM_F_CAPPED else number(data[begin : begin + 4])
            begin += quoted + 3 & ~3
        text = attributes(data, begin, end).get(_NLMSGERR_ATTR_MSG, b"")
    return NetlinkError(errno, text.rstrip(b"\0").decode("utf-8", "replace"))
