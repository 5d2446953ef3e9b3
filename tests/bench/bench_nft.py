"""Changing and reading a large nftables table; needs root.

Value changes are the dearest: each is a removal and an addition.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median

from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.model.plan import ChangeSets, LoadRules
from clusterlb.model.rules import Element, NamedSet, Rules, SetChange
from tests.bench.figures import Figure, main
from tests.kernel.conftest import fresh_namespace

ROUNDS = 9
CHAINS = """  chain classify {
    type filter hook prerouting priority mangle; policy accept;
    meta mark set ip daddr . meta l4proto . th dport map @marks
  }
"""
KIND = "ipv4_addr . inet_proto . inet_service"


def measure() -> list[Figure]:
    """Measure wall-clock time; nft's own start is part of it."""
    with fresh_namespace():
        exact, single = _changing(10_000, 1000, "80"), _changing(10_000, 1, "80")
        intervals = _changing(1000, 100, "8000-8010")
        reading = _timed(lambda: KernelRules().read(), ROUNDS)
        _load(10_000, "80")
        listing = _timed(lambda: KernelRules().read(), ROUNDS)
        known = KernelRules()
        known.read()
        unchanged = _timed(known.read, 100)
    print(f"# reading: 1,000 intervals {median(reading):.0f} ms, no change {median(unchanged):.3f} ms")
    return [
        Figure("nft_map_1000_ms", median(exact), "ms", 200, max(exact)),
        Figure("nft_map_1_ms", median(single), "ms", spread=max(single)),
        Figure("nft_interval_100_ms", median(intervals), "ms", spread=max(intervals)),
        Figure("nft_read_10000_ms", median(listing), "ms", spread=max(listing)),
    ]


def _changing(size: int, changes: int, port: str) -> list[float]:
    """Return the times of changing so many values of a map of this size."""
    rules, elements = _load(size, port)
    rules.read()
    keys = list(elements)[:: size // changes][:changes]

    def change(number: int) -> None:
        value = f"0x{0x44000000 + number:08x}"
        rules.apply(ChangeSets((SetChange("marks", dict.fromkeys(keys, value), tuple(keys)),)))

    return [_timed(partial(change, number), 1)[0] for number in range(1, ROUNDS + 1)]


def _load(size: int, port: str) -> tuple[KernelRules, dict[Element, str]]:
    elements: dict[Element, str] = {
        (f"10.100.{number // 250}.{number % 250}", "tcp", port): "0x44000000" for number in range(size)
    }
    named = NamedSet(KIND, "mark", interval="-" in port)
    rules = KernelRules()
    rules.apply(LoadRules(Rules(CHAINS, {"marks": replace(named, elements=elements)})))
    return rules, elements


def _timed(call: Callable[[], object], times: int) -> list[float]:
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append(1000 * (time.perf_counter() - began))
    return took


if __name__ == "__main__":
    main(measure)
