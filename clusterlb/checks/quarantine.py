"""Two check engines: one for all probes, and one for probes in which an engine got stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from clusterlb.checks.client import EngineClient
from clusterlb.checks.news import names
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.status import EngineStatus


class CheckEngines:
    """Runs the probes in a main engine; a probe in which an engine fell silent moves to the second engine.

    There the probe goes on, and can only halt other quarantined probes. A quarantined probe moves back when
    the inventory changes the probe, or when the controller restarts. The arguments are ``EngineClient``'s.
    """

    def __init__(
        self,
        on_observation: Callable[[ProbeKey, Observation], None],
        on_event: Callable[[str, dict[str, Any]], None],
        **settings: Any,
    ) -> None:
        self._on_event = on_event
        self._keys: dict[ProbeKey, None] = {}
        self._stuck: dict[ProbeKey, int] = {}
        self._main = EngineClient(on_observation, on_event, on_stuck=self._quarantine, **settings)
        self._second = EngineClient(on_observation, on_event, on_stuck=self._quarantine, **settings)

    @property
    def stats(self) -> EngineStatus:
        """Return the main engine's counters, and which checks are in quarantine."""
        return replace(self._main.stats, quarantined=names(self._stuck) if self._stuck else "")

    def unprobed(self) -> dict[ProbeKey, str]:
        """Return the keys that should be probed and are not, each with since when and why."""
        unprobed = {**self._main.unprobed(), **self._second.unprobed()}
        for key in unprobed.keys() & self._stuck.keys():
            unprobed[key] += f"; the check engine fell silent in this check, {self._stuck[key]} times"
        return unprobed

    async def start(self) -> None:
        """Start the main engine; the second one starts when it is needed."""
        await self._main.start()

    def set_probes(self, keys: Iterable[ProbeKey]) -> None:
        """Have exactly these keys probed."""
        self._keys = dict.fromkeys(keys)
        self._stuck = {key: count for key, count in self._stuck.items() if key in self._keys}
        self._share_out()

    async def close(self) -> None:
        """End both engines."""
        await self._main.close()
        await self._second.close()

    def _share_out(self) -> None:
        self._main.set_probes(key for key in self._keys if key not in self._stuck)
        self._second.set_probes(self._stuck)

    def _quarantine(self, key: ProbeKey) -> None:
        self._stuck[key] = self._stuck.get(key, 0) + 1
        if self._stuck[key] == 1:
            self._on_event(
                "a check is quarantined: the check engine fell silent in it", {"member": names([key])}
            )
            self._share_out()
            self._second.begin()
