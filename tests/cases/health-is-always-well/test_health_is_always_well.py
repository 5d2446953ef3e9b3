"""What balancers, Nagios and systemd ask, and what they are told."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from fake_director import FakeDirector, change_health, running

from clusterlb.api.server import Server
from clusterlb.cli.client import ask
from clusterlb.controller.pulse import DEADLINE
from clusterlb.controller.store.events import GoingDown, Troubles
from clusterlb.core.fitness import Failures
from clusterlb.drivers.interface import DriverError
from clusterlb.model.status import EngineStatus

NOT_WELL = 503


@asynccontextmanager
async def served_on_a_port(root: Path, port: int):
    host = FakeDirector(root)
    async with running(host) as controller:
        server = Server(controller, root / "run", ("127.0.0.1", port))
        await server.start()
        try:
            yield host, controller
        finally:
            await server.close()


async def asked(root: Path, port: int) -> tuple[int, dict[str, object]]:
    """Return the port's answer; the socket's says the same, of a moment later."""

    def get() -> tuple[int, dict[str, object]]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as found:
                return found.status, json.load(found)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    here, body = await asyncio.to_thread(get)
    there, other = await asyncio.to_thread(ask, root / "run", "GET", "/health")
    assert (there, other["ok"], other.keys()) == (here, body["ok"], body.keys())
    return here, body


async def test_all_is_well(tmp_path, unused_tcp_port):
    async with served_on_a_port(tmp_path, unused_tcp_port):
        assert await asked(tmp_path, unused_tcp_port) == (200, {"ok": True, "because": [], "warnings": []})


def dead_engine(host, _):
    host.engine.stats = EngineStatus(state="dead")


def no_carrier(_, controller):
    change_health(controller.store, carrier={"e0": False})


def silent_ipvs(host, controller):
    def silent(*_):
        raise DriverError("netlink: timed out")

    host.ipvs.read = silent
    change_health(controller.store, ipvs=Failures(3, "netlink: timed out"))


def silent_frr(host, controller):
    host.frr.stuck = "ospfd"
    change_health(controller.store, frr=Failures(3, "FRR's ospfd did not answer within 5 s"))


def standing_still(_, controller):
    real = controller.pulse.clock
    controller.pulse.clock = lambda: real() + DEADLINE + 1


def going(_, controller):
    controller.store.handle(GoingDown())


def starting(_, controller):
    controller.ready = False


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (dead_engine, "the check engine is dead"),
        (no_carrier, "no uplink has carrier"),
        (silent_ipvs, "netlink: timed out"),
        (silent_frr, "ospfd did not answer"),
        (standing_still, "the loop stands still: last done 6"),
        (going, "taken down"),
        (starting, "just started"),
    ],
)
async def test_what_keeps_it_from_its_work_is_told(tmp_path, unused_tcp_port, fault, word):
    async with served_on_a_port(tmp_path, unused_tcp_port) as (host, controller):
        fault(host, controller)
        code, body = await asked(tmp_path, unused_tcp_port)
    assert (code, body["ok"]) == (NOT_WELL, False)
    assert any(word in text for text in body["because"])


async def test_what_an_operator_should_look_at_is_a_warning(tmp_path, unused_tcp_port):
    async with served_on_a_port(tmp_path, unused_tcp_port) as (_, controller):
        controller.reloader.error = "inventory.yaml:1:1: error"
        controller.store.handle(Troubles(("add service tcp 10.100.0.1:80: no",)))
        code, body = await asked(tmp_path, unused_tcp_port)
    assert (code, body["ok"], body["because"]) == (200, True, [])
    assert body["warnings"] == [
        "the inventory on disk is rejected, the last good one is in force",
        "add service tcp 10.100.0.1:80: no",
    ]


async def test_it_answers_while_a_part_hangs(tmp_path, unused_tcp_port, monkeypatch):
    async with served_on_a_port(tmp_path, unused_tcp_port) as (host, controller):

        def silent(*_: object) -> None:
            raise DriverError("asked")

        monkeypatch.setattr(host.ipvs, "statistics", silent)
        async with controller.reconciler.lock:
            assert (await asked(tmp_path, unused_tcp_port))[0] == 200


async def test_a_look_that_always_fails_is_late_too(tmp_path):
    async with running(FakeDirector(tmp_path)) as controller:
        now = 0.0
        controller.pulse.clock = lambda: now

        async def fails() -> None:
            raise DriverError("no answer")

        look = controller.pulse.watched("the look at nothing", fails)
        now = DEADLINE + 1
        with pytest.raises(DriverError, match="no answer"):
            await look()
        assert "the look at nothing" in controller.pulse.late()
