import asyncio
import signal
import socket
import sys
from ipaddress import ip_address

import pytest
from statuses import status

from clusterlb.checks.quarantine import CheckEngines
from clusterlb.controller.judgement import troubles
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType, FileOptions, ProbeSpec, TcpOptions, UdpOptions
from clusterlb.model.health import ProbeKey
from clusterlb.model.status import EngineStatus

# An engine whose udp probes compute for ever, and whose file probes wait for ever.
ENGINE = """
import sys, time
from clusterlb.checks import engine, file, udp
def compute(self):
    while True:
        pass
def wait(self):
    time.sleep(3600)
udp.UdpProbe.start = compute
file.FileProbe.start = wait
sys.exit(engine.main())
"""
COMMAND = [sys.executable, "-P", "-c", ENGINE, "0.05"]
SILENCE = 0.5
HANGS = {"computes": (CheckType.UDP, UdpOptions()), "waits": (CheckType.FILE, FileOptions("/run/never"))}


async def until(true) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.01)
    pytest.fail("it never came true")


@pytest.fixture
def healthy():
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        endpoint = Endpoint(ip_address("127.0.0.1"), server.getsockname()[1])
        yield ProbeKey(endpoint, ProbeSpec(CheckType.TCP, 0.1, 1.0, TcpOptions()))


def hanging(kind: CheckType, options) -> ProbeKey:
    return ProbeKey(Endpoint(ip_address("127.0.0.1"), 9), ProbeSpec(kind, 0.1, 1.0, options))


@pytest.mark.parametrize("how", HANGS)
async def test_the_others_are_probed_again_and_the_one_is_named(healthy, how):
    seen: list[ProbeKey] = []
    events: list[tuple[str, dict]] = []
    engines = CheckEngines(
        lambda key, observation: seen.append(key),
        lambda text, facts: events.append((text, facts)),
        silence=SILENCE,
        beat=0.05,
        command=COMMAND,
    )
    bad = hanging(*HANGS[how])
    await engines.start()
    try:
        engines.set_probes([healthy, bad])
        await until(lambda: any("quarantined" in text for text, _ in events))
        named = dict(events)["a check is quarantined: the check engine fell silent in it"]
        assert named == {"member": f"127.0.0.1:9 ({bad.spec.type.value})"}
        seen.clear()
        await until(lambda: seen.count(healthy) > 10 and engines.stats.alive)
        assert engines.stats.restarts >= 1
        assert "127.0.0.1:9" in engines.stats.quarantined
        engines.set_probes([healthy])
        assert engines.stats.quarantined == ""
    finally:
        await engines.close()
    assert engines.stats.state == "dead"


async def test_an_engine_that_was_stopped_accuses_nobody(healthy):
    events: list[str] = []
    engines = CheckEngines(
        lambda key, observation: None,
        lambda text, facts: events.append(text),
        silence=SILENCE,
        beat=0.05,
        command=COMMAND,
    )
    await engines.start()
    try:
        engines.set_probes([healthy])
        await until(lambda: engines.stats.passed > 3)
        engines._main._process.send_signal(signal.SIGSTOP)
        await until(lambda: "the check engine is silent: killed" in events)
        await until(lambda: engines.stats.alive)
        assert engines.stats.quarantined == ""
    finally:
        await engines.close()


@pytest.mark.parametrize(
    ("state", "is_degraded"),
    [("running", False), ("starting", False), ("silent", True), ("restarting", True), ("dead", True)],
)
def test_the_status_is_degraded_while_the_engine_does_not_run(state, is_degraded):
    assert bool(troubles(status(checks=EngineStatus(state=state)))) == is_degraded
    assert troubles(status(unprobed=("192.0.2.80:80 (http): not probed",)))
