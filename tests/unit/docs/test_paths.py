"""The paths through the code that CONTRIBUTING.md names are those that the code takes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from scenario import START, Stage
from traced import PACKAGE, traced
from virtual_time import Clock, run

from clusterlb.controller.store.events import Observed
from clusterlb.model.health import Observation

INVENTORY = """\
cluster: {name: edge, vip_prefixes: [10.100.0.0/24]}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
  d2: {router_id: 10.1.0.2, uplinks: [e0]}
pools:
  web:
    members:
    - {address: 10.2.0.101, port: 80}
    - {address: 10.2.0.102, port: 80}
    check: {type: tcp, interval: 2s, timeout: 1s, rise: 1, fall: 1}
vips:
  10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web, scheduler: rr}]}
"""
# in another process, or declared and not called
ELSEWHERE = {"checks/client.py", "config/models/vip.py", "cli/drain.py", "api/intents.py"}
MOST = (12, 10, 8)  # files of a path


def paths() -> list[list[str]]:
    """Return the files of each path."""
    text = (PACKAGE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text[text.index("## Where to begin reading") : text.index("## Words")]
    return [re.findall(r"^\d+\. `([^`]+)`", part, re.MULTILINE) for part in section.split("\n**")[1:]]


async def observation(stage: Stage) -> None:
    """Have a member fail."""
    assert stage.controller is not None
    assert stage.host.engine is not None
    stage.host.engine.silent = True
    probe = min(stage.host.engine.probes, key=str)
    failed = Observation(False, stage.clock.monotonic(), 0.0, "refused")
    stage.controller.store.handle(Observed(probe, failed))
    await asyncio.sleep(0.01)


async def key(stage: Stage) -> None:
    """Change the scheduler in the inventory."""
    assert stage.controller is not None
    await stage.happen("the inventory says `scheduler: wrr` for `scheduler: rr`")
    await stage.controller.reloader.reload()
    await asyncio.sleep(0.01)


async def drain(stage: Stage) -> None:
    """Drain the director."""
    await stage.happen("drain director")
    await asyncio.sleep(0.01)


@pytest.mark.parametrize(("number", "does"), [(0, observation), (1, key), (2, drain)])
def test_the_code_takes_the_path(
    number: int, does: Callable[[Stage], Coroutine[Any, Any, None]], tmp_path: Path
) -> None:
    listed = paths()[number]
    assert len(listed) <= MOST[number]
    assert all((PACKAGE / name).is_file() for name in listed)

    async def follow(clock: Clock) -> list[str]:
        stage = Stage(clock, tmp_path, INVENTORY)
        try:
            await stage.happen("d2 announces 10.100.0.1 active")
            await stage.run()
            with traced() as found:
                await does(stage)
        finally:
            await stage.stop()
        return found

    calls = iter(run(follow, START))
    for name in listed:
        assert name in ELSEWHERE or name in calls, f"nothing calls {name} after the one before"
