"""The fields of a maintenance window: cron, local time, time zone and reason."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated

from clusterlb.config.fields import STRING, Checked, refuse, text_of
from clusterlb.core.calendar.cron import parse
from clusterlb.core.calendar.local_time import CalendarError, zone
from clusterlb.model.intent import MOST_WORDS, is_words

_AT = re.compile(r"20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}")


def parse_cron(value: object) -> str:
    """Return five fields as crontab(5) has them, one space between them."""
    text = text_of(value)
    try:
        parse(text)
    except CalendarError as error:
        raise refuse(str(error), error.hint) from None
    return " ".join(text.split())


def parse_at(value: object) -> str:
    """Return a local time as ISO 8601 has it, without an offset."""
    text = text_of(value)
    try:
        if _AT.fullmatch(text):
            return datetime.fromisoformat(text).isoformat(timespec="minutes")
    except ValueError:
        raise refuse("is no time of any calendar", "write for example 2026-12-01 03:00") from None
    raise refuse("needs a local time from 2000 to 2099", "write for example 2026-12-01 03:00")


def parse_zone(value: object) -> str:
    """Return the IANA name of a time zone that this host knows."""
    text = text_of(value)
    try:
        zone(text)
    except CalendarError as error:
        raise refuse(str(error), error.hint) from None
    return text


def parse_reason(value: object) -> str:
    """Return one line of printable text."""
    text = text_of(value).strip()
    if not is_words(text):
        raise refuse(f"is not one line of 1 to {MOST_WORDS} characters", "say what the drain is for")
    return text


CronText = Annotated[str, Checked(parse_cron, {**STRING, "examples": ["0 3 * * sun"]})]
LocalTime = Annotated[
    str, Checked(parse_at, {**STRING, "pattern": f"^{_AT.pattern}$", "examples": ["2026-12-01 03:00"]})
]
TimeZone = Annotated[str, Checked(parse_zone, {**STRING, "examples": ["Europe/Berlin"]})]
Reason = Annotated[str, Checked(parse_reason, {**STRING, "minLength": 1, "maxLength": MOST_WORDS})]
