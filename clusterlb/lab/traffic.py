"""A client's traffic: flows, which are connections that last, and requests, each on a new connection."""

from __future__ import annotations

import contextlib
import errno
import heapq
import select
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

_READ = 65536
_IN_PROGRESS = {0, errno.EINPROGRESS}
_REQUEST = b"GET / HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n"
_RAMP = 100.0  # connections opened a second, so that an emulated machine is not flooded


class Loss(Enum):
    """How a flow or a request fails, as its client sees it."""

    RESET = "reset"
    TIMEOUT = "timeout"
    MOVED = "moved"  # another server answered


@dataclass(frozen=True, slots=True)
class Load:
    """A client's load. ``pace``: seconds between two lines of a flow; ``rate``: requests a second.

    ``timeout``: seconds without an answer after which a flow or a request is lost.
    """

    targets: tuple[str, ...]
    port: int
    sources: tuple[str, ...]
    flows: int = 0
    pace: float = 1.0
    rate: float = 0.0
    timeout: float = 15.0


@dataclass(slots=True, eq=False)
class Connection:
    """One connection: a flow that lasts (``number`` from 0) or a request (``number`` -1)."""

    socket: socket.socket
    number: int
    since: float
    connected: bool = False
    waiting: bool = True
    server: bytes = b""
    received: bytearray = field(default_factory=bytearray)
    answered: bool = False
    sent_at: float = 0.0

    @property
    def is_flow(self) -> bool:
        """Say whether this connection is a flow."""
        return self.number >= 0


