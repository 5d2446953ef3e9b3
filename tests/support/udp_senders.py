"""Clients of UDP that keep their port and go on sending: this file is run in the client's namespace.

A line on its input, with names of servers, has it print one line of JSON as soon as every sender has been
answered since, and none of them last by one of these: ``seconds`` since the line, and ``flows``, for each
sender its VIP and who answered it. It ends with its input.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from clusterlb.lab.topology import CLIENT

FLOWS = 12  # of each VIP
EVERY = 0.1  # seconds between two datagrams of a sender
LIMIT = 120.0


class Sender:
    """One socket that sends and hears who answers."""

    def __init__(self, vip: str, port: int) -> None:
        self.target = vip
        self.socket = socket.socket(socket.AF_INET6 if ":" in vip else socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.connect((vip, port))
        self.server = ""
        self.heard = float("-inf")

    def hear(self) -> None:
        """Take in an answer."""
        with suppress(OSError):  # what an ICMP error says
            self.server = json.loads(self.socket.recv(2048))["server"]
            self.heard = time.monotonic()

    def send(self) -> None:
        """Ask who is there."""
        with suppress(OSError):
            self.socket.send(b"WHO")


def run(targets: list[tuple[str, int]]) -> None:
    """Send until the input ends."""
    senders = [Sender(vip, port) for vip, port in targets for _ in range(FLOWS)]
    by_number = {sender.socket.fileno(): sender for sender in senders}
    poll = select.poll()
    for number in (*by_number, sys.stdin.fileno()):
        poll.register(number, select.POLLIN)
    away: set[str] = set()
    asked = time.monotonic()
    waiting = False
    end = asked + LIMIT
    due = asked
    while time.monotonic() < end:
        if time.monotonic() >= due:
            due += EVERY
            for sender in senders:
                sender.send()
        for number, _ in poll.poll(max(0.0, due - time.monotonic()) * 1000):
            if number in by_number:
                by_number[number].hear()
                continue
            line = sys.stdin.readline()
            if not line:
                return
            away, asked, waiting = set(line.split()), time.monotonic(), True
        ready = all(sender.server not in away and sender.heard >= asked for sender in senders)
        if waiting and ready:
            waiting = False
            now = time.monotonic()
            flows = [(sender.target, sender.server) for sender in senders]
            print(json.dumps({"seconds": now - asked, "flows": flows}), flush=True)


class Senders:
    """Senders as a child process in the client's namespace."""

    def __init__(self, targets: list[tuple[str, int]]) -> None:
        words = [str(word) for target in targets for word in target]
        argv = ["ip", "netns", "exec", CLIENT, sys.executable, str(Path(__file__)), *words]
        self._process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, *away: str) -> dict[str, Any]:
        """Return who answers each sender, once all have been answered from now on, by none of these."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(away) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "not all senders were answered"
        found: dict[str, Any] = json.loads(line)
        return found

    def close(self) -> None:
        """End them."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("words", nargs="+")
    words = parser.parse_args().words
    run([(vip, int(port)) for vip, port in zip(words[::2], words[1::2], strict=True)])
