"""Work that nobody waits for: it is kept until it ends, and the log says how it failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import structlog

log = structlog.get_logger()

_TASKS: set[asyncio.Future[object]] = set()  # the loop alone would let a task be collected


def spawn(work: Awaitable[object]) -> asyncio.Future[object]:
    """Do this work in the running loop, beside what goes on; nobody has to wait for what is returned."""
    task = asyncio.ensure_future(work)
    _TASKS.add(task)
    task.add_done_callback(_finished)
    return task


def _finished(task: asyncio.Future[object]) -> None:
    _TASKS.discard(task)
    if not task.cancelled() and task.exception() is not None:
        log.error("background work failed", error=repr(task.exception()))
