import asyncio
import re
import sys
import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from clusterlb.checks.client import EngineClient
from clusterlb.checks.news import LATENESS, News
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType, CommandOptions, ProbeSpec
from clusterlb.model.health import Observation, ProbeKey


async def until(true) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


def command(path: Path, port: int = 80) -> ProbeKey:
    spec = ProbeSpec(CheckType.COMMAND, 0.1, 5.0, CommandOptions((str(path),)))
    return ProbeKey(Endpoint(ip_address("192.0.2.80"), port), spec)


async def test_the_log_and_the_status_say_so_and_say_when_it_is_over(tmp_path):
    program, other = tmp_path / "check-it", tmp_path / "check it -x"
    program.write_text("#!/bin/sh\nexit 0\n")
    program.chmod(0o755)
    seen: list[tuple[ProbeKey, Observation]] = []
    events: list[tuple[str, dict]] = []
    key, never = command(program), command(other, 81)
    client = EngineClient(
        lambda key, observation: seen.append((key, observation)),
        lambda text, facts: events.append((text, facts)),
        beat=0.05,
        user="root",  # the folder of a test is closed to others
    )
    client.set_probes([key, never])
    await client.start()
    try:
        await until(lambda: seen and never in client.unprobed())
        assert re.fullmatch(rf"not probed since [\d:]{{8}}: ENOENT {other}", client.unprobed()[never])
        assert key not in client.unprobed()
        hidden = program.rename(tmp_path / "away")
        await until(lambda: key in client.unprobed())
        assert len(client.unprobed()) == 2
        hidden.rename(program)
        seen.clear()
        await until(lambda: seen and key not in client.unprobed())
        told = [(text, facts["members"]) for text, facts in events if text.startswith("probes")]
        assert told == [
            ("probes cannot be sent", "192.0.2.80:81 (command)"),
            ("probes cannot be sent", "192.0.2.80:80 (command)"),
            ("probes are sent again", "192.0.2.80:80 (command)"),
        ]
        client.set_probes([key])
        assert client.unprobed() == {}
    finally:
        await client.close()


def test_ten_thousand_of_one_reason_are_one_line():
    events: list[dict] = []
    news = News(lambda text, facts: events.append(facts))
    keys = {number: command(Path("/x"), number) for number in range(1, 10_001)}
    for number in keys:
        news.begin(number)
    news.trouble([(number, "EMFILE") for number in keys], keys)
    news.trouble([(number, "EMFILE") for number in keys], keys)
    [facts] = events
    assert facts["reason"] == "EMFILE"
    assert facts["members"].endswith("192.0.2.80:3 (command) and 9997 more")


def test_silence_for_any_other_reason_is_named_too(monkeypatch):
    key = command(Path("/x"))
    news = News(lambda text, facts: None)
    news.begin(1)
    assert news.unprobed({1: key}, "restarting") == {}
    later = time.monotonic() + 2 * key.spec.interval + key.spec.timeout + LATENESS + 1
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert "the check engine is restarting" in news.unprobed({1: key}, "restarting")[key]
    news.result(1, later)
    assert news.unprobed({1: key}, "restarting") == {}


async def test_a_dead_engine_is_named():
    client = EngineClient(lambda *_: None, lambda *_: None, command=[sys.executable, "-c", "pass"])
    assert client.state == "dead"
    await client.start()
    await until(lambda: client.state == "restarting")
    assert not client.alive
    await client.close()
