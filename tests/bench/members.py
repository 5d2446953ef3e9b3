"""Members to probe: one process that listens on every address it is reached by."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address

from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey


@contextmanager
def listening(port: int = 0, prefix: Sequence[str] = ()) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start the process by the command ``prefix``; yield it and its port (0: the kernel's choice)."""
    argv = [*prefix, sys.executable, "-m", "tests.bench.members", str(port)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, int(process.stdout.readline())
        finally:
            process.kill()


def keys_of(first: str, count: int, port: int, spec: ProbeSpec) -> list[ProbeKey]:
    """Return the probes of so many members at consecutive addresses."""
    return [ProbeKey(Endpoint(IPv4Address(first) + number, port), spec) for number in range(count)]


def main() -> None:
    """Take every connection and close it."""
    with socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=4096) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            connection.close()


if __name__ == "__main__":
    main()
