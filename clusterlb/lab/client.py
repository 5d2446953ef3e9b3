"""The client's process: ``python -m clusterlb.lab.client LOAD`` in the client's namespace, and its starter.

The client prints a JSON line of counts once a second. A line ``mark TAG`` on its input makes the client print
its counts at once, with the tag, and count answers anew; at the end of its input the client prints the last
counts and ends.
"""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from clusterlb.lab.process import print_json
from clusterlb.lab.topology import CLIENT, CLIENTS
from clusterlb.lab.traffic import Load, Traffic

_LIMIT = 3600.0  # seconds; a client that nobody stops ends by itself
_REPORT_EVERY = 1.0  # seconds


class ClientProcess:
    """A client as a child process. Its reports are dictionaries, see ``Traffic.report``."""

    def __init__(self, load: Load) -> None:
        argv = [sys.executable, "-m", "clusterlb.lab.client", json.dumps(asdict(load))]
        self._process = subprocess.Popen(
            ["ip", "netns", "exec", CLIENT, *argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._rest = b""
        self.last: dict[str, Any] = {}

    def fileno(self) -> int:
        """Return the descriptor of the client's output."""
        assert self._process.stdout is not None
        return self._process.stdout.fileno()

    def reports(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Yield the reports of the next ``seconds``; stop early when the client has ended."""
        until = time.monotonic() + seconds
        poll = select.poll()
        poll.register(self.fileno(), select.POLLIN)
        while True:
            line, newline, rest = self._rest.partition(b"\n")
            if newline:
                self._rest = rest
                self.last = json.loads(line)
                yield self.last
                continue
            if not poll.poll(max(0.0, until - time.monotonic()) * 1000):
                return
            data = os.read(self.fileno(), 65536)
            if not data:
                return
            self._rest += data

    def mark(self, tag: str, seconds: float = 30.0) -> dict[str, Any]:
        """Return the present counts, and have the client count answers anew; raise TimeoutError."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"mark {tag}\n".encode())
        for report in self.reports(seconds):
            if report.get("tag") == tag:
                return report
        raise TimeoutError(f"the client did not answer `mark {tag}` within {seconds:g} s")

    def settle(self, seconds: float) -> dict[str, Any]:
        """Wait until every flow has answered since the mark or is lost; return the last counts."""
        for report in self.reports(seconds):
            flows = report["flows"]
            if flows["answered"] + flows["lost"] >= flows["wanted"]:
                break
        return self.last

    def stop(self) -> dict[str, Any]:
        """End the client and return its last counts."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        for _ in self.reports(30.0):
            pass
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        return self.last


def load_for(
    lab: Mapping[str, Any], *, flows: int = 0, pace: float = 1.0, rate: float = 0.0, timeout: float = 15.0
) -> Load:
    """Return a load on all IPv4 VIPs of a lab; ``lab`` is the content of its JSON file."""
    return Load(
        targets=tuple(vip for vip in lab["vips"] if ":" not in vip),
        port=int(lab["port"]),
        sources=tuple(str(address) for address in CLIENTS),
        flows=flows,
        pace=pace,
        rate=rate,
        timeout=timeout,
    )


def main() -> None:
    """Run the load of the first argument, a ``Load`` as JSON, until the input ends."""
    traffic = Traffic(Load(**json.loads(sys.argv[1])))
    traffic.watch(0)
    started = due = time.monotonic()
    while time.monotonic() - started < _LIMIT:
        for _ in traffic.step(max(0.0, due - time.monotonic())):
            data = os.read(0, 65536)
            if not data:
                print_json(traffic.report())
                return
            for word in data.decode().split("\n"):
                if word.startswith("mark "):
                    print_json({**traffic.report(), "tag": word.removeprefix("mark ")})
                    traffic.mark()
        if time.monotonic() >= due:
            due = time.monotonic() + _REPORT_EVERY
            print_json(traffic.report())


if __name__ == "__main__":
    main()
