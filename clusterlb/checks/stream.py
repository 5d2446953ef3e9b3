"""The transport of every check with a dialogue over TCP: connect, add TLS if wanted, carry the dialogue."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Callable
from select import EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT
from typing import TYPE_CHECKING

from clusterlb.checks.connect import VERDICTS, ProbePath, Socket, begin_connect, connect_failure
from clusterlb.checks.dialogue import Dialogue, Secure
from clusterlb.checks.probe import Result, UnsentError, Wait
from clusterlb.model.check import TlsOptions
from clusterlb.model.health import ProbeKey

if TYPE_CHECKING:
    from clusterlb.checks.secure import SecureLayer

# bytes read per event, so that no member's flood delays the others: parsing the costliest takes 10 ms
CHUNK = 16384
READ_LIMIT = 262144  # bytes of a whole run, framing and TLS records included


class _Run:
    """One connection, from its SYN to its reset."""

    __slots__ = (
        "connected",
        "connection",
        "dialogue",
        "elapsed",
        "out",
        "phases",
        "read",
        "said",
        "secure",
        "write_error",
    )

    def __init__(self, connection: Socket, dialogue: Dialogue, secure: SecureLayer | None) -> None:
        self.connection = connection
        self.dialogue = dialogue
        self.secure = secure
        self.out = bytearray()
        self.phases: list[tuple[str, float]] = []
        self.connected = False
        self.said = False
        self.elapsed = 0.0
        self.read = 0
        self.write_error = 0

    @property
    def awaits(self) -> str:
        """Name what must come next."""
        if not self.connected:
            return "the connection"
        if self.secure is not None and not self.secure.ready:
            return "the TLS handshake"
        return self.dialogue.awaits or "the member to confirm the TLS handshake"

    def say(self, data: bytes) -> None:
        """Send plain bytes, through TLS if the connection has it."""
        self.said = self.said or bool(data)
        if self.secure is None:
            self.out += data
        else:
            self.secure.send(data)

    def note(self, phase: str) -> None:
        """Note when a phase was first reached."""
        if all(phase != noted for noted, _ in self.phases):
            self.phases.append((phase, self.elapsed))


class StreamProbe:
    """Carry one dialogue a run, and reset the connection at the end of each run.

    The reset leaves no TIME_WAIT on either side, as in the ``tcp`` check; a dialogue whose reset the member
    would log as an error closes its protocol before (SMTP's QUIT). TLS works on memory
    (``secure.SecureLayer``); only this class uses the socket.

    ``speak`` makes a run's dialogue. ``tls``: begin with TLS. ``start_tls``: the options for a dialogue that
    asks for TLS later. ``alpn``: the protocol to ask for in the handshake. ``limit``: the most bytes to read.
    """

    __slots__ = ("_alpn", "_key", "_limit", "_path", "_run", "_speak", "_start_tls", "_tls")

    def __init__(
        self,
        key: ProbeKey,
        speak: Callable[[], Dialogue],
        tls: TlsOptions | None = None,
        *,
        start_tls: TlsOptions | None = None,
        alpn: str = "",
        limit: int = READ_LIMIT,
    ) -> None:
        self._key = key
        self._path = ProbePath(key, socket.SOCK_STREAM)
        self._speak = speak
        self._tls = tls
        self._start_tls = start_tls
        self._alpn = alpn
        self._limit = limit
        self._run: _Run | None = None

    def start(self) -> Wait | Result:
        """Send the SYN."""
        dialogue = self._speak()
        secure = None if self._tls is None else self._layer(self._tls)
        connection = self._path.open()
        self._run = _Run(connection, dialogue, secure)
        try:
            # Otherwise a request waits for the delayed ACK of the handshake's last message (Nagle, RFC 896).
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            raise UnsentError(error.errno or 0) from error
        return begin_connect(connection, self._path.address) or Wait(connection.fileno(), EPOLLOUT)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:
        """Read and write as many bytes as the socket allows without blocking."""
        run = self._run
        assert run is not None  # noqa: S101 - there is one between start and close
        run.elapsed = elapsed
        result = self._read(run, events)
        if result is None:
            _write(run)
            result = _finish(run)
        if result is None:
            return Wait(run.connection.fileno(), EPOLLIN | EPOLLOUT if run.out else EPOLLIN)
        if result.ok:
            result = result._replace(detail=f"{result.detail} in {elapsed * 1000:.1f} ms")
            if run.secure is not None:
                result = run.secure.sign(result)
        return result._replace(phases=tuple(run.phases))

    def on_deadline(self) -> Result:
        """Fail, and name the part of the dialogue that did not come."""
        waited = f"timed out after {self._key.spec.timeout:g} s"
        if self._run is None:
            return Result(False, waited)
        late = self._run.dialogue.at_deadline()
        if late is not None:
            return late._replace(phases=tuple(self._run.phases))
        return Result(False, f"{waited} waiting for {self._run.awaits}", phases=tuple(self._run.phases))

    def close(self) -> None:
        """Reset the connection, and forget the run."""
        if self._run is not None:
            self._run.connection.close()
            self._run = None

    def _read(self, run: _Run, events: int) -> Result | None:
        if not run.connected:
            failure = connect_failure(run.connection) if events & (EPOLLERR | EPOLLHUP) else None
            if failure is not None:
                return failure
            run.connected = True
            run.note("connected")
            if run.secure is not None:
                return self._through_tls(run, run.secure, b"")
            run.say(run.dialogue.begin())
            return None
        try:
            data = run.connection.recv(min(CHUNK, self._limit + 1 - run.read))
        except BlockingIOError:
            return None
        except OSError as error:
            return _broken(run, error.errno or 0)
        if not data:
            return _broken(run, run.write_error) if run.write_error else _end_of_file(run)
        run.read += len(data)
        if run.read > self._limit:  # at most one byte above the limit is read, however TCP cut the rest
            return Result(False, f"sent more than {self._limit} bytes; still waiting for {run.awaits}")
        layer = run.secure
        return self._receive(run, data) if layer is None else self._through_tls(run, layer, data)

    def _through_tls(self, run: _Run, layer: SecureLayer, data: bytes) -> Result | None:
        """Decrypt received bytes, and give them to the dialogue."""
        fresh = not layer.ready
        plain, failure = layer.receive(data)
        if fresh and layer.ready:
            run.note("tls handshake")
            if failure is None:
                run.say(run.dialogue.begin())
        result = self._receive(run, plain) if plain else None
        result = result or failure
        run.out += layer.take()
        return _end_of_file(run) if result is None and layer.ended else result

    def _receive(self, run: _Run, data: bytes) -> Result | None:
        run.note("first byte")
        answer = run.dialogue.receive(data)
        if isinstance(answer, Result):
            run.note("answered")
            return answer
        if isinstance(answer, Secure):
            run.secure = self._layer(self._start_tls or TlsOptions())
            return self._through_tls(run, run.secure, b"")
        run.say(answer)
        return None

    def _layer(self, options: TlsOptions) -> SecureLayer:
        from clusterlb.checks.secure import SecureLayer  # noqa: PLC0415 - 4 MB that no plain check needs

        return SecureLayer(options, self._key.endpoint.address, self._alpn)


def _write(run: _Run) -> None:
    if not run.out:
        return
    try:
        del run.out[: run.connection.send(run.out)]
    except BlockingIOError:
        return
    except OSError as error:
        # The bytes that the member sent before it closed, perhaps with a reason, are still to be read.
        run.write_error = error.errno or errno.EIO
        run.out.clear()
        return
    if run.said and not run.out:
        run.note("sent")


def _finish(run: _Run) -> Result | None:
    """End a dialogue that awaits nothing more, once all its bytes are sent."""
    secure = run.secure
    if run.dialogue.awaits or run.out or run.write_error or (secure is not None and not secure.ready):
        return None
    if secure is not None and not secure.confirmed:
        secure.ask_confirmation()
        run.out += secure.take()
        _write(run)
        return None
    return _end_of_file(run)


def _end_of_file(run: _Run) -> Result:
    if run.secure is not None and not run.secure.ready:
        return Result(False, "closed the connection in the TLS handshake")
    run.note("answered")
    return run.dialogue.end_of_file()


def _broken(run: _Run, number: int) -> Result:
    if number in UnsentError.SCARCE:
        raise UnsentError(number)
    number = errno.ECONNRESET if number == errno.EPIPE else number
    words = VERDICTS.get(number) or os.strerror(number).lower()
    return Result(False, f"{words} while waiting for {run.awaits}")
