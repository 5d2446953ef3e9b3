"""Files of ours that are not as we wrote them, one odd value at a time."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from fake_director import FakeDirector, announced, running
from intents import pin

from clusterlb import service
from clusterlb.controller.journal import Journal
from clusterlb.controller.ledger import Ledger, LedgerError
from clusterlb.controller.status import status

HERE = Path(__file__).parent
DEEP = "[" * 100_000
PIN = '{"set":{"kind":"pin","target":"web/10.2.0.102:80","value":"up","who":"a","reason":"b","made":1.0}}\n'


async def start(root: Path) -> list[str]:
    """Start a controller on this state; it must come up, and say what was wrong."""
    host = FakeDirector(root)
    async with running(host) as controller:
        assert announced(host)
        return list((await status(controller)).errors)


async def test_lines_that_mean_nothing_are_dropped_and_counted(tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir()
    text = (HERE / "intents.jsonl").read_text()
    (state / "intents.jsonl").write_text(f"{text}{DEEP}\n{PIN}")
    journal = Journal(state / "intents.jsonl")
    assert journal.dropped == len(text.splitlines()) + 1
    assert list(journal.intents) == [pin("web/10.2.0.102:80").name]
    assert await start(tmp_path) == []


GOOD = {"boot_id": "", "services": [], "sysctls": {}, "timeouts": {}, "frr_lines": [], "frr_displaced": []}


def record(**changes: object) -> bytes:
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return json.dumps({**GOOD, "boot_id": boot, **changes}).encode()


LEDGERS = {
    "not UTF-8": b"\377",
    "empty": b"",
    "cut off": record()[:-5],
    "zeros": bytes(4096),
    "no mapping": b"[]",
    "deep": DEEP.encode(),
    "a key is missing": b"{}",
    "services": record(services=5),
    "a service": record(services=[[2, 6, "10.100.0.1"]]),
    "a family": record(services=[[77, 6, "10.100.0.1", 80, 0]]),
    "another family": record(services=[[10, 6, "10.100.0.1", 80, 0]]),
    "a protocol": record(services=[[2, "tcp", "10.100.0.1", 80, 0]]),
    "a port": record(services=[[2, 6, "10.100.0.1", "http", 0]]),
    "a large port": record(services=[[2, 6, "10.100.0.1", 65536, 0]]),
    "an address": record(services=[[2, 6, 5, 80, 0]]),
    "a mark": record(services=[[2, 0, "", 0, -1]]),
    "a sysctl": record(sysctls={"net/ipv4/ip_forward": 0}),
    "sysctls": record(sysctls=[]),
    "a timeout": record(timeouts={"tcp": "soon"}),
    "an unknown timeout": record(timeouts={"sctp": 5}),
    "lines": record(frr_lines={"a": "b"}),
    "a line": record(frr_lines=[["router ospf"]]),
    "a context": record(frr_lines=[["router ospf", "passive-interface e0"]]),
    "a line's text": record(frr_displaced=[[["router ospf"], None]]),
}


@pytest.mark.parametrize("data", LEDGERS.values(), ids=LEDGERS)
async def test_a_ledger_that_is_no_good_is_put_aside_and_named(data: bytes, tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir()
    (state / "ledger.json").write_bytes(data)
    with pytest.raises(LedgerError, match=r"ledger\.json: is damaged"):
        Ledger(state / "ledger.json")
    (error,) = await start(tmp_path)
    assert "ledger.json: is damaged" in error
    assert str(state / "ledger.json.damaged") in error
    assert (state / "ledger.json.damaged").read_bytes() == data
    Ledger(state / "ledger.json")  # and the next one is good
    assert await start(tmp_path) == []


ODD: dict[str, Callable[[Path], object]] = {
    "a folder": lambda path: (path.mkdir(), (path / "x").touch()),
    "a FIFO": os.mkfifo,
    "a link": lambda path: path.symlink_to("/etc/hostname"),
    "a link to nowhere": lambda path: path.symlink_to("/nowhere"),
    "too large": lambda path: (path.touch(), os.truncate(path, 1 << 40)),
}


@pytest.mark.parametrize("name", ["ledger.json", "intents.jsonl"])
@pytest.mark.parametrize("make", ODD.values(), ids=ODD)
async def test_what_is_no_file_is_put_aside_and_named(make, name: str, tmp_path: Path):
    state = tmp_path / "state"
    for again in ("", "-1"):
        state.mkdir(exist_ok=True)
        (state / name).unlink(missing_ok=True)
        make(state / name)
        (error,) = await start(tmp_path)
        assert f"{name}: cannot be read" in error
        assert f"{name}.damaged{again}" in [path.name for path in state.iterdir()]


async def test_what_cannot_be_put_aside_is_named_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from clusterlb.controller import private

    def full(path):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(private, "set_aside", full)
    (tmp_path / "state" / "ledger.json").mkdir(parents=True)
    (tmp_path / "state" / "intents.jsonl").mkdir()
    controller = FakeDirector(tmp_path).controller()
    assert len(controller.broken) == 2
    assert all("Read-only file system" in problem for problem in controller.broken)


def test_down_does_not_pretend(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(service, "_require_root", lambda: None)
    state = tmp_path / "state"
    state.mkdir()
    (state / "ledger.json").write_bytes(b"\377")
    with pytest.raises(service.StartError, match=r"is damaged .*Moved away"):
        service.take_down(state, None)
    assert (state / "ledger.json").exists()
