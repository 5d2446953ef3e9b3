"""How often others change what is ours in IPVS, and when that is a second program at work and no accident.

IPVS has one table a network namespace and no owners in it. kube-proxy in ipvs mode deletes at each sync every
service that is none of its own, but for those in its ``excludeCIDRs`` (cleanLegacyService() in
pkg/proxy/ipvs/proxier.go of Kubernetes); keepalived with ``lvs_flush`` empties the table when it starts
(keepalived.conf(5)); so does ``ipvsadm -C``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field

WINDOW = 300.0  # seconds: kube-proxy syncs every 30 s where nothing else makes it
OFTEN = 3  # times within it that are no accident
NAMED = 5  # services that are named


@dataclass(slots=True)
class Rivalry:
    """Remembers when others changed services of ours. Times are seconds of one clock."""

    _times: deque[float] = field(default_factory=deque)
    _last: tuple[str, ...] = ()

    def changed(self, services: Collection[str], now: float) -> None:
        """Note that others have changed services of ours."""
        self._times.append(now)
        self._last = tuple(sorted(services))

    def text(self, now: float, strangers: Collection[str]) -> str:
        """Say what is going on and what helps; empty unless it has happened often lately.

        ``strangers`` are others' services in the same table.
        """
        while self._times and self._times[0] <= now - WINDOW:
            self._times.popleft()
        if len(self._times) < OFTEN:
            return ""
        theirs = f"; it has others' services, too: {_some(strangers)}" if strangers else ""
        return (
            f"others changed what is ours in IPVS {len(self._times)} times within {WINDOW / 60:.0f} min, "
            f"last {_some(self._last)}: it is put back within a second or two, and clients wait for that. "
            "Who else has this table? kube-proxy in ipvs mode deletes what it does not know (its "
            "`ipvs.excludeCIDRs` keeps it off the VIPs), keepalived with `lvs_flush` everything; "
            f"`pgrep -al 'kube-proxy|keepalived|ldirectord'` shows them{theirs}"
        )


def _some(names: Collection[str]) -> str:
    shown = ", ".join(sorted(names)[:NAMED])
    return f"{shown} and {len(names) - NAMED} more" if len(names) > NAMED else shown
