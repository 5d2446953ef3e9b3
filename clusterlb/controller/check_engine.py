"""What the controller asks of the check engine, which is a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

from clusterlb.model.health import ProbeKey
from clusterlb.model.status import EngineStatus


class CheckEngine(Protocol):
    """What the controller asks of the check engine's client."""

    @property
    def stats(self) -> EngineStatus:
        """How the engine is, and what it counts."""
        ...

    def unprobed(self) -> Mapping[ProbeKey, str]:
        """Return what is not probed though it should be, with since when and why."""
        ...

    async def start(self) -> None:
        """Start the engine's process."""
        ...

    def set_probes(self, keys: Iterable[ProbeKey]) -> None:
        """Say what is to be probed from now on."""
        ...

    async def close(self) -> None:
        """End the engine's process."""
        ...
