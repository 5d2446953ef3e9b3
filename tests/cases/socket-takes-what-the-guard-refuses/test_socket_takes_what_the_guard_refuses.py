"""Bodies that no command of ours sends, and connections that say nothing."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest
from fake_director import FakeDirector
from served_director import served

from clusterlb.api import intents
from clusterlb.api.idle import Idle
from clusterlb.cli.client import ask
from clusterlb.model.intent import Pause

DRAIN = {"kind": "drain", "target": "director", "value": "", "who": "ada", "reason": "disk"}


async def asked(root: Path, body):
    return await asyncio.to_thread(ask, root / "run", "POST", "/v1/intents", body=body)


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"begins": 1},
        {"begins": 0.5},
        {"begins": 4000000000 / 4},
        {"begins": "now"},
        {"begins": "soon"},
        {"value": "force"},
        {"value": "force", "begins": 1},
        {"force": 0},
        {"force": "false"},
        {"force": []},
        {"force": None},
    ],
    ids=str,
)
async def test_no_word_but_force_takes_a_drain_past_its_guard(change: dict[str, object], tmp_path: Path):
    """The only director drains: nobody else announces its VIP."""
    times = {"now": time.time(), "soon": time.time() + 30}
    body = {**DRAIN, **change}
    body["begins"] = times.get(body.get("begins"), body.get("begins"))
    async with served(FakeDirector(tmp_path)) as controller:
        code, answer = await asked(tmp_path, body)
        assert code in (409, 400), answer
        assert controller.intents.standing == []


async def test_a_drain_that_is_planned_or_forced_is_taken(tmp_path: Path):
    async with served(FakeDirector(tmp_path)) as controller:
        assert (await asked(tmp_path, {**DRAIN, "begins": time.time() + 3600}))[0] == 200
        assert [intent.force for intent in controller.intents.standing] == [False]
        assert (await asked(tmp_path, {**DRAIN, "force": True}))[0] == 200
        assert [intent.force for intent in controller.intents.standing] == [True]


@pytest.mark.parametrize(
    "target", ["vip/10.100.0.1", "pool/web", "member/web/10.2.0.101:80", "", "directors"]
)
async def test_nothing_but_the_director_is_paused(target: str, tmp_path: Path):
    async with served(FakeDirector(tmp_path)) as controller:
        code, answer = await asked(tmp_path, {**DRAIN, "kind": "pause", "target": target})
        assert (code, "there are director" in answer["error"]) == (404, True)
        assert not controller.store.paused
        assert (await asked(tmp_path, {**DRAIN, "kind": "pause", "value": "x"}))[0] == 200
        assert [type(i) for i in controller.intents.standing] == [Pause]


@pytest.mark.parametrize(
    "body",
    [
        {**DRAIN, "target": ["director"]},
        {**DRAIN, "target": None},
        {**DRAIN, "target": "x" * 100_000},
        {**DRAIN, "kind": ["drain"]},
        {**DRAIN, "kind": None},
        {**DRAIN, "kind": "pin", "target": "web/10.2.0.101:80", "value": 5},
        {"kind": "drain"},
        [],
        "x",
        5,
    ],
    ids=lambda body: str(body)[:60],
)
async def test_wrong_types_are_refused_with_a_word(body, tmp_path: Path):
    async with served(FakeDirector(tmp_path)) as controller:
        code, answer = await asked(tmp_path, body)
        assert code == 400
        assert len(answer["error"]) < 400
        assert controller.intents.standing == []


async def test_nan_and_brackets_are_refused(tmp_path: Path):
    async with served(FakeDirector(tmp_path)) as controller:
        for body in ('{"kind": "drain", "begins": NaN}', "[" * 100_000, "\ud800", "{"):
            reader, writer = await asyncio.open_unix_connection(str(tmp_path / "run" / "api.sock"))
            data = body.encode("utf-8", "surrogatepass")
            head = f"POST /v1/intents HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
            writer.write(head.encode() + data)
            assert b" 400 " in await reader.readline()
            writer.close()
        assert controller.intents.standing == []


async def eof(reader: asyncio.StreamReader) -> bytes:
    return await asyncio.wait_for(reader.read(), 20)


@pytest.mark.parametrize("sent", [b"", b"GET /v1/st", b"GET /v1/status HTTP/1.1\r\nHost: x\r\n"])
async def test_a_connection_that_never_asks_is_closed(sent: bytes, tmp_path: Path):
    async with served(FakeDirector(tmp_path), idle=lambda: Idle(limit=0.2, look_every=0.05)):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "run" / "api.sock"))
        writer.write(sent)
        await eof(reader)
        writer.close()


async def test_a_connection_that_asked_once_is_closed_too(tmp_path: Path):
    async with served(FakeDirector(tmp_path), idle=lambda: Idle(limit=0.2, look_every=0.05)):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "run" / "api.sock"))
        writer.write(b"GET /v1/plan HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"steps" in await eof(reader)
        writer.close()


async def test_half_a_body_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(intents, "BODY_LIMIT", 0.2)
    async with served(FakeDirector(tmp_path), idle=lambda: Idle(limit=0.2, look_every=0.05)):
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "run" / "api.sock"))
        writer.write(b"POST /v1/intents HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        assert b" 408 " in await eof(reader)
        writer.close()


async def test_what_takes_long_is_not_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    async with served(FakeDirector(tmp_path), idle=lambda: Idle(limit=0.1, look_every=0.02)) as controller:

        async def slow(*, force: bool) -> list[str]:
            assert not force
            await asyncio.sleep(0.6)
            return ["done"]

        monkeypatch.setattr(type(controller), "down", lambda _, **options: slow(**options))
        code, answer = await asyncio.to_thread(ask, tmp_path / "run", "POST", "/v1/down")
        assert (code, answer) == (500, {"problems": ["done"]})


def test_json_is_what_the_answers_are():
    assert json.loads(intents.answer({"a": 1}).text or "") == {"a": 1}
