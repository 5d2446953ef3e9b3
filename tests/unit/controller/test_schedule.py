"""Intents and windows begin and end on time, whatever is done to the clock, the inventory and other work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from dated import Dated, cron, once, utc
from virtual_time import Clock, run

from clusterlb.controller import schedule
from clusterlb.controller.journal import Journal, JournalError
from clusterlb.controller.store.store import Store
from clusterlb.model.intent import IntentKind
from clusterlb.model.inventory import Window
from clusterlb.model.target import DIRECTOR

HOUR = 3600.0
Play = Callable[[Dated], Coroutine[Any, Any, None]]


@pytest.fixture
def play(tmp_path: Path) -> Callable[..., None]:
    """Run a coroutine with a schedule that starts at a time, with these windows."""

    def played(scene: Play, start: str, *windows: Window) -> None:
        async def whole(clock: Clock) -> None:
            async with Dated(clock, tmp_path, *windows) as dated:
                await scene(dated)

        run(whole, utc(start))

    return played


async def after_the_jump() -> None:
    await asyncio.sleep(schedule.LOOK_EVERY + 0.01)


def test_a_window_opens_and_closes_again_and_again(play):
    async def scene(dated: Dated) -> None:
        for hour in (3, 4):
            await dated.until(f"2026-11-22 0{hour - 1}:59:59.9")
            assert dated.drains == []
            await dated.until(f"2026-11-22 0{hour}:00")
            assert dated.drains == ["w: test"]
            await dated.until(f"2026-11-22 0{hour}:29:59.9")
            assert dated.drains == ["w: test"]
            await dated.until(f"2026-11-22 0{hour}:30")
            assert dated.drains == []

    play(scene, "2026-11-22 02:50", cron("0 * * * *", 30))


def test_a_start_in_the_middle_drains_for_the_rest(tmp_path):
    async def scene(clock: Clock) -> None:
        dated = Dated(clock, tmp_path, cron("0 3 * * *"))
        assert dated.drains == ["w: test"]  # before the first look: a controller decides on what it knows
        async with dated:
            await dated.until("2026-11-22 03:59:59.9")
            assert dated.drains == ["w: test"]
            await dated.until("2026-11-22 04:00")
            assert dated.drains == []

    run(scene, utc("2026-11-22 03:30"))


@pytest.mark.parametrize(
    ("start", "opens", "closes"),
    [
        ("2027-03-28 00:00", "2027-03-28 01:30", "2027-03-28 02:30"),  # the gap: 02:30 is 03:30
        ("2026-10-25 00:00", "2026-10-25 00:30", "2026-10-25 01:30"),  # the fold: the first 02:30
    ],
)
def test_where_the_clocks_change(play, start, opens, closes):
    async def scene(dated: Dated) -> None:
        seen = []
        while dated.clock.utc < utc(start) + timedelta(hours=6):
            if (now := bool(dated.drains)) is not (bool(seen) and seen[-1][1]):
                seen.append((f"{dated.clock.utc:%Y-%m-%d %H:%M}", now))
            await asyncio.sleep(20)
        assert seen == [(opens, True), (closes, False)]

    play(scene, start, cron("30 2 * * *", zone="Europe/Berlin"))


def test_of_overlapping_windows_the_one_that_ends_last_counts(play):
    async def scene(dated: Dated) -> None:
        for time, reasons in {
            "03:00": ["short: test"],
            "03:30": ["long: test"],
            "04:00": ["long: test"],
            "05:30": [],
        }.items():
            await dated.until(f"2026-11-22 {time}")
            assert dated.drains == reasons

    play(scene, "2026-11-22 02:00", cron("0 3 * * *", 60, "short"), cron("30 3 * * *", 120, "long"))


def test_one_ends_as_another_begins(play):
    async def scene(dated: Dated) -> None:
        for time, reasons in {"03:59": ["a: test"], "04:00": ["b: test"], "05:00": []}.items():
            await dated.until(f"2026-11-22 {time}")
            assert dated.drains == reasons

    play(scene, "2026-11-22 03:30", cron("0 3 * * *", name="a"), cron("0 4 * * *", name="b"))


def test_a_window_that_is_taken_out_holds_no_longer(play):
    async def scene(dated: Dated) -> None:
        assert dated.drains == ["w: test"]
        dated.reload()
        assert dated.drains == []
        await dated.until("2026-11-22 04:00")
        assert dated.drains == []

    play(scene, "2026-11-22 03:30", cron("0 3,4 * * *", 45))


def test_a_window_that_is_moved_while_it_is_open(play):
    async def scene(dated: Dated) -> None:
        dated.reload(cron("30 4 * * *", 30))
        assert dated.drains == []
        await dated.until("2026-11-22 04:30")
        assert dated.drains == ["w: test"]
        await dated.until("2026-11-22 04:45")
        dated.reload(cron("30 4 * * *", 60))
        await dated.until("2026-11-22 05:00")
        assert dated.drains == ["w: test"]
        await dated.until("2026-11-22 05:30")
        assert dated.drains == []

    play(scene, "2026-11-22 03:30", cron("0 3 * * *"))


def test_the_clock_is_set_back_in_a_window(play):
    async def scene(dated: Dated) -> None:
        dated.clock.jump(-2 * HOUR)  # 01:30
        await after_the_jump()
        assert dated.drains == []
        await dated.until("2026-11-22 03:00")
        assert dated.drains == ["w: test"]
        await dated.until("2026-11-22 04:00")
        assert dated.drains == []

    play(scene, "2026-11-22 03:30", cron("0 3 * * *"))


def test_the_clock_is_set_forward_over_a_window_and_into_one(play):
    async def scene(dated: Dated) -> None:
        dated.clock.jump(2 * HOUR)  # 04:30
        for _ in range(20):
            await asyncio.sleep(0.1)
            assert dated.drains == []
        dated.clock.jump(23 * HOUR)  # 03:30 of the next day
        await after_the_jump()
        assert dated.drains == ["w: test"]
        dated.clock.jump(HOUR)
        await after_the_jump()
        assert dated.drains == []

    play(scene, "2026-11-22 02:30", cron("0 3 * * *"))


def test_the_clock_is_wrong_for_a_moment(play):
    """It is right again before it is compared: what came meanwhile must not stand."""

    async def scene(dated: Dated) -> None:
        for another in (True, False):  # what comes meanwhile: another intent, or a date
            await dated.drain("vip/10.100.0.1", 1, begins=dated.clock.time() + 0.1)
            dated.clock.jump(HOUR)
            if another:
                await dated.drain("pool/web")
            await asyncio.sleep(0.2)
            assert "w: test" in dated.drains
            dated.clock.jump(-HOUR)
            await asyncio.sleep(2)
            assert dated.drains == []
            await asyncio.sleep(schedule.LOOK_EVERY - dated.clock.monotonic() % schedule.LOOK_EVERY + 0.01)

    play(scene, "2026-11-22 02:30", cron("0 3 * * *"))


def test_the_clock_is_slewed_all_the_time(play):
    """It is never set, and yet minutes ahead when the window opens: no timer that was set before is right."""

    async def scene(dated: Dated) -> None:
        while dated.clock.utc < utc("2026-11-22 03:00:00"):
            assert dated.drains == []
            dated.clock.jump(schedule.STEP / 2)
            await asyncio.sleep(schedule.LOOK_EVERY)
        await after_the_jump()
        assert dated.drains == ["w: test"]

    play(scene, "2026-11-22 02:40", cron("0 3 * * *"))


def test_two_drains_begin_at_once_and_end_one_after_the_other(play):
    async def scene(dated: Dated) -> None:
        begins = utc("2026-11-22 03:00").timestamp()
        await dated.drain("director", HOUR, reason="all", begins=begins)
        await dated.drain("vip/10.100.0.1", 2 * HOUR, reason="one", begins=begins)
        for time, reasons in {
            "02:59:59.9": [],
            "03:00": ["all", "one"],
            "04:00": ["one"],
            "05:00": [],
        }.items():
            await dated.until(f"2026-11-22 {time}")
            assert sorted(dated.drains) == reasons
        assert dated.intents.standing == []

    play(scene, "2026-11-22 02:00")


def test_a_drain_that_is_taken_back_or_made_anew_before_its_time(play):
    async def scene(dated: Dated) -> None:
        await dated.drain("director", HOUR, begins=utc("2026-11-22 03:00").timestamp())
        dated.intents.clear(IntentKind.DRAIN, DIRECTOR)
        assert dated.intents.changes(dated.clock.time()) == []
        await dated.drain("vip/10.100.0.1", HOUR, begins=utc("2026-11-22 03:00").timestamp())
        await dated.drain("vip/10.100.0.1", HOUR, begins=utc("2026-11-22 05:00").timestamp())
        for time, reasons in {"03:00": [], "04:00": [], "05:00": ["kernel"], "06:00": []}.items():
            await dated.until(f"2026-11-22 {time}")
            assert dated.drains == reasons

    play(scene, "2026-11-22 02:00")


def test_a_drain_and_a_window_together(play):
    async def scene(dated: Dated) -> None:
        await dated.drain("director", 1.75 * HOUR, reason="ada's")
        for time, reasons in {
            "02:59": ["ada's"],
            "03:44": ["w: test"],
            "03:46": ["w: test"],
            "04:00": [],
        }.items():
            await dated.until(f"2026-11-22 {time}")
            assert dated.drains == reasons

    play(scene, "2026-11-22 02:00", cron("0 3 * * *"))


def test_other_work_that_hangs_or_fails_holds_up_nothing(play):
    async def hang() -> None:
        await asyncio.Event().wait()

    async def fail() -> None:
        raise RuntimeError("a look that fails")

    async def scene(dated: Dated) -> None:
        dated.schedule.every(1.0, hang)
        dated.schedule.every(300.0, fail)
        await dated.until("2026-11-22 03:00")
        assert dated.drains == ["w: test"]
        await dated.until("2026-11-22 04:00")
        assert dated.drains == []

    play(scene, "2026-11-22 02:50", cron("0 3 * * *"))


def test_a_date_that_fails_leaves_the_others_and_is_tried_again(play, monkeypatch):
    async def scene(dated: Dated) -> None:
        def fail(*_: Any, **__: Any) -> None:
            raise RuntimeError("what is due")

        for fails, drains in {"03:00": [], "04:30": ["b: test"]}.items():
            with monkeypatch.context() as failing:
                failing.setattr(Store, "handle", fail)
                await dated.until(f"2026-11-22 {fails}")
                assert dated.drains == drains
            await asyncio.sleep(schedule.RETRY - 1)
            assert dated.drains == drains
            await asyncio.sleep(2)
            assert dated.drains == ([] if drains else ["a: test"])
            if not drains:
                await dated.until("2026-11-22 03:30")
                assert dated.drains == ["b: test"]

    windows = [once(f"2026-11-22T{time}", 60, name) for name, time in (("a", "03:00"), ("b", "03:30"))]
    play(scene, "2026-11-22 02:59", *windows)


def test_what_cannot_be_taken_from_the_journal_is_over_and_is_tried_again(play, monkeypatch):
    async def scene(dated: Dated) -> None:
        await dated.drain("director", HOUR)
        with monkeypatch.context() as full:

            def fail(*_: object) -> None:
                raise JournalError("no space")

            full.setattr(Journal, "clear", fail)
            await dated.until("2026-11-22 03:00")
            assert dated.drains == []
            assert len(dated.intents.standing) == 1
        await asyncio.sleep(schedule.RETRY)
        assert dated.intents.standing == []

    play(scene, "2026-11-22 02:00")


def test_what_apscheduler_does_with_the_id_of_a_job_that_still_runs():
    """Why each date has an id of its own: the second date of the same id is left out."""

    async def scene(clock: Clock) -> None:
        ran = []
        scheduler = AsyncIOScheduler(timezone=UTC, job_defaults={"misfire_grace_time": None})
        scheduler.start()

        async def work() -> None:
            ran.append(clock.utc)
            if len(ran) == 1:
                scheduler.add_job(work, "date", run_date=clock.utc, id="window w")

        scheduler.add_job(work, "date", run_date=clock.utc + timedelta(seconds=1), id="window w")
        await asyncio.sleep(10)
        scheduler.shutdown()
        await asyncio.sleep(0)
        assert len(ran) == 1

    run(scene, utc("2026-11-22 03:00"))
