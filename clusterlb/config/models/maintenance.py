"""The section ``maintenance``: planned drains."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from clusterlb.config.fields import Name, duration
from clusterlb.config.models.base import Strict
from clusterlb.config.time_fields import CronText, LocalTime, Reason, TimeZone

_WEEK = 7 * 86400.0


class WindowFile(Strict):
    """A time for which directors are drained, once or again and again."""

    name: Name = Field(description="Name of the window, in logs and in the status; no two have the same.")
    directors: list[str] = Field(
        min_length=1, max_length=256, description="Names of the directors that are drained."
    )
    reason: Reason = Field(description="What the drain is for, one line; the status and the journal show it.")
    cron: CronText | None = Field(
        default=None,
        description="When the window opens, as crontab(5) writes it: minute, hour, day of month, month, day "
        "of week. Either this or `at`.",
    )
    at: LocalTime | None = Field(
        default=None,
        description="When the window opens, for once, as 2026-12-01 03:00 on the clock of `time_zone`. "
        "Either this or `cron`.",
    )
    length: Annotated[float, duration(60, _WEEK, days=True)] = Field(
        alias="for", description="How long it is open, in elapsed time: 2h are two hours on every day."
    )
    time_zone: TimeZone = Field(default="UTC", description="IANA name of the time zone of `cron` and `at`.")
    deadline: Annotated[float, duration(0, _WEEK, days=True)] | None = Field(
        default=None,
        description="How long flows may take to move before the VIPs are withdrawn; null: as long as "
        "they take.",
    )
