"""The socket, the metrics and the commands while a part does not answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from fake_director import FakeDirector
from prometheus_client.parser import text_string_to_metric_families
from served_director import served

from clusterlb.api import server as module
from clusterlb.api.metrics import exposition
from clusterlb.cli.client import ask
from clusterlb.cli.main import main
from clusterlb.cli.watch import progress
from clusterlb.controller.status import status
from clusterlb.drivers.interface import DriverError
from clusterlb.model.check import VerdictState
from clusterlb.model.status import IpvsStatus
from clusterlb.model.target import DIRECTOR


@asynccontextmanager
async def served_at(root: Path):
    host = FakeDirector(root)
    async with served(host) as controller:
        yield host, controller


def silent(*_: object) -> None:
    raise DriverError("IPVS does not answer: netlink: timed out")


async def test_the_status_names_it_and_has_no_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with served_at(tmp_path) as (host, controller):
        assert (await status(controller)).ipvs == IpvsStatus(answers=True)
        monkeypatch.setattr(host.ipvs, "statistics", silent)
        found = await status(controller)
        assert found.ipvs == IpvsStatus(answers=False, error="IPVS does not answer: netlink: timed out")
        for member in found.vips[0].services[0].members:
            assert member.verdict is VerdictState.UP
            assert member.active is member.inactive is member.connections is member.in_bytes is None
        done = await asyncio.to_thread(
            CliRunner().invoke, main, ["status", "--run-dir", str(tmp_path / "run")]
        )
        assert done.exit_code == 5
        assert "netlink: timed out" in done.output
        assert "10.2.0.101:80" in done.output
        assert progress(found, DIRECTOR)[:2] == (False, 0)  # not drained: that nobody knows is not nothing


async def test_the_metrics_have_what_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with served_at(tmp_path) as (host, controller):
        monkeypatch.setattr(host.ipvs, "statistics", silent)
        text = exposition(await status(controller)).decode()
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert families["clusterlb_ipvs_answers"].samples[0].value == 0
    assert families["clusterlb_vip_announced"].samples[0].value == 1
    assert families["clusterlb_member_active"].samples == []
    assert families["clusterlb_member_connections"].samples == []


async def test_a_fault_of_our_own_is_told_as_what_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """No handler's error is the bare text of a 500, which a command takes for no controller at all."""

    async def broken(_: object) -> dict[str, object]:
        raise RuntimeError("a thing nobody\x1b[2J thought of")

    monkeypatch.setattr(module, "status", broken)
    async with served_at(tmp_path):
        with pytest.raises(click.ClickException) as caught:
            await asyncio.to_thread(ask, tmp_path / "run", "GET", "/v1/status")
        assert caught.value.exit_code == 1
        assert "RuntimeError: a thing nobody\N{REPLACEMENT CHARACTER}[2J thought of" in caught.value.message
        code, answer = await asyncio.to_thread(ask, tmp_path / "run", "GET", "/v1/nosuch")
        assert (code, answer) == (404, {"error": "404: Not Found"})
