"""One generic-netlink socket that asks the kernel's IPVS and never waits for ever."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EAGAIN, EBADMSG, EBUSY, EINTR, EMSGSIZE, ENOBUFS, ENOENT, ETIMEDOUT
from os import strerror
from struct import Struct

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import decode, encode
from clusterlb.drivers.ipvs.protocol import (
    CTRL_ATTR_FAMILY_ID,
    CTRL_ATTR_FAMILY_NAME,
    CTRL_CMD_GETFAMILY,
    GENL_ID_CTRL,
    IPVS_GENL_NAME,
    NETLINK_CAP_ACK,
    NETLINK_EXT_ACK,
    NETLINK_GENERIC,
    NLM_F_ACK,
    NLM_F_ACK_TLVS,
    NLM_F_CAPPED,
    NLM_F_DUMP,
    NLM_F_DUMP_INTR,
    NLM_F_REQUEST,
    NLMSG_DONE,
    NLMSG_ERROR,
    NLMSGERR_ATTR_MSG,
    SOL_NETLINK,
)

MAX_BATCH = 256
_RECEIVE_BUFFER = 1 << 20  # 256 answers of 768 bytes of kernel memory each, five times over
_READ_SIZE = 1 << 16  # the kernel writes at most 32 KiB of a dump at a time (netlink_recvmsg)
_TIMEOUT = 15  # seconds; a small machine may stand still
_DUMP_ATTEMPTS = 5
_HEADER = Struct("=IHHII")
_ERROR = Struct("=i")


class NetlinkError(Exception):
    """The kernel's refusal: its errno, and its explanation where it gave one."""

    def __init__(self, errno: int, text: str = "") -> None:
        super().__init__(errno, text)
        self.errno = errno
        self.explanation = text

    def __str__(self) -> str:
        return self.explanation or strerror(self.errno)


Answer = tuple[bytes, int, int]
"""One message of the kernel's: the buffer it came in, and where it begins and ends."""


@dataclass(slots=True)
class BatchResult:
    """The refusals of one batch by message index. ``lost``: why answers are missing, 0 when none is.

    With ``lost`` set, a message without a refusal may have been carried out or not.
    """

    refusals: dict[int, NetlinkError] = field(default_factory=dict)
    lost: int = 0


