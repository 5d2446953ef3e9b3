"""Kind ``udp``: the member answers a datagram, or at least does not refuse it."""

from __future__ import annotations

from typing import cast

from clusterlb.checks.datagram import DatagramProbe
from clusterlb.checks.dialogue import excerpt
from clusterlb.checks.probe import Result
from clusterlb.model.check import UdpOptions
from clusterlb.model.health import ProbeKey
from clusterlb.pattern import compile_pattern


class UdpProbe(DatagramProbe):
    """Send one datagram.

    Without ``expect`` silence passes. A host that is switched off is silent too: the kernel calls such a host
    unreachable only after three ARP or ND requests, one a second (mcast_solicit and retrans_time_ms,
    arp(7)), so only a timeout above 3 s detects one.
    """

    __slots__ = ("_expect", "_send")

    def __init__(self, key: ProbeKey) -> None:
        super().__init__(key)
        options = cast(UdpOptions, key.spec.options)
        self._send = options.send.encode("latin-1")
        self._expect = compile_pattern(options.expect) if options.expect else None

    def _request(self) -> bytes:
        return self._send

    def _judge(self, answer: bytes, elapsed: float) -> Result | None:
        if self._expect is None or self._expect.search(answer):
            return Result(True, f"answered in {elapsed * 1000:.1f} ms")
        return Result(False, f"the answer does not match: {excerpt(answer)}")

    def on_deadline(self) -> Result:
        """Pass where no answer was asked for."""
        if self._expect is None:
            return Result(True, f"not refused within {self._key.spec.timeout:g} s; no answer was asked for")
        return super().on_deadline()
