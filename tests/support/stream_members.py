"""Members for the checks that speak over TCP: a handler per connection, and ways to behave badly."""

import contextlib
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator

from probing import make_key, observe, open_descriptors, run

from clusterlb.checks.probe import Result, make_probe
from clusterlb.model.check import CheckType, Options

Handler = Callable[[socket.socket], None]


class Member:
    """Serves each connection with a handler, one thread each, until it is closed."""

    def __init__(self, handler: Handler, address: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._handler = handler
        self._listener = socket.create_server((address, 0), family=family)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.add(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError):
                self._handler(connection)
        finally:
            with self._lock:
                self._open.discard(connection)
                connection.close()

    def close(self) -> None:
        """End every connection and every thread."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join(10)
        self._listener.close()
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)


@contextlib.contextmanager
def member(handler: Handler, address: str = "127.0.0.1") -> Iterator[int]:
    """Run a member; yield its port."""
    server = Member(handler, address)
    try:
        yield server.port
    finally:
        server.close()


def silent(connection: socket.socket) -> None:
    """Accept, and say nothing until the other end goes."""
    while connection.recv(65536):
        pass


def reset(connection: socket.socket) -> None:
    """End a connection with a reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def reset_after(count: int, first: bytes = b"") -> Handler:
    """Say ``first``, read ``count`` times, then reset."""

    def handle(connection: socket.socket) -> None:
        connection.sendall(first)
        for _ in range(count):
            connection.recv(65536)
        reset(connection)

    return handle


def saying(*parts: bytes, then: Handler = silent, hear: bool = True) -> Handler:
    """Hear something, say each part, and go on as told."""

    def handle(connection: socket.socket) -> None:
        if hear:
            connection.recv(65536)
        for part in parts:
            connection.sendall(part)
        then(connection)

    return handle


def hang_up(connection: socket.socket) -> None:
    """Close in good order, having read what there is."""
    connection.shutdown(socket.SHUT_WR)
    silent(connection)


def dripping(answer: bytes, pause: float = 0.05, hear: bool = True) -> Handler:
    """Say one byte at a time."""

    def handle(connection: socket.socket) -> None:
        if hear:
            connection.recv(65536)
        for byte in answer:
            connection.sendall(bytes([byte]))
            time.sleep(pause)
        silent(connection)

    return handle


def flooding(first: bytes, block: bytes, count: int, hear: bool = True) -> Handler:
    """Say ``first``, then ``count`` times ``block``."""

    def handle(connection: socket.socket) -> None:
        if hear:
            connection.recv(65536)
        connection.sendall(first)
        for _ in range(count):
            connection.sendall(block)
        silent(connection)

    return handle


def server_context(certificate: str, key: str, *, client_ca: str = "", alpn: str = "") -> ssl.SSLContext:
    """Return a server's TLS context; with ``client_ca`` it requires a client certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def secured(context: ssl.SSLContext, handler: Handler = silent, names: list[str] | None = None) -> Handler:
    """Speak TLS, then go on as told; ``names`` collects the names that clients ask for (SNI)."""
    if names is not None:
        context.sni_callback = lambda _, name, __: names.append(name)

    def handle(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as encrypted:
            handler(encrypted)

    return handle


def check(
    kind: CheckType, options: Options, port: int, timeout: float = 10.0, address: str = "127.0.0.1"
) -> Result:
    """Run one check of a member once, with its total deadline."""
    return run(make_probe(make_key(kind, options, address, port, timeout)), timeout)


def observe_passes(kind: CheckType, options: Options, port: int, count: int = 5) -> None:
    """Run a check with the real runner, again and again; it passes each time, and leaks nothing."""
    before = open_descriptors()
    seen = [observation for _, observation in observe([make_key(kind, options, port=port)], count)]
    assert len(seen) >= count
    assert [observation.detail for observation in seen if not observation.ok] == []
    assert all(observation.phases for observation in seen)
    until = time.monotonic() + 20  # the member's ends are this process's too, and end when they hear of ours
    while open_descriptors() > before and time.monotonic() < until:
        time.sleep(0.01)
    assert open_descriptors() <= before


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        return int(holder.getsockname()[1])
