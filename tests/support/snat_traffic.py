"""Traffic through SNAT pools: an echo outside that notes who calls, and callers on the servers' side."""

from __future__ import annotations

import contextlib
import selectors
import socket
import struct
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from ipaddress import ip_address
from typing import cast

from clusterlb.model.address import IPAddress

Seen = tuple[str, int]
PORT = 7000
STRAY_PORT = 20_000  # from which no connection comes (ip_local_port_range begins above)
WINDOW = 400  # flows that are under way at once, so that no queue overflows
ANSWERED = 8.0  # seconds, three retransmissions and more


class Echo:
    """Answers every datagram and every line of a stream, and notes the addresses and ports that it sees."""

    def __init__(
        self, inside: Callable[[Callable[[], socket.socket]], socket.socket], address: IPAddress
    ) -> None:
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        self.datagrams: dict[bytes, set[Seen]] = {}
        self.streams: set[Seen] = set()
        self._udp = inside(lambda: _bound(family, socket.SOCK_DGRAM, str(address)))
        self._tcp = inside(lambda: _bound(family, socket.SOCK_STREAM, str(address)))
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._udp, selectors.EVENT_READ, self._answer)
        self._selector.register(self._tcp, selectors.EVENT_READ, self._accept)
        self._over = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over:
            for key, _ in self._selector.select(0.2):
                key.data(key.fileobj)

    def _answer(self, udp: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, peer = udp.recvfrom(100)
                self.datagrams.setdefault(data, set()).add(peer[:2])
                udp.sendto(data, peer)

    def _accept(self, tcp: socket.socket) -> None:
        stream, peer = tcp.accept()
        stream.setblocking(False)
        self.streams.add(peer[:2])
        self._selector.register(stream, selectors.EVENT_READ, self._echo)

    def _echo(self, stream: socket.socket) -> None:
        try:
            data = stream.recv(1000)
            if data:
                stream.send(data)
                return
        except OSError:
            pass
        self._selector.unregister(stream)
        stream.close()

    def close(self) -> None:
        self._over = True
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            cast(socket.socket, key.fileobj).close()
        self._selector.close()


def _bound(family: int, kind: int, address: str) -> socket.socket:
    made = socket.socket(family, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    made.bind((address, PORT))
    made.setblocking(False)
    if kind == socket.SOCK_STREAM:
        made.listen(1024)
    return made


Pair = tuple[socket.socket, socket.socket]


class Datagrams:
    """UDP flows from many addresses and ports by one raw socket; no flow has a socket of its own."""

    def __init__(self, inside: Callable[[Callable[[], Pair]], Pair]) -> None:
        def make() -> Pair:
            sender = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            receiver = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP)
            receiver.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
            receiver.setblocking(False)
            return sender, receiver

        self._sender, self._receiver = inside(make)

    def answered(
        self, sources: Sequence[IPAddress], ports: Collection[int], target: IPAddress, seconds: float = 60.0
    ) -> int:
        """Send a datagram of each source and port until it is answered, and return how many were."""
        flows = [(source, port) for source in sources for port in ports]
        waiting: dict[Seen, tuple[bytes, float]] = {}
        answered = 0
        deadline = time.monotonic() + seconds
        while True:
            while flows and len(waiting) < WINDOW:
                flow = flows.pop()
                packet = _datagram(*flow, target)
                self._sender.sendto(packet, (str(target), 0))
                waiting[str(flow[0]), flow[1]] = packet, time.monotonic()
            for key in self._answers():
                answered += waiting.pop(key, None) is not None
            now = time.monotonic()
            if not (flows or waiting) or now >= deadline:
                return answered
            for key, (packet, sent) in waiting.items():
                if now - sent > 1:
                    self._sender.sendto(packet, (str(target), 0))
                    waiting[key] = packet, now

    def _answers(self) -> Iterator[Seen]:
        with contextlib.suppress(BlockingIOError):
            while True:
                packet = self._receiver.recv(200)
                header = (packet[0] & 15) * 4
                yield str(ip_address(packet[16:20])), struct.unpack_from("!H", packet, header + 2)[0]

    def close(self) -> None:
        self._sender.close()
        self._receiver.close()


def _datagram(source: IPAddress, port: int, target: IPAddress) -> bytes:
    """Return an IPv4 packet with a datagram that names its flow; the kernel writes the header's checksum."""
    data = source.packed + struct.pack("!H", port)
    udp = struct.pack("!HHHH", port, PORT, 8 + len(data), 0) + data
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    return header + source.packed + target.packed + udp


def send_segment(source: IPAddress, target: IPAddress, flags: int) -> None:
    """Send one TCP segment of no connection, from STRAY_PORT to PORT."""
    segment = struct.pack("!HHIIBBHHH", STRAY_PORT, PORT, 1, 1, 5 << 4, flags, 1000, 0, 0)
    whole = source.packed + target.packed + struct.pack("!HH", socket.IPPROTO_TCP, len(segment)) + segment
    total = sum(struct.unpack(f"!{len(whole) // 2}H", whole))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    segment = segment[:16] + struct.pack("!H", total ^ 0xFFFF) + segment[18:]
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_TCP) as raw:
        raw.bind((str(source), 0))
        raw.sendto(segment, (str(target), 0))


class Streams:
    """TCP connections that stay open."""

    def __init__(
        self,
        inside: Callable[[Callable[[], list[socket.socket]]], list[socket.socket]],
        sources: Sequence[IPAddress],
        target: IPAddress,
        count: int,
    ) -> None:
        def connect() -> list[socket.socket]:
            family = socket.AF_INET if target.version == 4 else socket.AF_INET6
            made = [socket.socket(family) for _ in range(count)]
            for number, stream in enumerate(made):
                stream.setblocking(False)
                stream.bind((str(sources[number % len(sources)]), 0))
                stream.connect_ex((str(target), PORT))
            return made

        self.all = inside(connect)
        self.broken = 0

    def alive(self) -> int:
        """Return how many of them still carry a line and its echo.

        ``broken`` says how many were reset, and what is printed which did not answer.
        """
        unsaid, unheard = set(range(len(self.all))), set(range(len(self.all)))
        broken: set[int] = set()
        deadline = time.monotonic() + ANSWERED
        while unheard - broken and time.monotonic() < deadline:
            for number in unheard - broken:
                line = struct.pack("!I", number)
                try:
                    if number in unsaid:
                        self.all[number].send(line)
                        unsaid.discard(number)
                    elif self.all[number].recv(100) == line:
                        unheard.discard(number)
                except BlockingIOError:
                    continue  # not open, or not answered yet
                except OSError:
                    broken.add(number)
            time.sleep(0.01)
        self.broken = len(broken)
        silent = [self.all[number].getsockname()[:2] for number in unheard - broken]
        if unheard:
            print(f"reset: {self.broken}, silent: {silent}")
        return len(self.all) - len(unheard)

    def close(self) -> None:
        for stream in self.all:
            stream.close()
