"""Members that make trouble, each in its own way, and healthy ones of several kinds: two processes."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from typing import Any

from clusterlb.model.address import Endpoint
from clusterlb.model.check import (
    CheckType,
    DnsOptions,
    GrpcOptions,
    HttpOptions,
    Options,
    ProbeSpec,
    SmtpOptions,
    TcpOptions,
)
from clusterlb.model.health import ProbeKey

OK = b"HTTP/1.1 200 OK\r\n"
SETTINGS = bytes((0, 0, 0, 4, 0, 0, 0, 0, 0))
PING = bytes((0, 0, 8, 6, 0, 0, 0, 0, 0)) + b"12345678"
_RANDOM = random.Random(1)
AB = bytes(_RANDOM.choice(b"ab") for _ in range(65536))

# What a member says first, what it says again and again, and what is asked of it.
HOSTILE: dict[str, tuple[bytes, bytes, CheckType, Options]] = {
    "tiny chunks": (
        OK + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1\r\na\r\n" * 5000,
        CheckType.HTTP,
        HttpOptions(body="healthy", body_limit=1 << 20),
    ),
    "a page that a pattern reads again and again": (
        OK + b"Content-Length: 65536\r\n\r\n" + b"a" * 65536,
        b"",
        CheckType.HTTP,
        HttpOptions(body=r"^(\s*\S+\s*)*.*healthy$"),
    ),
    "a page that a long pattern has too many states for": (
        OK + b"Content-Length: 65536\r\n\r\n" + AB,
        b"",
        CheckType.HTTP,
        HttpOptions(body="[ab]*a[ab]{240}c"),
    ),
    "interim answers": (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 500, CheckType.HTTP, HttpOptions()),
    "another protocol": (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n",
        b"x" * 65536,
        CheckType.HTTP,
        HttpOptions(headers=(("Upgrade", "x"),), body="healthy"),
    ),
    "headers without end": (OK, b"X: y\r\n" * 2000, CheckType.HTTP, HttpOptions()),
    "replies without end": (b"220 hi\r\n", b"250-x\r\n" * 2000, CheckType.SMTP, SmtpOptions()),
    "settings": (SETTINGS, SETTINGS * 5000, CheckType.GRPC, GrpcOptions()),
    "pings": (SETTINGS, PING * 3000, CheckType.GRPC, GrpcOptions()),
    "pointers": (b"", b"", CheckType.DNS, DnsOptions()),
}


def keys(ports: dict[str, int], count: int) -> tuple[list[ProbeKey], list[ProbeKey]]:
    """Return the probes of the hostile members, and of so many healthy ones of each kind."""
    bad = [
        ProbeKey(_at(0, ports[name]), ProbeSpec(kind, 2.0, 1.0, options))
        for name, (_, _, kind, options) in HOSTILE.items()
    ]
    kinds: list[tuple[CheckType, Options]] = [
        (CheckType.TCP, TcpOptions()),
        (CheckType.HTTP, HttpOptions(body="well")),
        (CheckType.SMTP, SmtpOptions()),
    ]
    good = [
        ProbeKey(_at(number, ports[kind.value]), ProbeSpec(kind, 2.0, 1.0, options))
        for number in range(count)
        for kind, options in kinds
    ]
    return bad, good


@contextmanager
def members() -> Iterator[dict[str, int]]:
    """Start both processes; yield the ports by the names of ``HOSTILE`` and of the healthy kinds."""
    with _process("hostile") as bad, _process("healthy") as good:
        yield {**bad, **good}


@contextmanager
def _process(which: str) -> Iterator[dict[str, int]]:
    argv = [sys.executable, "-m", "tests.bench.hostile", which]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.kill()


def _at(number: int, port: int) -> Endpoint:
    return Endpoint(IPv4Address("127.5.0.0") + number, port)


async def _hostile() -> dict[str, int]:
    ports = {}
    for name, (first, then, kind, _) in HOSTILE.items():
        if kind is CheckType.DNS:
            transport, _protocol = await asyncio.get_running_loop().create_datagram_endpoint(
                _Pointers, ("0.0.0.0", 0)
            )
            ports[name] = transport.get_extra_info("sockname")[1]
        else:
            ports[name] = await _listen(_flood(first, then, kind is not CheckType.SMTP))
    return ports


def _flood(first: bytes, then: bytes, hear: bool) -> Any:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if hear:
                await reader.read(4096)
            writer.write(first)
            await writer.drain()
            while then:
                writer.write(then)
                await writer.drain()
            await reader.read()
        except OSError:
            pass
        finally:
            writer.close()

    return serve


class _Pointers(asyncio.DatagramProtocol):
    """Answers a question with as many pointers to one name of 127 labels as 512 bytes hold."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        name = b"\1a" * 127 + b"\0"
        record = b"\xc0\x0c\0\5\0\1\0\0\0\1\0\2\xc0\x0c"
        count = (512 - 12 - len(name) - 4) // len(record)
        head = data[:2] + b"\x81\x80\0\1" + count.to_bytes(2, "big") + b"\0\0\0\0"
        self._transport.sendto(head + name + b"\0\2\0\1" + record * count, addr)


async def _healthy() -> dict[str, int]:
    async def http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(OK + b"Content-Length: 4\r\n\r\nwell")
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        writer.close()

    async def smtp(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            for reply in (b"220 hi\r\n", b"250 hi\r\n", b"221 bye\r\n"):
                await asyncio.sleep(0.02)
                writer.write(reply)
                await reader.readline()
        except OSError:
            pass
        writer.close()

    async def tcp(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    return {"tcp": await _listen(tcp), "http": await _listen(http), "smtp": await _listen(smtp)}


async def _listen(serve: Any) -> int:
    server = await asyncio.start_server(serve, "0.0.0.0", 0, backlog=4096)
    _SERVERS.append(server)
    port: int = server.sockets[0].getsockname()[1]
    return port


_SERVERS: list[asyncio.Server] = []


async def _main(which: str) -> None:
    print(json.dumps(await (_hostile() if which == "hostile" else _healthy())), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1]))
