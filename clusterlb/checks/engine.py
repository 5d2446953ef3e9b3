"""The check engine: a process of its own, so that neither the control loop nor the checks stall the other.

``python -m clusterlb.checks.engine`` reads orders on its standard input and writes observations and a
heartbeat on its standard output (message formats: ``wire``). The engine ends when its input ends, so a
killed controller leaves no engine behind, without PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import json
import math
import os
import select
import signal
import sys
import time
from base64 import b64decode
from dataclasses import asdict
from typing import Any

from clusterlb.checks.handed import give
from clusterlb.checks.mark import marking
from clusterlb.checks.outbox import Outbox
from clusterlb.checks.privileges import drop, raise_descriptor_limit
from clusterlb.checks.runner import Runner
from clusterlb.checks.wire import NOBODY, decode_key, encode_row

BEAT = 1.0  # seconds between two heartbeats, unless the first argument says otherwise
# Seconds that observations wait for those of the probes still running: a reader that wakes up for each
# observation does little else.
GATHER = 0.02
CONCURRENCY = 8192  # most probes at once
RESERVE = 32  # descriptors that are not for probes
CHUNK = 1 << 16  # bytes of orders that are read between two steps


class Engine:
    """Moves orders from one descriptor to the runner, and the runner's observations to another descriptor."""

    def __init__(self, source: int, sink: int, runner: Runner[int], beat: float = BEAT) -> None:
        self._source = source
        self._sink = sink
        self._runner = runner
        self._beat = beat
        self._outbox = Outbox(sink)
        self._rest = b""
        self._flush_at = math.inf
        self._beat_at = time.monotonic()
        self._poll = select.poll()

    def run(self) -> None:
        """Work until the source ends; raise BrokenPipeError when the sink's reader is gone."""
        self._poll.register(self._source, select.POLLIN)
        self._poll.register(self._runner.fileno(), select.POLLIN)
        backed_up = False
        while True:
            ready = dict(self._poll.poll(self._wait() * 1000))
            if self._source in ready and not self._take_orders():
                return
            now = time.monotonic()
            observed = self._runner.step(0)
            for number, seen in observed:
                self._outbox.observe(encode_row(number, seen))
            troubles = self._runner.results.take_troubles()
            for number, trouble in troubles:
                self._outbox.complain(number, trouble)
            if observed or troubles:
                self._flush_at = min(self._flush_at, now + (GATHER if self._runner.running else 0.0))
            if now >= self._beat_at:
                self._outbox.beat(self._values())
                self._beat_at = now + self._beat
                self._flush_at = now
            if self._sink in ready or (now >= self._flush_at and not backed_up):
                self._flush_at = math.inf
                backed_up = self._flush(backed_up)

    def _wait(self) -> float:
        due = min(self._beat_at, self._flush_at) - time.monotonic()
        return max(0.0, min(due, self._runner.pause()))

    def _flush(self, backed_up: bool) -> bool:
        left = not self._outbox.flush()
        if left and not backed_up:
            self._poll.register(self._sink, select.POLLOUT)
        elif backed_up and not left:
            self._poll.unregister(self._sink)
        return left

    def _take_orders(self) -> bool:
        chunk = os.read(self._source, CHUNK)
        *orders, self._rest = (self._rest + chunk).split(b"\n")
        for order in orders:
            self._obey(json.loads(order))
        return bool(chunk)

    def _obey(self, order: dict[str, Any]) -> None:
        give((path, b64decode(data)) for path, data in order.get("files", ()))
        removed = order.get("remove", ())
        for number in removed:
            self._outbox.forget(number)
        added = [(number, decode_key(values)) for number, values in order.get("add", ())]
        self._runner.change(added, removed)
        for number in order.get("now", ()):
            self._runner.check_now(number)

    def _values(self) -> dict[str, Any]:
        p99, worst = self._runner.lag.take()
        return {
            "probes": len(self._runner),
            "running": self._runner.running,
            "queued": self._runner.queued,
            "lag_p99": round(p99, 6),
            "lag_max": round(worst, 6),
            "lag_buckets": self._runner.lag.buckets,
            "dropped": self._outbox.dropped,
            **asdict(self._runner.counters),
        }


def main() -> int:
    """Run the engine on standard input and output; started by root, as another user.

    Arguments: the seconds between heartbeats, and the user, ``nobody`` by default.
    SIGINT (Ctrl-C on the controller's terminal) and SIGHUP (an operator's reload by process name) are for
    the controller and ignored here; SIGTERM ends the engine like any process.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # SIG_IGN would reap commands before their probes do
    drop(sys.argv[2] if len(sys.argv) > 2 else NOBODY)
    limit = min(CONCURRENCY, raise_descriptor_limit() - RESERVE)
    source, sink = sys.stdin.fileno(), sys.stdout.fileno()
    was_blocking = os.get_blocking(sink)
    os.set_blocking(sink, False)
    with marking() as mark:
        runner: Runner[int] = Runner(limit, mark=mark)
        try:
            Engine(source, sink, runner, float(sys.argv[1]) if len(sys.argv) > 1 else BEAT).run()
        except BrokenPipeError:
            pass  # the controller is gone
        finally:
            os.set_blocking(sink, was_blocking)  # a terminal shares this mode with the shell
            runner.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