class Traffic:
    """Makes the load and counts its results. Times are of the monotonic clock."""

    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self.load = load
        self._clock = clock
        self._poll = select.epoll()
        self._open: dict[int, Connection] = {}
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = 0
        self._marked = clock()
        self._flow_losses: Counter[str] = Counter()
        self._requests: Counter[str] = Counter()
        self._servers: Counter[str] = Counter()
        self._worst_reply = 0.0
        self._worst_request = 0.0
        start = self._request_due = clock()
        for number in range(load.flows):
            self._at(start + number / _RAMP, partial(self._connect, number))
        if load.rate:
            self._at(start, self._request)

    def watch(self, descriptor: int) -> None:
        """Have ``step`` return when a descriptor is readable."""
        self._poll.register(descriptor, select.EPOLLIN)

    def step(self, seconds: float) -> Sequence[int]:
        """Do all that is due or ready, after a wait of at most ``seconds``; return watched descriptors."""
        now = self._clock()
        wait = min(seconds, max(0.0, self._due[0][0] - now)) if self._due else seconds
        others = []
        for number, events in self._poll.poll(wait):
            connection = self._open.get(number)
            if connection is None:
                others.append(number)
            elif not connection.connected:
                self._connected(connection)
            elif events:
                self._read(connection)
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        return others

    def close(self) -> None:
        """Close every connection."""
        for connection in list(self._open.values()):
            self._forget(connection)
        self._poll.close()

    def mark(self) -> None:
        """Count answers and worst times anew."""
        self._marked = self._clock()
        self._worst_reply = self._worst_request = 0.0
        for connection in self._open.values():
            connection.answered = False

    def report(self) -> dict[str, Any]:
        """Return the counts. ``answered``: flows with an answer to a line sent since the last mark."""
        flows = [connection for connection in self._open.values() if connection.is_flow]
        return {
            "at": self._clock(),
            "flows": {
                "wanted": self.load.flows,
                "open": sum(connection.answered or bool(connection.server) for connection in flows),
                "answered": sum(connection.answered for connection in flows),
                "worst_s": round(self._worst_reply, 3),
                **{loss.value: self._flow_losses[loss.value] for loss in Loss},
                "lost": self._flow_losses.total(),
            },
            "requests": {
                "started": self._requests["started"],
                "ok": self._requests["ok"],
                "in_flight": len(self._open) - len(flows),
                "worst_s": round(self._worst_request, 3),
                **{loss.value: self._requests[loss.value] for loss in Loss},
                "failed": sum(self._requests[loss.value] for loss in Loss),
            },
            "servers": dict(sorted(self._servers.items())),
        }

    def _at(self, when: float, action: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._due, (when, self._order, action))

    def _request(self) -> None:
        # due by the clock, not by the last request: a slow machine makes up for missed ones, within a second
        now = self._clock()
        self._requests["started"] += 1
        self._request_due = max(self._request_due + 1 / self.load.rate, now - 1.0)
        self._at(self._request_due, self._request)
        self._connect(-1)

    def _connect(self, number: int) -> None:
        load = self.load
        turn = number if number >= 0 else self._requests["started"]
        source = load.sources[turn % len(load.sources)]
        opened = socket.socket(
            socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(opened, number, self._clock(), sent_at=self._clock())
        self._open[opened.fileno()] = connection
        self._poll.register(opened, select.EPOLLOUT)
        self._guard(connection)
        try:
            opened.bind((source, 0))
            code = opened.connect_ex((load.targets[turn // len(load.sources) % len(load.targets)], load.port))
        except OSError as error:
            code = error.errno or errno.EIO
        if code not in _IN_PROGRESS:
            self._lose(connection, Loss.RESET)

    def _guard(self, connection: Connection) -> None:
        """Give a connection its time limit, counted from the line whose answer is awaited."""
        sent = connection.sent_at

        def expire() -> None:
            if connection.waiting and connection.sent_at == sent and connection.socket.fileno() in self._open:
                self._lose(connection, Loss.TIMEOUT)

        self._at(sent + self.load.timeout, expire)

    def _connected(self, connection: Connection) -> None:
        if connection.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lose(connection, Loss.RESET)
            return
        connection.connected = True
        self._poll.modify(connection.socket, select.EPOLLIN)
        if connection.is_flow:
            self._talk(connection)
        else:
            self._send(connection, _REQUEST)

    def _talk(self, connection: Connection) -> None:
        if connection.socket.fileno() not in self._open:
            return
        connection.waiting = True
        connection.sent_at = self._clock()
        self._guard(connection)
        self._send(connection, b"ECHO %d\n" % connection.number)

    def _send(self, connection: Connection, data: bytes) -> None:
        try:
            connection.socket.send(data)
        except OSError:
            self._lose(connection, Loss.RESET)

    def _read(self, connection: Connection) -> None:
        try:
            data = connection.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self._lose(connection, Loss.RESET)
            return
        connection.received += data
        if not connection.is_flow:
            if not data:
                self._finish(connection)
        elif not data:
            self._lose(connection, Loss.RESET)
        elif connection.received.endswith(b"\n"):
            self._replied(connection)

    def _replied(self, connection: Connection) -> None:
        server = bytes(connection.received).split(b" ", 1)[0]
        connection.received.clear()
        if connection.server and connection.server != server:
            self._lose(connection, Loss.MOVED)
            return
        if not connection.server:
            self._servers[server.decode()] += 1
        now = self._clock()
        connection.server = server
        connection.waiting = False
        connection.answered = connection.answered or connection.sent_at >= self._marked
        if connection.answered:
            self._worst_reply = max(self._worst_reply, now - connection.sent_at)
        self._at(max(now, connection.sent_at + self.load.pace), lambda: self._talk(connection))

    def _finish(self, connection: Connection) -> None:
        if not connection.received.startswith(b"HTTP/1.1 200 ") or not connection.received.endswith(b"}\n"):
            self._lose(connection, Loss.RESET)
            return
        self._requests["ok"] += 1
        self._worst_request = max(self._worst_request, self._clock() - connection.since)
        self._forget(connection)

    def _lose(self, connection: Connection, loss: Loss) -> None:
        (self._flow_losses if connection.is_flow else self._requests)[loss.value] += 1
        self._forget(connection)

    def _forget(self, connection: Connection) -> None:
        with contextlib.suppress(OSError):
            self._poll.unregister(connection.socket)
        del self._open[connection.socket.fileno()]
        connection.socket.close()
