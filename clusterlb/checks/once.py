"""Probe some keys once: in this process, or in a process that has dropped root's privileges.

``python -m clusterlb.checks.once USER`` reads ``{"files": ..., "keys": [KEY, ...]}`` in the formats of
``wire``, and writes ``{"seen": [[INDEX, ...], ...], "reasons": [...]}``.
"""

from __future__ import annotations

import json
import os
import pwd
import signal
import sys
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from clusterlb import fresh
from clusterlb.checks.handed import Reader, give, named
from clusterlb.checks.privileges import drop, raise_descriptor_limit
from clusterlb.checks.runner import Runner
from clusterlb.checks.wire import decode_key, decode_row, encode_key, encode_row
from clusterlb.model.health import Observation, ProbeKey

PATIENCE = 1.0  # seconds beyond the longest timeout


@dataclass(frozen=True, slots=True)
class Once:
    """The observations of one round; a key without one could not be probed, for one of the ``reasons``."""

    seen: Mapping[ProbeKey, Observation]
    reasons: tuple[str, ...]


def once(keys: Iterable[ProbeKey]) -> Once:
    """Probe each key once, all at the same time; takes as long as the slowest, its timeout at most."""
    wanted = tuple(dict.fromkeys(keys))
    seen: dict[ProbeKey, Observation] = {}
    runner: Runner[ProbeKey] = Runner(max(1, len(wanted)))
    runner.set_probes(wanted)
    for key in wanted:
        runner.check_now(key)
    until = time.monotonic() + max((key.spec.timeout for key in wanted), default=0.0) + PATIENCE
    try:
        while len(seen) + sum(runner.counters.unsent.values()) < len(wanted) and time.monotonic() < until:
            for key, observation in runner.step(0.1):
                seen.setdefault(key, observation)
    finally:
        runner.close()
    reasons = (*runner.counters.unsent, *(["an error in the check itself"] if runner.counters.broken else []))
    return Once(seen, reasons)


def once_as(keys: Iterable[ProbeKey], user: str) -> Once:
    """Probe each key once as another user, as the check engine does; without root, in this process.

    Raises KeyError for a user that this host does not know.
    """
    wanted = tuple(dict.fromkeys(keys))
    if os.geteuid() != 0:
        return once(wanted)
    pwd.getpwnam(user)
    files = [(path, b64encode(data).decode()) for path, data in Reader().changed(named(wanted))]
    order = {"files": files, "keys": [encode_key(key) for key in wanted]}
    done = fresh.run("clusterlb.checks.once", user, data=json.dumps(order).encode())
    try:
        answer = json.loads(done.stdout)
        rows = [decode_row(row) for row in answer["seen"]]
        reasons = tuple(map(str, answer["reasons"]))
    except (ValueError, KeyError, TypeError):
        return Once({}, (f"the process that was to probe ended with {done.returncode}",))
    return Once({wanted[number]: seen for number, seen in rows}, reasons)


def main() -> None:
    """Probe the keys on standard input, as the user that the first argument names."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    drop(sys.argv[1])
    raise_descriptor_limit()
    order = json.load(sys.stdin)
    give((path, b64decode(data)) for path, data in order["files"])
    keys = [decode_key(values) for values in order["keys"]]
    done = once(keys)
    seen = [encode_row(keys.index(key), observation) for key, observation in done.seen.items()]
    json.dump({"seen": seen, "reasons": done.reasons}, sys.stdout)


if __name__ == "__main__":
    main()
