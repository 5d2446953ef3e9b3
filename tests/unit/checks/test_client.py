import asyncio
import os
import signal
import socket
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest

from clusterlb import fresh
from clusterlb.checks.client import EngineClient
from clusterlb.checks.wire import encode_row, line
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import Observation, ProbeKey


class Ears:
    """Remembers what a client said, and lets a test wait for what it wants to hear."""

    def __init__(self) -> None:
        self.seen: list[tuple[ProbeKey, Observation]] = []
        self.events: list[tuple[str, dict]] = []

    def on_observation(self, key: ProbeKey, observation: Observation) -> None:
        self.seen.append((key, observation))

    def on_event(self, text: str, facts: dict) -> None:
        self.events.append((text, facts))

    def heard(self, word: str) -> bool:
        return any(word in text for text, _ in self.events)


async def until(true) -> None:
    for _ in range(3000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


def exists(pid: int | None) -> bool:
    return Path(f"/proc/{pid}").exists()


@pytest.fixture
def ears():
    return Ears()


def key_of(server: socket.socket, number: int = 0, interval: float = 0.1) -> ProbeKey:
    return ProbeKey(
        Endpoint(ip_address("127.4.0.0") + number, server.getsockname()[1]), ProbeSpec(interval=interval)
    )


@pytest.fixture
async def client(ears):
    client = EngineClient(ears.on_observation, ears.on_event, beat=0.1)
    await client.start()
    yield client
    pid = client.pid
    await client.close()
    assert not client.alive
    assert not exists(pid)


@pytest.fixture
def listening():
    """The wildcard address: every 127/8 address is a member."""
    with socket.create_server(("0.0.0.0", 0), backlog=1024) as wildcard:
        yield wildcard


async def test_observations_arrive_and_the_engine_is_alive(client, ears, listening):
    keys = {key_of(listening, n) for n in range(3)}
    client.set_probes(keys)
    await until(lambda: {key for key, _ in ears.seen} == keys)
    assert all(seen.ok and seen.detail.startswith("connected in ") for _, seen in ears.seen)
    await until(lambda: client.stats.passed > 0)
    assert client.alive
    assert client.stats.probes == 3
    assert client.restarts == 0
    assert client.last_heartbeat is not None


async def test_the_difference_is_sent_and_removed_keys_fall_silent(client, ears, listening):
    kept, gone, new = (key_of(listening, n) for n in range(3))
    client.set_probes([kept, gone])
    await until(lambda: {key for key, _ in ears.seen} == {kept, gone})
    client.set_probes([kept, new])
    ears.seen.clear()
    await until(lambda: [key for key, _ in ears.seen].count(new) > 3)
    assert {key for key, _ in ears.seen} == {kept, new}


async def test_a_key_falls_silent_at_once_though_an_observation_of_it_is_on_its_way(listening):
    kept, gone = (key_of(listening, n) for n in range(2))
    seen = []

    def on_observation(key, _):
        seen.append(key)
        client.set_probes([kept])

    row = Observation(True, 0.0, 0.0, "connected")
    said = line({"seen": [encode_row(number, row) for number in (1, 2, 1)]}).decode()
    client = EngineClient(
        on_observation, lambda *_: None, command=["sh", "-c", 'printf %s "$0"; exec cat >/dev/null', said]
    )
    client.set_probes([kept, gone])
    await client.start()
    await until(lambda: len(seen) > 1)
    await client.close()
    assert seen == [kept, kept]


async def test_check_now_is_heard_before_the_next_slot(client, ears, listening):
    key = key_of(listening, interval=3600)
    client.set_probes([key])
    await until(lambda: len(ears.seen) == 1)
    client.check_now(key)
    client.check_now(key_of(listening, 9))
    await until(lambda: len(ears.seen) == 2)


async def test_times_of_nothing_are_refused_and_the_rest_stays(client, ears, listening):
    good = key_of(listening)
    client.set_probes([good])
    with pytest.raises(ValueError, match="more than 0"):
        client.set_probes([key_of(listening, 1, interval=0)])
    await until(lambda: ears.seen)
    assert ears.seen[0][0] == good


async def test_a_killed_engine_observes_nothing_and_comes_back(client, ears, listening):
    key = key_of(listening)
    client.set_probes([key])
    await until(lambda: client.alive and ears.seen)
    first = client.pid
    os.kill(first, signal.SIGKILL)
    await until(lambda: not client.alive)
    assert client.pid is None
    ears.seen.clear()
    await until(lambda: client.alive and ears.seen)
    assert client.pid != first
    assert client.restarts == 1
    assert all(seen.ok for _, seen in ears.seen)
    assert ("the check engine ended", {"pid": first, "returncode": -signal.SIGKILL}) in ears.events


async def test_a_silent_engine_is_killed_and_replaced(ears, listening):
    client = EngineClient(ears.on_observation, ears.on_event, silence=1.0, beat=0.1)
    await client.start()
    client.set_probes([key_of(listening)])
    await until(lambda: client.alive and ears.seen)
    first = client.pid
    os.kill(first, signal.SIGSTOP)
    await until(lambda: ears.heard("silent"))
    ears.seen.clear()
    await until(lambda: client.alive and client.pid != first and ears.seen)
    assert all(seen.ok for _, seen in ears.seen)
    assert not exists(first)
    await client.close()


async def test_an_engine_that_cannot_be_started_is_tried_again(ears):
    client = EngineClient(ears.on_observation, ears.on_event, command=["/nonexistent/engine"])
    await client.start()
    await until(lambda: client.restarts >= 2)
    assert not client.alive
    assert ears.heard("could not be started")
    assert "/nonexistent/engine" in ears.events[0][1]["error"]
    await client.close()


@pytest.mark.parametrize("says", ["hello", '{"seen":', '{"seen": [[1]]}'])
async def test_an_engine_that_talks_nonsense_is_ended(ears, says):
    client = EngineClient(
        ears.on_observation, ears.on_event, command=[sys.executable, "-c", f"print({says!r}); input()"]
    )
    client.set_probes([])
    await client.start()
    await until(lambda: ears.heard("nonsense") and client.restarts >= 1)
    assert not ears.seen
    await client.close()


async def test_a_word_cut_off_by_the_engines_death_is_dropped(ears):
    client = EngineClient(
        ears.on_observation, ears.on_event, command=[sys.executable, "-c", "print('{\"seen\":[[', end='')"]
    )
    await client.start()
    await until(lambda: ears.heard("ended"))
    assert not ears.heard("nonsense")
    await client.close()


async def test_an_error_in_the_callback_does_not_end_the_checks(listening):
    count = 0

    def fail(key: ProbeKey, observation: Observation) -> None:
        nonlocal count
        count += 1
        raise RuntimeError("the callee's own")

    reported: list[dict] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: reported.append(context))
    client = EngineClient(fail, lambda text, facts: None)
    await client.start()
    client.set_probes([key_of(listening)])
    await until(lambda: count > 3)
    assert client.alive
    assert client.restarts == 0
    assert len(reported) >= 3
    await client.close()


async def test_closing_twice_and_closing_what_was_never_started(ears):
    client = EngineClient(ears.on_observation, ears.on_event, beat=0.1)
    await client.close()
    await client.start()
    await client.close()
    await client.close()
    assert client.pid is None


async def test_closing_ends_even_a_stopped_engine(ears):
    client = EngineClient(ears.on_observation, ears.on_event, beat=0.1)
    await client.start()
    await until(lambda: client.alive)
    pid = client.pid
    os.kill(pid, signal.SIGSTOP)
    await client.close()
    assert not exists(pid)


CONTROLLER = """
import asyncio
from clusterlb.checks.client import EngineClient
async def main():
    client = EngineClient(lambda key, seen: None, lambda text, facts: None)
    await client.start()
    while not client.alive:
        await asyncio.sleep(0.01)
    print(client.pid, flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


def test_a_killed_controller_leaves_no_engine_behind():
    with subprocess.Popen(
        [sys.executable, "-c", CONTROLLER], stdout=subprocess.PIPE, env=fresh.environment()
    ) as controller:
        pid = int(controller.stdout.readline())
        assert exists(pid)
        controller.kill()

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    asyncio.run(until(gone))