class NetlinkSocket:
    """A socket bound to the network namespace of the thread that makes it.

    Raises DriverError when the kernel has no IPVS.
    """

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(
                socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_GENERIC
            )
        except OSError as error:
            raise DriverError(
                f"cannot open a generic netlink socket: {error.strerror}; a seccomp filter or a container "
                "runtime that hides AF_NETLINK stands in the way"
            ) from error
        self._configure()
        self._sequence = 0
        self.family = 0

    def _configure(self) -> None:
        force = getattr(socket, "SO_RCVBUFFORCE", 33)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, force, _RECEIVE_BUFFER)
        except PermissionError:  # without CAP_NET_ADMIN in the first user namespace: what rmem_max grants
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        for option in (NETLINK_CAP_ACK, NETLINK_EXT_ACK):
            with suppress(OSError):  # kernels before 4.3 and 4.12; answers are longer or poorer, not wrong
                self._socket.setsockopt(SOL_NETLINK, option, 1)
        # A kernel-side timeout costs no extra poll() per read, as settimeout() would.
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, Struct("@ll").pack(_TIMEOUT, 0))
        self._socket.connect((0, 0))  # then only the kernel's messages arrive

    @property
    def messages_sent(self) -> int:
        """Return how many messages have been sent: each has a sequence number of its own."""
        return self._sequence

    def close(self) -> None:
        """Close the socket; closing twice is fine."""
        self._socket.close()

    def resolve_family(self) -> None:
        """Find the number the kernel gave to the IPVS family; NetlinkError ENOENT when it has none."""
        name = encode.attribute(CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME.encode() + b"\0")
        data, start, end = self._ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, name)
        first, last = decode.attributes(data, start + decode.HEADERS, end)[CTRL_ATTR_FAMILY_ID]
        self.family = int.from_bytes(data[first:last], sys.byteorder)

    def ask(self, command: int, body: bytes = b"") -> Answer:
        """Send one question and return its one answer; NetlinkError when the kernel refuses."""
        return self._ask(self.family, command, body)

    def do(self, command: int, body: bytes = b"") -> None:
        """Have one command carried out; NetlinkError when the kernel refuses."""
        result = self.batch([(command, body, b"")])
        if result.lost:
            raise NetlinkError(result.lost)
        if result.refusals:
            raise result.refusals[0]

    def batch(self, messages: Sequence[tuple[int, bytes, bytes]]) -> BatchResult:
        """Have up to 256 commands carried out, each (command, attributes, more attributes), in their order.

        Only the last asks for an acknowledgement; the kernel reports failures of the others all the same
        and carries out the rest (``netlink_rcv_skb``).
        """
        count = len(messages)
        if not 0 < count <= MAX_BATCH:
            raise ValueError(f"a batch holds 1 to {MAX_BATCH} messages, not {count}")
        first = self._sequence + 1
        last = self._sequence = self._sequence + count
        pack, size, family = encode.HEADER.pack, encode.HEADER.size, self.family
        parts: list[bytes] = []
        for sequence, (command, one, two) in enumerate(messages, first):
            flags = NLM_F_REQUEST if sequence < last else NLM_F_REQUEST | NLM_F_ACK
            length = size + len(one) + len(two)
            parts += (pack(length, family, flags, sequence & 0xFFFFFFFF, 0, command, 1, 0), one, two)
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
            for start, end, kind, flags, sequence in _messages(data):
                index = sequence - low & 0xFFFFFFFF
                if kind != NLMSG_ERROR or index > last - first:
                    continue  # a late answer to an earlier question
                refusal = _refusal(data, start, end, flags)
                if refusal is not None:
                    result.refusals[index] = refusal
                if index == last - first:
                    return result

    def dump(self, command: int, body: bytes = b"") -> list[Answer]:
        """Return all messages of a dump, whole: one that was interrupted is asked for again.

        Raises NetlinkError, with EINTR when the table kept changing underneath.
        """
        error = NetlinkError(EINTR)
        for _ in range(_DUMP_ATTEMPTS):
            try:
                return self._dump(command, body)
            except NetlinkError as failure:
                if failure.errno not in (EINTR, ENOBUFS, EBUSY):  # EBUSY: an abandoned dump still runs
                    raise
                error = failure
        raise error

    def _dump(self, command: int, body: bytes) -> list[Answer]:
        wanted = self._send(self.family, command, NLM_F_REQUEST | NLM_F_DUMP, body)
        answers: list[Answer] = []
        interrupted = False
        while True:
            data = self._receive()
            for start, end, kind, flags, sequence in _messages(data):
                if sequence != wanted:
                    continue
                interrupted = interrupted or bool(flags & NLM_F_DUMP_INTR)
                if kind in (NLMSG_ERROR, NLMSG_DONE):
                    refusal = _refusal(data, start, end, flags)
                    if refusal is not None:
                        raise refusal
                    if interrupted:
                        raise NetlinkError(EINTR)
                    return answers
                answers.append((data, start, end))

    def _ask(self, family: int, command: int, body: bytes) -> Answer:
        wanted = self._send(family, command, NLM_F_REQUEST, body)
        while True:
            data = self._receive()
            for start, end, kind, flags, sequence in _messages(data):
                if sequence != wanted:
                    continue
                if kind == NLMSG_ERROR:
                    raise _refusal(data, start, end, flags) or NetlinkError(ENOENT)
                return data, start, end

    def _send(self, family: int, command: int, flags: int, body: bytes) -> int:
        self._sequence += 1
        sequence = self._sequence & 0xFFFFFFFF
        try:
            self._socket.send(encode.message(family, command, flags, sequence, body))
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


def _messages(data: bytes) -> Iterator[tuple[int, int, int, int, int]]:
    """Yield (start, end, type, flags, sequence) of each message in a buffer."""
    start, size = 0, len(data)
    while start + 16 <= size:
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, start)
        if length < 16 or start + length > size:
            raise NetlinkError(EBADMSG, f"the kernel sent a message of the impossible length {length}")
        yield start, start + length, kind, flags, sequence
        start += length + 3 & ~3


def _refusal(data: bytes, start: int, end: int, flags: int) -> NetlinkError | None:
    """Read NLMSG_ERROR or NLMSG_DONE; None is success."""
    errno: int = -_ERROR.unpack_from(data, start + 16)[0]
    if errno == 0:
        return None
    text = ""
    if flags & NLM_F_ACK_TLVS:
        quoted = _HEADER.unpack_from(data, start + 20)[0]  # the request's header, or all of it
        begin = start + 20 + (16 if flags & NLM_F_CAPPED else quoted + 3 & ~3)
        message = decode.attributes(data, begin, end).get(NLMSGERR_ATTR_MSG)
        if message is not None:
            text = data[message[0] : message[1]].rstrip(b"\0").decode("utf-8", "replace")
    return NetlinkError(errno, text)
