"""What a client does: connections that are kept and talk, and requests that come and go."""

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
    """What to do. ``pace``: seconds between two lines of a flow; ``rate``: requests a second.

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
class Exchange:
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
        """Say whether it lasts."""
        return self.number >= 0


class Traffic:
    """Makes the load and counts what becomes of it. Times are of the monotonic clock."""

    def __init__(self, load: Load, clock: Callable[[], float] = time.monotonic) -> None:
        self.load = load
        self._clock = clock
        self._poll = select.epoll()
        self._open: dict[int, Exchange] = {}
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
            self._at(start + number / _RAMP, self._opener(number))
        if load.rate:
            self._at(start, self._request)

    def watch(self, descriptor: int) -> None:
        """Have ``step`` return when a descriptor is readable."""
        self._poll.register(descriptor, select.EPOLLIN)

    def step(self, seconds: float) -> Sequence[int]:
        """Do what is due or ready, after a wait of at most ``seconds``; return watched descriptors."""
        now = self._clock()
        wait = min(seconds, max(0.0, self._due[0][0] - now)) if self._due else seconds
        others = []
        for number, events in self._poll.poll(wait):
            exchange = self._open.get(number)
            if exchange is None:
                others.append(number)
            elif not exchange.connected:
                self._connected(exchange)
            elif events:
                self._read(exchange)
        now = self._clock()
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2]()
        return others

    def close(self) -> None:
        """Close every connection."""
        for exchange in list(self._open.values()):
            self._forget(exchange)
        self._poll.close()

    def mark(self) -> None:
        """Count answers and worst times anew from here."""
        self._marked = self._clock()
        self._worst_reply = self._worst_request = 0.0
        for exchange in self._open.values():
            exchange.answered = False

    def report(self) -> dict[str, Any]:
        """Return the counts. ``answered``: flows with an answer to a line sent since the last mark."""
        flows = [exchange for exchange in self._open.values() if exchange.is_flow]
        return {
            "at": self._clock(),
            "flows": {
                "wanted": self.load.flows,
                "open": sum(exchange.answered or bool(exchange.server) for exchange in flows),
                "answered": sum(exchange.answered for exchange in flows),
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

    def _opener(self, number: int) -> Callable[[], None]:
        return lambda: self._connect(number)

    def _request(self) -> None:
        # by the clock and not from the last one: a slow machine makes up for what it missed, within a second
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
        exchange = Exchange(opened, number, self._clock(), sent_at=self._clock())
        self._open[opened.fileno()] = exchange
        self._poll.register(opened, select.EPOLLOUT)
        self._guard(exchange)
        try:
            opened.bind((source, 0))
            code = opened.connect_ex((load.targets[turn // len(load.sources) % len(load.targets)], load.port))
        except OSError as error:
            code = error.errno or errno.EIO
        if code not in _IN_PROGRESS:
            self._lose(exchange, Loss.RESET)

    def _guard(self, exchange: Exchange) -> None:
        """Give an exchange its time limit, from the line that it waits for an answer to."""
        sent = exchange.sent_at

        def expire() -> None:
            if exchange.waiting and exchange.sent_at == sent and exchange.socket.fileno() in self._open:
                self._lose(exchange, Loss.TIMEOUT)

        self._at(sent + self.load.timeout, expire)

    def _connected(self, exchange: Exchange) -> None:
        if exchange.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            self._lose(exchange, Loss.RESET)
            return
        exchange.connected = True
        self._poll.modify(exchange.socket, select.EPOLLIN)
        if exchange.is_flow:
            self._talk(exchange)
        else:
            self._send(exchange, _REQUEST)

    def _talk(self, exchange: Exchange) -> None:
        if exchange.socket.fileno() not in self._open:
            return
        exchange.waiting = True
        exchange.sent_at = self._clock()
        self._guard(exchange)
        self._send(exchange, b"ECHO %d\n" % exchange.number)

    def _send(self, exchange: Exchange, data: bytes) -> None:
        try:
            exchange.socket.send(data)
        except OSError:
            self._lose(exchange, Loss.RESET)

    def _read(self, exchange: Exchange) -> None:
        try:
            data = exchange.socket.recv(_READ)
        except BlockingIOError:
            return
        except OSError:
            self._lose(exchange, Loss.RESET)
            return
        exchange.received += data
        if not exchange.is_flow:
            if not data:
                self._finish(exchange)
        elif not data:
            self._lose(exchange, Loss.RESET)
        elif exchange.received.endswith(b"\n"):
            self._replied(exchange)

    def _replied(self, exchange: Exchange) -> None:
        server = bytes(exchange.received).split(b" ", 1)[0]
        exchange.received.clear()
        if exchange.server and exchange.server != server:
            self._lose(exchange, Loss.MOVED)
            return
        if not exchange.server:
            self._servers[server.decode()] += 1
        now = self._clock()
        exchange.server = server
        exchange.waiting = False
        exchange.answered = exchange.answered or exchange.sent_at >= self._marked
        if exchange.answered:
            self._worst_reply = max(self._worst_reply, now - exchange.sent_at)
        self._at(max(now, exchange.sent_at + self.load.pace), lambda: self._talk(exchange))

    def _finish(self, exchange: Exchange) -> None:
        if not exchange.received.startswith(b"HTTP/1.1 200 ") or not exchange.received.endswith(b"}\n"):
            self._lose(exchange, Loss.RESET)
            return
        self._requests["ok"] += 1
        self._worst_request = max(self._worst_request, self._clock() - exchange.since)
        self._forget(exchange)

    def _lose(self, exchange: Exchange, loss: Loss) -> None:
        (self._flow_losses if exchange.is_flow else self._requests)[loss.value] += 1
        self._forget(exchange)

    def _forget(self, exchange: Exchange) -> None:
        with contextlib.suppress(OSError):
            self._poll.unregister(exchange.socket)
        del self._open[exchange.socket.fileno()]
        exchange.socket.close()
