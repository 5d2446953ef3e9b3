"""Members that answer checks in hostile ways: ``python hostile.py PORT...`` in a real server's namespace.

They listen on ports beside those that are named, one way each, and print a line once they do.
"""

import contextlib
import random
import socket
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

TABLE = "hostile"
SHIFT = 10000  # the port that hostile members listen on beyond the one that is asked
OK = b"HTTP/1.1 200 OK\r\n"
BAIT = b'"a": ' * 13000  # as much as is searched for the check's pattern, and never a match
random.seed(20)
NOISE = random.randbytes(65536)


def saying(first, then=b""):
    """Say something, then something without end, at a megabyte or so a second."""

    def serve(connection):
        connection.recv(65536)
        connection.sendall(first)
        while then:
            connection.sendall(then)
            time.sleep(0.01)

    return serve


def reset(connection):
    """Read the question and reset."""
    connection.recv(65536)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def slowly(connection):
    """Speak TLS's first bytes, one at a time, for as long as somebody listens."""
    connection.recv(65536)
    for byte in b"\x16\x03\x03\x40\x00\x02" + NOISE:
        connection.sendall(bytes([byte]))
        time.sleep(0.05)


WAYS = (
    saying(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n", NOISE[:4096]),
    saying(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 1000),
    saying(OK + b"Content-Length: 65000\r\n\r\n" + BAIT),
    reset,
    saying(NOISE, NOISE),
    saying(b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 200),
    slowly,
)


def serve(listener, way):
    """Serve each connection in a thread of its own."""

    def one(connection):
        with contextlib.suppress(OSError), connection:
            way(connection)

    while True:
        connection, _ = listener.accept()
        threading.Thread(target=one, args=(connection,), daemon=True).start()


def main(ports):
    for port, way in zip(ports, WAYS, strict=True):
        listener = socket.create_server(("", port + SHIFT), backlog=64)
        threading.Thread(target=serve, args=(listener, way), daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()


class Hostile:
    """The hostile members of one real server; until they end they answer in the place of its own."""

    def __init__(self, namespace, ports):
        self._inside = ["ip", "netns", "exec", namespace]
        words = [*self._inside, sys.executable, str(Path(__file__)), *map(str, ports)]
        self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"
        ways = ", ".join(f"{port} : {port + SHIFT}" for port in ports)
        self._nft(
            f"table ip {TABLE} {{ chain to {{ type nat hook prerouting priority dstnat;"
            f" tcp dport {{ {', '.join(map(str, ports))} }} redirect to tcp dport map {{ {ways} }}; }}; }}"
        )

    def end(self):
        """Have the real server's own answers back."""
        self._nft("delete", "table", "ip", TABLE)
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()

    def _nft(self, *words):
        subprocess.run([*self._inside, "nft", *words], check=True)


if __name__ == "__main__":
    main([int(word) for word in sys.argv[1:]])
