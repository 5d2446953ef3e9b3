"""A member that takes connections and establishes none: seen from IPVS's counters, without a probe.

A SYN is 40 to 80 bytes long and a real server that does not answer gets nothing but SYNs. So a member is
suspect when, over a whole window, connections to it began, none of them was ever seen established, and its
packets were no longer than SYNs. That is an observation, not a verdict: it changes nothing by itself.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from clusterlb.model.ipvs import DestinationStatistics

ENOUGH = 5  # connections in the window; fewer may all be scans
LONGEST_SYN = 80  # bytes; IPv6 and all options that stacks use


@dataclass(slots=True)
class SuspectWatch:
    """One destination's counters over a window of so many seconds."""

    window: float
    samples: deque[tuple[float, DestinationStatistics]] = field(default_factory=deque)

    def add(self, now: float, numbers: DestinationStatistics) -> str:
        """Take in the counters at ``now``; return why the member is suspect, or an empty text."""
        samples = self.samples
        if samples and numbers.counters.connections < samples[-1][1].counters.connections:
            samples.clear()  # the destination is a new one
        samples.append((now, numbers))
        while len(samples) > 1 and samples[1][0] <= now - self.window:
            samples.popleft()
        began, first = samples[0]
        if now - began < self.window or any(sample.active for _, sample in samples):
            return ""
        connections = numbers.counters.connections - first.counters.connections
        packets = numbers.counters.in_packets - first.counters.in_packets
        size = numbers.counters.in_bytes - first.counters.in_bytes
        if connections < ENOUGH or size > packets * LONGEST_SYN:
            return ""
        return f"{connections} connections began in {now - began:.0f} s and none was established"
