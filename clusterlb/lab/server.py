"""A real server: answers lines of text and HTTP requests with its own name."""

from __future__ import annotations

import contextlib
import json
import select
import socket
import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

LARGEST = 1 << 26  # bytes in one upload or download
_PATTERN = b"".join(number.to_bytes(4, "big") for number in range(1 << 14))
_BACKLOG = 4096
_READ = 65536
_LONGEST_LINE = 8192
_PKTINFO = struct.Struct("16sI")  # struct in6_pktinfo: address, interface (RFC 3542, 6.1)


def payload(size: int) -> bytes:
    """Return the bytes of a download of this size: increasing numbers, so that a gap is detected."""
    return (_PATTERN * (size // len(_PATTERN) + 1))[:size]


@dataclass(slots=True)
class _Upload:
    size: int
    received: int = 0
    crc32: int = 0


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    sending: bytearray = field(default_factory=bytearray)
    upload: _Upload | None = None
    closing: bool = False


class RealServer:
    """Serves TCP and UDP ports, on every IPv4 and IPv6 address that the host has or will have.

    On a TCP connection, any number of times: ``WHO`` is answered with a line of JSON, see ``who``; ``ECHO
    TEXT`` with ``NAME TEXT``; ``DOWNLOAD N`` with ``payload(N)``; ``UPLOAD N`` and N bytes with a line of
    JSON that has their number and CRC-32; ``GET PATH HTTP/1.x`` with JSON, kept alive unless the client asks
    to close. On UDP, the datagrams ``WHO`` and ``ECHO TEXT`` are answered, others are not. Port 0: the kernel
    chooses one. Raises OSError for a port that is taken.
    """

    def __init__(
        self, name: str, ports: Sequence[int], udp_ports: Sequence[int] = (), address: str = "::"
    ) -> None:
        self.name = name
        self._poll = select.epoll()
        self._connections: dict[int, _Connection] = {}
        self._listeners: dict[int, socket.socket] = {}
        self._receivers: dict[int, socket.socket] = {}
        for port in ports:
            listener = socket.create_server(
                (address, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=_BACKLOG
            )
            self._watch(self._listeners, listener)
        for port in udp_ports:
            self._watch(self._receivers, _receiver(address, port))

    @property
    def ports(self) -> tuple[int, ...]:
        """Return the TCP ports, in the order of the arguments."""
        return tuple(listener.getsockname()[1] for listener in self._listeners.values())

    @property
    def udp_ports(self) -> tuple[int, ...]:
        """Return the UDP ports, in the order of the arguments."""
        return tuple(receiver.getsockname()[1] for receiver in self._receivers.values())

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            self.step(-1)

    def close(self) -> None:
        """Close everything; open connections are reset or ended."""
        for connection in list(self._connections.values()):
            self._close(connection)
        self._poll.close()
        for opened in (*self._listeners.values(), *self._receivers.values()):
            opened.close()

    def step(self, seconds: float) -> None:
        """Serve the ready sockets, after a wait of at most ``seconds`` (negative: without limit)."""
        for number, events in self._poll.poll(seconds):
            if number in self._listeners:
                self._accept(self._listeners[number])
            elif number in self._receivers:
                self._reply_to_datagrams(self._receivers[number])
            elif events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._read(self._connections[number])
            else:
                self._write(self._connections[number])

    def who(self, client: tuple[str, int], local: tuple[str, int]) -> bytes:
        """Return the answer to ``WHO``: this server's name, and both endpoints as this server sees them."""
        answer = {
            "server": self.name,
            "client": _plain(client[0]),
            "port": client[1],
            "local": _plain(local[0]),
            "local_port": local[1],
        }
        return json.dumps(answer).encode() + b"\n"

    def _watch(self, among: dict[int, socket.socket], opened: socket.socket) -> None:
        opened.setblocking(False)
        among[opened.fileno()] = opened
        self._poll.register(opened, select.EPOLLIN)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                accepted, _ = listener.accept()
            except OSError:  # the queue is empty, or its first client has gone
                return
            accepted.setblocking(False)
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections[accepted.fileno()] = _Connection(accepted)
            self._poll.register(accepted, select.EPOLLIN)

    def _read(self, connection: _Connection) -> None:
        try:
            data = connection.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._close(connection)
            return
        connection.received += data
        with contextlib.suppress(OSError):  # the client has gone; ``_write`` will notice
            while not connection.closing and self._answer(connection):
                pass
        self._write(connection)

    def _answer(self, connection: _Connection) -> bool:
        """Answer the first received request; return whether the request was complete."""
        if connection.upload is not None:
            return _take(connection, connection.upload)
        line, newline, rest = connection.received.partition(b"\n")
        if not newline:
            connection.closing = len(line) > _LONGEST_LINE
            return False
        word, _, text = bytes(line).rstrip(b"\r").partition(b" ")
        match word:
            case b"ECHO":
                connection.sending += b"%b %b\n" % (self.name.encode(), text)
            case b"WHO":
                ends = connection.socket.getpeername()[:2], connection.socket.getsockname()[:2]
                connection.sending += self.who(*ends)
            case b"DOWNLOAD" | b"UPLOAD" if text.isdigit() and int(text) <= LARGEST:
                if word == b"UPLOAD":
                    connection.upload = _Upload(int(text))
                else:
                    connection.sending += payload(int(text))
            case _:
                return self._answer_http(connection)
        connection.received = rest
        return True

    def _answer_http(self, connection: _Connection) -> bool:
        head, blank, rest = connection.received.partition(b"\r\n\r\n")
        if not blank:
            connection.closing = len(head) > _LONGEST_LINE
            return False
        connection.received = rest
        request, *headers = head.decode("latin-1").split("\r\n")
        words = request.split(" ")
        known = len(words) == 3 and words[0] in {"GET", "HEAD"} and words[2].startswith("HTTP/1.")
        fields = {
            name.strip().lower(): value.strip().lower()
            for name, _, value in (h.partition(":") for h in headers)
        }
        asked = fields.get("connection", "close" if words[-1] == "HTTP/1.0" else "keep-alive")
        connection.closing = not known or asked == "close"
        body = json.dumps({"server": self.name, "path": words[1] if known else None}).encode() + b"\n"
        status = "200 OK" if known else "400 Bad Request"
        connection.sending += (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Connection: {'close' if connection.closing else 'keep-alive'}\r\n\r\n"
        ).encode()
        if words[0] != "HEAD":
            connection.sending += body
        return True

    def _reply_to_datagrams(self, receiver: socket.socket) -> None:
        port = receiver.getsockname()[1]
        while True:
            try:
                data, extra, _, client = receiver.recvmsg(_READ, socket.CMSG_SPACE(_PKTINFO.size))
            except OSError:  # no datagram is left
                return
            asked = next(_PKTINFO.unpack(text)[0] for _, kind, text in extra if kind == socket.IPV6_PKTINFO)
            if data.startswith(b"ECHO "):
                answer = b"%b %b" % (self.name.encode(), data[5:])
            elif data.rstrip() == b"WHO":
                answer = self.who(client[:2], (socket.inet_ntop(socket.AF_INET6, asked), port))
            else:
                continue
            # Source: the address that was asked, because the route would choose another than the VIP.
            # Interface 0: the answer must not leave through the tunnel that the question came by.
            source = (socket.IPPROTO_IPV6, socket.IPV6_PKTINFO, _PKTINFO.pack(asked, 0))
            with contextlib.suppress(OSError):
                receiver.sendmsg([answer], [source], 0, client)

    def _write(self, connection: _Connection) -> None:
        try:
            sent = connection.socket.send(connection.sending) if connection.sending else 0
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        del connection.sending[:sent]
        if connection.sending:
            self._poll.modify(connection.socket, select.EPOLLIN | select.EPOLLOUT)
        elif connection.closing:
            self._close(connection)
        else:
            self._poll.modify(connection.socket, select.EPOLLIN)

    def _close(self, connection: _Connection) -> None:
        self._poll.unregister(connection.socket)
        del self._connections[connection.socket.fileno()]
        connection.socket.close()


def _receiver(address: str, port: int) -> socket.socket:
    receiver = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    # for IPv4 too: the kernel returns a v4-mapped address (ip6_datagram_recv_common_ctl)
    receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
    try:
        receiver.bind((address, port))
    except OSError:
        receiver.close()
        raise
    return receiver


def _take(connection: _Connection, upload: _Upload) -> bool:
    """Take received bytes of an upload, and confirm a complete upload; return whether it is complete."""
    data = connection.received[: upload.size - upload.received]
    del connection.received[: len(data)]
    upload.received += len(data)
    upload.crc32 = zlib.crc32(data, upload.crc32)
    if upload.received < upload.size:
        return False
    confirmed = {"bytes": upload.received, "crc32": upload.crc32}
    connection.sending += json.dumps(confirmed).encode() + b"\n"
    connection.upload = None
    return True


def _plain(address: str) -> str:
    """Write the v4-mapped address of a dual-stack socket, ``::ffff:10.3.0.2``, as IPv4."""
    return address.removeprefix("::ffff:")
