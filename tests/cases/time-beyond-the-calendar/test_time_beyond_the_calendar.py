"""Times at the edges, where they are asked for, recorded and shown."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from fake_director import FakeDirector
from served_director import served

from clusterlb.cli import intent
from clusterlb.cli.client import ask
from clusterlb.cli.main import main
from clusterlb.controller.journal import Journal
from clusterlb.model.intent import LATEST, LONGEST

PIN = {"kind": "pin", "target": "web/10.2.0.101:80", "value": "down", "reason": "disk", "who": "ada"}
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=UTC)
BEYOND = [1e300, float("nan"), float("inf"), -1.0, -1e300, 10**400, LATEST * 2, True, "12", [1]]


async def test_the_socket_refuses_what_no_clock_shows(tmp_path: Path):
    host = FakeDirector(tmp_path)
    async with served(host) as controller:
        for key in ("begins", "for", "patience"):
            for value in BEYOND:
                code, answer = await asyncio.to_thread(
                    ask, tmp_path / "run", "POST", "/v1/intents", 10.0, body={**PIN, key: value}
                )
                assert (code, f"{key} is a number of seconds" in answer["error"]) == (400, True), (key, value)
        assert controller.intents.standing == []
        assert (
            await asyncio.to_thread(
                ask, tmp_path / "run", "POST", "/v1/intents", 10.0, body={**PIN, "for": LONGEST}
            )
        )[0] == 200


@pytest.mark.parametrize("text", ["999999999h", "87841h", "999999999.999999999h"])
def test_a_length_beyond_ten_years_is_no_length(text: str):
    with pytest.raises(click.BadParameter, match="leave it out"):
        intent.seconds(text, "--for")
    assert intent.seconds("87600h", "--for") == 87600 * 3600.0


@pytest.mark.parametrize("text", ["9999-12-31 23:59", "9999-12-31 23:59-12:00", "2100-01-02", "9999-12-31"])
def test_a_moment_after_the_calendar_is_no_moment(text: str):
    with pytest.raises(click.BadParameter):
        intent.moment(text, NOW)


@pytest.mark.parametrize("text", ["0001-01-01 00:00", "0001-01-01 00:00+14:00", "1969-12-31"])
def test_a_moment_before_the_calendar_is_past(text: str):
    with pytest.raises(click.BadParameter):
        intent.moment(text, NOW)


@pytest.mark.parametrize("until", [3.6e15, 1e300, float("inf")])
def test_what_an_older_controller_took_in_has_no_end(until: float, tmp_path: Path):
    record = {**PIN, "made": 1.0, "until": until, "begins": 0.0, "patience": None}
    (tmp_path / "intents.jsonl").write_text(json.dumps({"set": record}) + "\n")
    (intent,) = Journal(tmp_path / "intents.jsonl").intents.values()
    assert intent.until is None


def test_a_status_of_another_form_is_named_with_what_helps(monkeypatch: pytest.MonkeyPatch):
    odd = {"intents": [{**PIN, "begins": 1e300}], "next_window": None, "version": "0.0.1"}
    monkeypatch.setattr("clusterlb.cli.client.ask", lambda *_: (200, odd))
    done = CliRunner().invoke(main, ["schedule", "list"])
    assert done.exit_code == 6, done.output
    assert "of version 0.0.1" in done.output
    assert "restart the controller" in done.output
