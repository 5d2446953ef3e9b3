"""Netlink sockets: one for requests, with a time limit, and one for multicast messages."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from errno import EAGAIN, EBUSY, EINTR, EMSGSIZE, ENOBUFS, ENOENT, ETIMEDOUT
from struct import Struct
from types import TracebackType

from clusterlb.drivers.netlink.codec import (
    HEADER,
    NLMSG_DONE,
    NLMSG_ERROR,
    Answer,
    NetlinkError,
    messages,
    refusal_in,
)

NETLINK_ROUTE = 0
NETLINK_NETFILTER = 12
NETLINK_GENERIC = 16


MAX_BATCH = 256

_NLM_F_REQUEST = 0x01
_NLM_F_ACK = 0x04
_NLM_F_DUMP_INTR = 0x10
_NLM_F_DUMP = 0x300
_ENDS = frozenset({NLMSG_ERROR, NLMSG_DONE})
_SOL_NETLINK = 270
# Short acknowledgements, explanations, and dumps that the kernel filters: since Linux 4.3, 4.12 and 4.20.
# Without these options answers are longer, or have no explanation, but are correct.
_OPTIONS = (10, 11, 12)  # NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK

_RECEIVE_BUFFER = 1 << 20  # 256 answers of 768 bytes of kernel memory each, five times over
_READ_SIZE = 1 << 16  # the kernel writes at most 32 KiB of a dump at a time (netlink_recvmsg)
_TIMEOUT = 15  # seconds; a small machine may be slow
_DUMP_ATTEMPTS = 5
_READS_AT_ONCE = 64

Request = tuple[int, int, bytes]
"""A request to the kernel: message type, flags, and the bytes after the header."""


@dataclass(slots=True)
class BatchResult:
    """The refusals of one batch by message index. ``lost``: the errno with which answers were lost, or 0.

    With ``lost`` set, a message without a refusal may have been carried out or not.
    """

    refusals: dict[int, NetlinkError] = field(default_factory=dict)
    lost: int = 0


class NetlinkSocket:
    """A socket in the network namespace of the thread that makes it. OSError: it cannot be opened.

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
        """Return the number of messages sent, which is the last sequence number."""
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
                if found == NLMSG_ERROR:
                    raise refusal_in(data, start, end, found, flags) or NetlinkError(ENOENT)
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

        Only the last request asks for an acknowledgement. The kernel reports failures of the others too, and
        carries out the rest (``netlink_rcv_skb``).
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
                # After an overrun, read what has arrived without waiting: further answers may have been
                # dropped.
                data = self._receive(socket.MSG_DONTWAIT if result.lost else 0)
            except NetlinkError as failure:
                if result.lost:
                    return result
                result.lost = failure.errno
                if failure.errno == ENOBUFS:
                    continue
                return result
            for start, end, kind, flags, sequence in messages(data):
                index = sequence - low & 0xFFFFFFFF
                if kind != NLMSG_ERROR or index > last - first:
                    continue  # a late answer to an earlier question
                error = refusal_in(data, start, end, kind, flags)
                if error is not None:
                    result.refusals[index] = error
                if index == last - first:
                    return result

    def dump(self, kind: int, body: bytes) -> list[Answer]:
        """Return all messages of a complete dump: an interrupted dump is repeated.

        Raises NetlinkError; EINTR when the table changed during every attempt.
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
        """Yield the messages of a dump as they arrive; NetlinkError EINTR after an interrupted dump.

        A caller that stops before the end must close the socket.
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
                    error = refusal_in(data, start, end, found, flags)
                    if error is not None:
                        raise error
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
    """Return a non-blocking socket in these multicast groups, each a bit; OSError if they do not exist."""
    listening = _opened(protocol, groups)
    listening.setblocking(False)
    return listening


def heard(listening: socket.socket) -> Iterator[bytes]:
    """Yield the received buffers, 64 at most; an empty one stands for messages lost to an overrun."""
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
        except PermissionError:  # without CAP_NET_ADMIN in the first user namespace: rmem_max limits it
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        opened.bind((0, groups))
        if not groups:
            opened.connect((0, 0))  # receive messages of the kernel only
    except OSError:
        opened.close()
        raise
    return opened
