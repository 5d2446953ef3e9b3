"""The maintenance windows: their times, time zones, and directors that are in service meanwhile."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from clusterlb.config.fields import duration_text
from clusterlb.config.item import Everything, Placed
from clusterlb.config.lint.directors import lint_director_names
from clusterlb.config.report import Report
from clusterlb.core.calendar.cron import needless
from clusterlb.core.calendar.local_time import comes_twice, exists, nearest, shown, zone
from clusterlb.core.calendar.windows import starts
from clusterlb.model.inventory import Window

_AHEAD = timedelta(days=8)  # a week, and the day on which it ends
_Open = tuple[Placed[Window], list[tuple[datetime, datetime]]]  # begin and end of each opening


def lint_maintenance(everything: Everything, report: Report, now: datetime | None = None) -> None:
    """Check each window by itself, and whether some director is in service at any time in the next 8 days."""
    begin = now or datetime.now(UTC)
    opened: list[_Open] = []
    for placed in everything.maintenance:
        lint_director_names(everything, placed, ("directors",), placed.value.directors, report)
        if _once_or_again(placed, report) and placed.sure((), "for", "time_zone"):
            _clock(placed, report)
            times = starts(placed.value, begin - _length(placed), begin + _AHEAD)
            _closes(placed, times, report)
            opened.append((placed, _stretches(times, _length(placed))))
    if everything.whole and len(everything.director_names) > 1:
        _all_at_once(everything, opened, report)


def _stretches(times: list[datetime], length: timedelta) -> list[tuple[datetime, datetime]]:
    """Return begin and end of each opening; openings that overlap or touch are one."""
    found: list[tuple[datetime, datetime]] = []
    for begin in times:
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], begin + length)
        else:
            found.append((begin, begin + length))
    return found


def _length(placed: Placed[Window]) -> timedelta:
    return timedelta(seconds=placed.value.duration)


def _once_or_again(placed: Placed[Window], report: Report) -> bool:
    """Report a window without exactly one of ``cron`` and ``at``; return whether it has one."""
    item, window = placed.item, placed.value
    if window.cron is not None and window.at is not None:
        report.error(
            item.key_at("at"),
            "`cron` and `at` exclude each other",
            f"make two windows of it, or remove one; see {item.at('cron')}",
        )
    elif window.cron is None and window.at is None and placed.sure((), "cron", "at"):
        report.error(
            item.place,
            f"window `{window.name}` never opens: it has neither `cron` nor `at`",
            'write `cron: "0 3 * * sun"`, or `at: "2026-12-01 03:00"` for once',
        )
    return (window.cron is None) != (window.at is None)


def _clock(placed: Placed[Window], report: Report) -> None:
    """Report a local time that does not exist or comes twice, and a part of a cron time that never fires."""
    item, window = placed.item, placed.value
    if window.cron is not None and (why := needless(window.cron)):
        report.warning(
            item.at("cron"),
            f"a part of `{window.cron}` never fires",
            f"{why}; with both day fields either is enough",
        )
    if window.at is None:
        return
    time, clock = datetime.fromisoformat(window.at), zone(window.zone)
    if not exists(time, clock):
        report.error(
            item.at("at"),
            f"{time:%Y-%m-%d %H:%M} does not exist in {window.zone}: the clocks are put forward over it",
            f"the nearest time that does is {nearest(time, clock):%Y-%m-%d %H:%M}",
        )
    elif comes_twice(time, clock):
        report.warning(
            item.at("at"),
            f"{time:%Y-%m-%d %H:%M} comes twice in {window.zone}: the clocks are put back over it",
            "the window opens the first time; write the time in UTC, with `time_zone: UTC`, to be exact",
        )


def _closes(placed: Placed[Window], times: list[datetime], report: Report) -> None:
    item, length = placed.item, _length(placed)
    again = min((later - time for time, later in pairwise(times)), default=None)
    if again is not None and again <= length:
        report.warning(
            item.at("for"),
            f"window `{placed.value.name}` is open for {duration_text(placed.value.duration, days=True)}, "
            f"but opens again after {duration_text(again.total_seconds(), days=True)}",
            "the directors stay drained in between: `0 3 * * *` is once a day, `* 3 * * *` 60 times",
        )


def _all_at_once(everything: Everything, opened: list[_Open], report: Report) -> None:
    """Warn of the first time at which every director is in some window."""
    moment = _nobody_serves(everything.director_names, opened)
    if moment is None:
        return
    involved = [p for p, open_ in opened if any(begin <= moment < end for begin, end in open_)]
    last = involved[-1]
    names = ", ".join(f"`{placed.value.name}`" for placed in involved[:5])
    local = shown(moment, zone(last.value.zone))
    report.warning(
        last.item.at("at" if last.value.cron is None else "cron"),
        f"all {len(everything.director_names)} directors are in a window at {local:%Y-%m-%d %H:%M} "
        f"{last.value.zone}: {names}",
        "they drain at the same time, and only as many go as `max_drained` and `min_announcers` let; "
        "spread the windows",
    )


def _nobody_serves(directors: frozenset[str], opened: list[_Open]) -> datetime | None:
    """Return the first moment at which all directors are in a window."""
    edges = sorted(
        (moment, change, name)
        for placed, stretches in opened
        for name in directors.intersection(placed.value.directors)
        for begin, end in stretches
        for moment, change in ((begin, 1), (end, -1))
    )
    depth: Counter[str] = Counter()
    serving = set(directors)
    for moment, change, name in edges:  # an end (-1) sorts before a begin at the same moment
        depth[name] += change
        if depth[name]:
            serving.discard(name)
        else:
            serving.add(name)
        if not serving:
            return moment
    return None
