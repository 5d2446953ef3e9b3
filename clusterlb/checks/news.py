"""When each probe last had a result, and why some have none: no old verdict may stand unnoticed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from clusterlb.model.health import ProbeKey

NAMED = 3  # members that one line of the log names
LATENESS = 10.0  # seconds beyond two intervals and a timeout that a result may be late


class News:
    """Keeps the time of each probe's last result and its trouble, by the probe's number; logs new troubles.

    ``on_event(text, facts)`` is called once for all probes that have the same reason at the same time.
    """

    def __init__(self, on_event: Callable[[str, dict[str, object]], None]) -> None:
        self._on_event = on_event
        self._heard: dict[int, float] = {}
        self._troubles: dict[int, tuple[str, str]] = {}

    def begin(self, number: int) -> None:
        """Expect results of a probe."""
        self._heard[number] = time.monotonic()

    def forget(self, number: int) -> None:
        """Expect no further results of a probe."""
        self._heard.pop(number, None)
        self._troubles.pop(number, None)

    def result(self, number: int, at: float) -> bool:
        """Note a result, ``at`` in seconds of the monotonic clock; return whether a trouble has ended."""
        self._heard[number] = at
        return bool(self._troubles) and self._troubles.pop(number, None) is not None

    def trouble(self, found: Iterable[tuple[int, str]], keys: dict[int, ProbeKey]) -> None:
        """Note the numbers that cannot be probed, each with the reason."""
        fresh: dict[str, list[ProbeKey]] = {}
        for number, reason in found:
            since, known = self._troubles.get(number, (time.strftime("%H:%M:%S"), ""))
            if number in keys and known != reason:
                self._troubles[number] = since, reason
                fresh.setdefault(reason, []).append(keys[number])
        for reason, affected in fresh.items():
            self._on_event("probes cannot be sent", {"reason": reason, "members": names(affected)})

    def unprobed(self, keys: dict[int, ProbeKey], state: str) -> dict[ProbeKey, str]:
        """Return the probes without recent results, with since when and why; ``state`` is the engine's."""
        now = time.monotonic()
        overdue = {}
        for number, key in keys.items():
            if number in self._troubles:
                overdue[key] = "not probed since {}: {}".format(*self._troubles[number])
            elif (late := now - self._heard[number]) > 2 * key.spec.interval + key.spec.timeout + LATENESS:
                overdue[key] = f"not probed for {late:.0f} s: the check engine is {state}"
        return overdue


def names(keys: Iterable[ProbeKey]) -> str:
    """Name some members and count the others."""
    members = list(dict.fromkeys(f"{key.endpoint} ({key.spec.type.value})" for key in keys))
    more = f" and {len(members) - NAMED} more" if len(members) > NAMED else ""
    return ", ".join(members[:NAMED]) + more
