"""Time passes for the controller here only while it has nothing to do: a test waits for nothing.

A test that is marked ``threads`` has a loop and threads that take real time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime

import fake_director
import pytest
from virtual_time import VirtualLoop, clocks


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Give each test of this folder a virtual loop."""
    real = item.get_closest_marker("threads") is not None
    return {"real": asyncio.new_event_loop} if real else {"virtual": VirtualLoop}


@pytest.fixture
async def virtual_clocks(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Have the wall clock go with the loop's, where that is virtual."""
    loop = asyncio.get_running_loop()
    if not isinstance(loop, VirtualLoop):
        yield
        return
    with clocks(loop, datetime.fromtimestamp(time.time(), UTC)) as clock:
        monkeypatch.setattr(fake_director, "WALL", clock.time)
        yield


@pytest.fixture(autouse=True)
def _clocks(request: pytest.FixtureRequest) -> None:
    if asyncio.iscoroutinefunction(request.function):
        request.getfixturevalue("virtual_clocks")
