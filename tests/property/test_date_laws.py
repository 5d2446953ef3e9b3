"""What is in force is what the calendar says of the clock, after any walk of clocks, reloads and drains."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from dated import Dated, cron, once, utc
from hypothesis import event, given, settings
from hypothesis import strategies as st
from virtual_time import Clock, run

from clusterlb.controller import schedule
from clusterlb.core.calendar.windows import open_window
from clusterlb.model.intent import Drain, IntentKind
from clusterlb.model.target import parse_target

BERLIN = "Europe/Berlin"
STARTS = ["2026-11-22 02:55", "2026-10-25 00:25", "2027-03-28 00:55"]  # the fold and the gap of Berlin
TARGETS = ["director", "vip/10.100.0.1", "pool/web"]

windows = st.lists(
    st.one_of(
        st.builds(cron, st.sampled_from(["* * * * *", "*/3 * * * *", "0,30 2,3 * * *"]), st.floats(0.5, 5)),
        st.builds(
            cron,
            st.sampled_from(["30 2 * * *", "*/10 2,3 * * *"]),
            st.floats(1, 15),
            zone=st.just(BERLIN),
        ),
        st.builds(once, st.sampled_from(["2026-11-22T03:00", "2026-10-25T00:30"]), st.floats(1, 130)),
    ),
    max_size=3,
)
seconds = st.floats(0, 150)
walks = st.lists(
    st.one_of(
        st.tuples(st.just("wait"), seconds),
        st.tuples(
            st.just("jump"), st.one_of(st.floats(-600, 600), st.sampled_from([-7200.0, -0.3, 0.3, 7200.0]))
        ),
        st.tuples(st.just("moment"), st.floats(-7200, 7200)),  # the clock is right again before anyone looks
        st.tuples(st.just("reload"), windows),
        st.tuples(st.just("set"), st.sampled_from(TARGETS), seconds, st.floats(1, 300)),
        st.tuples(st.just("clear"), st.sampled_from(TARGETS)),
    ),
    max_size=10,
)


async def hang() -> None:
    await asyncio.Event().wait()


async def fail() -> None:
    raise RuntimeError


class Walk:
    """The schedule, and beside it the drains that must stand, by nothing but the clock."""

    def __init__(self, dated: Dated) -> None:
        self.dated = dated
        self.drains: dict[str, Drain] = {}

    async def step(self, step: Sequence) -> None:
        intents, clock = self.dated.intents, self.dated.clock
        match step:
            case ("wait", length):
                await asyncio.sleep(length)
            case ("jump", by):
                clock.jump(by)
            case ("moment", by):
                clock.jump(by)
                intents.refresh()
                clock.jump(-by)
            case ("reload", found):
                self.dated.reload(*found)
            case ("set", target, later, length):
                self.drains[target] = await self.dated.drain(target, length, begins=clock.time() + later)
            case ("clear", target):
                self.drains.pop(target, None)
                intents.clear(IntentKind.DRAIN, parse_target(target))
        await asyncio.sleep(schedule.LOOK_EVERY + 0.01)
        self.check()

    def check(self) -> None:
        dated, now = self.dated, self.dated.clock.time()
        self.drains = {name: drain for name, drain in self.drains.items() if not drain.over(now)}
        found = open_window(dated.store.inventory.maintenance, "d1", dated.clock.utc)
        due = {name: drain for name, drain in self.drains.items() if drain.in_force(now)}
        event(f"{len(due)} drains, window {found is not None}")
        assert bool(dated.store.in_force.members) is ("pool/web" in due)
        assert (None in dated.store.in_force.drains) is (found is not None or "director" in due)
        assert bool(dated.store.in_force.drains.keys() - {None}) is ("vip/10.100.0.1" in due)
        planned = dated.intents.planned
        assert (planned and planned.until) == (found and found.ends.timestamp())


@settings(max_examples=50)
@given(st.sampled_from(STARTS), windows, walks)
def test_what_is_in_force_follows_from_the_clock(start: str, first: list, walk: list) -> None:
    async def whole(clock: Clock) -> None:
        async with Dated(clock, Path(folder), *first) as dated:
            dated.schedule.every(schedule.LOOK_EVERY, hang)
            dated.schedule.every(60.0, fail)
            walker = Walk(dated)
            for step in walk:
                await walker.step(step)

    with TemporaryDirectory() as folder, patch.object(schedule, "LOOK_EVERY", 2.0):
        run(whole, utc(start) - timedelta(seconds=1))
