"""A real server: a line of HTTP or of text in, a line that names the server out."""

from __future__ import annotations

import json
import select
import socket
from dataclasses import dataclass, field

_BACKLOG = 4096
_READ = 65536
_LONGEST_LINE = 8192


@dataclass(slots=True)
class _Connection:
    socket: socket.socket
    received: bytearray = field(default_factory=bytearray)
    sending: bytearray = field(default_factory=bytearray)
    closing: bool = False


class Server:
    """Serves one TCP port for ever.

    ``GET PATH HTTP/1.x`` is answered with JSON and kept alive unless the client says close; ``ECHO TEXT``
    with ``NAME TEXT``, as often as the client likes.
    """

    def __init__(self, name: str, port: int, address: str = "0.0.0.0") -> None:
        self.name = name
        self._listener = socket.create_server((address, port), backlog=_BACKLOG)
        self._listener.setblocking(False)
        self._poll = select.epoll()
        self._poll.register(self._listener, select.EPOLLIN)
        self._connections: dict[int, _Connection] = {}

    @property
    def port(self) -> int:
        """Return the port it listens on."""
        port: int = self._listener.getsockname()[1]
        return port

    def run(self) -> None:
        """Serve until the process ends."""
        while True:
            self.step(-1)

    def close(self) -> None:
        """Close everything; open connections are reset or ended."""
        for connection in list(self._connections.values()):
            self._close(connection)
        self._poll.close()
        self._listener.close()

    def step(self, seconds: float) -> None:
        """Serve what is ready, after a wait of at most ``seconds`` (negative: any)."""
        for number, events in self._poll.poll(seconds):
            if number == self._listener.fileno():
                self._accept()
            elif events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
                self._read(self._connections[number])
            else:
                self._write(self._connections[number])

    def _accept(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:  # nobody is left in the queue, or the one who was has gone
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
        self._answer(connection)
        self._write(connection)

    def _answer(self, connection: _Connection) -> None:
        while not connection.closing:
            line, newline, rest = connection.received.partition(b"\n")
            if not newline:
                connection.closing = len(line) > _LONGEST_LINE
                return
            if line.startswith(b"ECHO "):
                connection.sending += self.name.encode() + line[4:] + b"\n"
                connection.received = rest
                continue
            head, blank, rest = connection.received.partition(b"\r\n\r\n")
            if not blank:
                connection.closing = len(head) > _LONGEST_LINE
                return
            connection.received = rest
            self._reply(connection, bytes(head))

    def _reply(self, connection: _Connection, head: bytes) -> None:
        request, *headers = head.decode("latin-1").split("\r\n")
        words = request.split(" ")
        known = len(words) == 3 and words[0] in {"GET", "HEAD"} and words[2].startswith("HTTP/1.")
        fields = {
            name.strip().lower(): value.strip().lower()
            for name, _, value in (h.partition(":") for h in headers)
        }
        wish = fields.get("connection", "close" if words[-1] == "HTTP/1.0" else "keep-alive")
        connection.closing = not known or wish == "close"
        body = json.dumps({"server": self.name, "path": words[1] if known else None}).encode() + b"\n"
        status = "200 OK" if known else "400 Bad Request"
        connection.sending += (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            f"Connection: {'close' if connection.closing else 'keep-alive'}\r\n\r\n"
        ).encode()
        if words[0] != "HEAD":
            connection.sending += body

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
