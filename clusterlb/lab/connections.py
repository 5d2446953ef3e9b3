"""Count a director's connections."""

from __future__ import annotations

from pathlib import Path

from clusterlb.lab.netns import inside

# of the thread that reads it; /proc/net would be the main thread's
_TABLE = Path("/proc/thread-self/net/ip_vs")


def active_connections(name: str) -> int:
    """Return how many connections IPVS holds active in a namespace; raise OSError when there is no IPVS."""
    with inside(name):
        return parse_active(_TABLE.read_text(encoding="ascii"))


def parse_active(text: str) -> int:
    """Add up the ActiveConn column of /proc/net/ip_vs (ip_vs_info_seq_show in net/netfilter/ipvs)."""
    rows = [line.split() for line in text.splitlines() if line.startswith("  -> ")]
    return sum(int(row[4]) for row in rows if row[4].isdigit())  # the heading has words there
