"""A director's wishes and maintenance windows on the controller's schedule, in virtual time; no data path."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fake_director import inventory
from virtual_time import Clock

from clusterlb.controller.index import Index
from clusterlb.controller.intents import Intents
from clusterlb.controller.journal import Journal
from clusterlb.controller.schedule import Schedule
from clusterlb.controller.world import World
from clusterlb.model.intent import DIRECTOR, Intent, IntentKind
from clusterlb.model.inventory import Window

SOON = timedelta(milliseconds=10)  # after a date; its work has been done


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(text: str, minutes: float = 60, name: str = "w", zone: str = "UTC") -> Window:
    return Window(name, ("d1",), "test", text, None, minutes * 60, zone)


def once(at: str, minutes: float = 60, name: str = "w", zone: str = "UTC") -> Window:
    return Window(name, ("d1",), "test", None, at, minutes * 60, zone)


class Dated:
    """What the controller has of intents and its schedule, wired as the controller wires it."""

    def __init__(self, clock: Clock, root: Path, *windows: Window) -> None:
        self.clock = clock
        base = replace(inventory(), maintenance=windows)
        self.world = World(base, base.directors["d1"])
        self.intents = Intents(Journal(root / "intents.jsonl"), self.world, clock.time)
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
        changed = replace(self.world.inventory, maintenance=windows)
        self.world.take_index(Index(changed, self.world.director), ())
        self.intents.refresh()

    async def until(self, text: str) -> None:
        """Wait until just after a time of the wall clock."""
        left = utc(text) + SOON - self.clock.utc
        assert left >= timedelta(0)
        await asyncio.sleep(left.total_seconds())

    @property
    def drains(self) -> Sequence[str]:
        """Return why this director drains: the reasons of the drains in force."""
        return [intent.reason for intent in self.world.drains.values()]


def drain(target: str = DIRECTOR, reason: str = "kernel", **more: float) -> Intent:
    return Intent(IntentKind.DRAIN, target, "", "ada", reason, 0.0, **more)
