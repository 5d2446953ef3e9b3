"""Two check engines: one for all probes, and one for those in which an engine got stuck."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from clusterlb.checks.client import EngineClient
from clusterlb.checks.news import names
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.status import EngineStatus


class CheckEngines:
    """Runs the probes in one engine; a probe in which that engine fell silent moves to another, for good.

    There the probe goes on, and can halt only probes of that kind. It comes back when the inventory changes
    it, or when the controller starts again. The arguments are ``EngineClient``'s.
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
        self._main = EngineClient(on_observation, on_event, on_stuck=self._part, **settings)
        self._apart = EngineClient(on_observation, on_event, on_stuck=self._part, **settings)

    @property
    def stats(self) -> EngineStatus:
        """Return the first engine's counters, and which checks are in quarantine."""
        return replace(self._main.stats, quarantined=names(self._stuck) if self._stuck else "")

    def unprobed(self) -> dict[ProbeKey, str]:
        """Return what is not probed though it should be, with since when and why."""
        found = {**self._main.unprobed(), **self._apart.unprobed()}
        for key in found.keys() & self._stuck.keys():
            found[key] += f"; the check engine fell silent in this check, {self._stuck[key]} times"
        return found

    async def start(self) -> None:
        """Start the first engine; the other when it is needed."""
        await self._main.start()

    def set_probes(self, keys: Iterable[ProbeKey]) -> None:
        """Have exactly these keys probed."""
        self._keys = dict.fromkeys(keys)
        self._stuck = {key: count for key, count in self._stuck.items() if key in self._keys}
        self._share_out()

    async def close(self) -> None:
        """End both."""
        await self._main.close()
        await self._apart.close()

    def _share_out(self) -> None:
        self._main.set_probes(key for key in self._keys if key not in self._stuck)
        self._apart.set_probes(self._stuck)

    def _part(self, key: ProbeKey) -> None:
        self._stuck[key] = self._stuck.get(key, 0) + 1
        if self._stuck[key] == 1:
            self._on_event(
                "a check is quarantined: the check engine fell silent in it", {"member": names([key])}
            )
            self._share_out()
            self._apart.begin()
