"""A director's intents and maintenance windows on the controller's schedule, in virtual time; no kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fake_director import inventory
from intents import drain
from virtual_time import Clock

from clusterlb.controller.intents import Intents
from clusterlb.controller.journal import Journal
from clusterlb.controller.schedule import Schedule
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import Store
from clusterlb.core.place import Surroundings
from clusterlb.model.intent import Drain
from clusterlb.model.inventory import Window

SOON = timedelta(milliseconds=10)  # after a date; its work has been done


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(text: str, minutes: float = 60, name: str = "w", zone: str = "UTC") -> Window:
    return Window(name, ("d1",), "test", text, None, minutes * 60, zone)


def once(at: str, minutes: float = 60, name: str = "w", zone: str = "UTC") -> Window:
    return Window(name, ("d1",), "test", None, at, minutes * 60, zone)


async def _look_around() -> tuple[Surroundings, str]:
    raise AssertionError("what is tested here is when drains begin and end; they ask no guard")


class Dated:
    """What the controller has of intents and its schedule, wired as the controller wires it."""

    def __init__(self, clock: Clock, root: Path, *windows: Window) -> None:
        self.clock = clock
        base = replace(inventory(), maintenance=windows)
        self.store = Store(Index(base, base.directors["d1"]))
        self.intents = Intents(Journal(root / "intents.jsonl"), self.store, _look_around, clock.time)
        self.schedule = Schedule(self.intents.look)
        self.intents.changed = lambda now: self.schedule.at(self.intents.changes(now))

    async def __aenter__(self) -> Dated:
        self.schedule.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.schedule.stop()
        await asyncio.sleep(0)

    def reload(self, *windows: Window) -> None:
        """Take in an inventory with other windows, as a reload does."""
        changed = replace(self.store.inventory, maintenance=windows)
        self.store.handle(Index(changed, self.store.director))
        self.intents.refresh()

    async def until(self, text: str) -> None:
        """Wait until just after a time of the wall clock."""
        left = utc(text) + SOON - self.clock.utc
        assert left >= timedelta(0)
        await asyncio.sleep(left.total_seconds())

    async def drain(self, target: str = "director", length: float | None = None, **fields: Any) -> Drain:
        """Drain a target for so many seconds, by force."""
        intent = await self.intents.set(drain(target, force=True, **fields), length)
        assert isinstance(intent, Drain)
        return intent

    @property
    def drains(self) -> Sequence[str]:
        """Return why this director drains: the reasons of the drains in force."""
        return [intent.reason for intent in self.store.in_force.drains.values()]
