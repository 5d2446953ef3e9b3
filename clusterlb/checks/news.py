"""When each probe was last heard of, and why some are not: no verdict may stand on in silence."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from clusterlb.model.health import ProbeKey

NAMED = 3  # members that one line of the log names
GRACE = 10.0  # seconds beyond two intervals and a timeout that a result may be late


class News:
    """Keeps what the engine tells of its probes, by number; logs when one cannot be probed, or can be again.

    ``on_event(text, facts)`` gets one line for all that have the same reason at once.
    """

    def __init__(self, on_event: Callable[[str, dict[str, object]], None]) -> None:
        self._on_event = on_event
        self._heard: dict[int, float] = {}
        self._troubles: dict[int, tuple[str, str]] = {}

    def begin(self, number: int) -> None:
        """Await results of a probe from now on."""
        self._heard[number] = time.monotonic()

    def forget(self, number: int) -> None:
        """Await nothing more of a probe."""
        self._heard.pop(number, None)
        self._troubles.pop(number, None)

    def result(self, number: int, at: float) -> bool:
        """Note a result, ``at`` in seconds of the monotonic clock; say whether it ends a trouble."""
        self._heard[number] = at
        return bool(self._troubles) and self._troubles.pop(number, None) is not None

    def trouble(self, found: Iterable[tuple[int, str]], keys: dict[int, ProbeKey]) -> None:
        """Note what cannot be probed and why."""
        fresh: dict[str, list[ProbeKey]] = {}
        for number, reason in found:
            since, known = self._troubles.get(number, (time.strftime("%H:%M:%S"), ""))
            if number in keys and known != reason:
                self._troubles[number] = since, reason
                fresh.setdefault(reason, []).append(keys[number])
        for reason, affected in fresh.items():
            self._on_event("probes cannot be sent", {"reason": reason, "members": names(affected)})

    def unprobed(self, keys: dict[int, ProbeKey], state: str) -> dict[ProbeKey, str]:
        """Return the probes without news, with since when and why; ``state`` is the engine's."""
        now = time.monotonic()
        found = {}
        for number, key in keys.items():
            if number in self._troubles:
                found[key] = "not probed since {}: {}".format(*self._troubles[number])
            elif now - self._heard[number] > 2 * key.spec.interval + key.spec.timeout + GRACE:
                late = now - self._heard[number]
                found[key] = f"not probed for {late:.0f} s: the check engine is {state}"
        return found


def names(keys: Iterable[ProbeKey]) -> str:
    """Name some members and count the others."""
    members = list(dict.fromkeys(f"{key.endpoint} ({key.spec.type.value})" for key in keys))
    more = f" and {len(members) - NAMED} more" if len(members) > NAMED else ""
    return ", ".join(members[:NAMED]) + more
