"""What is to be done at a time of the event loop's clock, until it is stopped."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Timers:
    """Keeps the timers that are set, so that all of them can be stopped."""

    def __init__(self) -> None:
        self._handles: set[asyncio.TimerHandle] = set()

    def at(self, when: float, action: Callable[[], object]) -> None:
        """Do something at a time of the loop's clock, in seconds; needs a running event loop."""

        def fire() -> None:
            self._handles.discard(handle)
            action()

        handle = asyncio.get_running_loop().call_at(when, fire)
        self._handles.add(handle)

    def stop(self) -> None:
        """Do none of it any more."""
        for handle in self._handles:
            handle.cancel()
        self._handles.clear()
