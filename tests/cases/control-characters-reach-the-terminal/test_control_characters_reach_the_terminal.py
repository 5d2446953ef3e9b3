"""Texts of others, on their way to a terminal."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner
from fake_director import FakeDirector
from intents import pin
from rich.console import Console
from rich.progress import Progress
from served_director import served

from clusterlb.cli import client
from clusterlb.cli.client import ask, readable
from clusterlb.cli.main import main
from clusterlb.cli.watch import columns
from clusterlb.controller.journal import Journal
from clusterlb.controller.store.events import Troubles
from clusterlb.service import configure_logging

EVIL = ["\x1b[2J", "\a", "\r", "\n", "\x7f", "\x9b2J", "\u202e", "\u2066", "\u2028", "\u061c", "\0", "\t"]
TARGET = "web/10.2.0.101:80"


def clean(text: str) -> bool:
    return all(character.isprintable() or character in "\n\t" for character in text)


async def test_a_reason_is_one_line_that_can_be_printed(tmp_path: Path):
    wish = {"kind": "pin", "target": TARGET, "value": "down", "who": "ada", "reason": "disk"}
    run_dir = tmp_path / "run"
    async with served(FakeDirector(tmp_path)) as controller:
        for key in ("reason", "who"):
            for text in [*(f"a{evil}b" for evil in EVIL), "", " ", "x" * 201, 5, None, ["x"]]:
                code, answer = await asyncio.to_thread(
                    ask, run_dir, "POST", "/v1/intents", body={**wish, key: text}
                )
                assert (code, key in answer["error"]) == (400, True), text
        assert controller.intents.standing == []
        good = "Platte getauscht, [/x] \N{HAMMER} 日本"
        code, _ = await asyncio.to_thread(
            ask, run_dir, "POST", "/v1/intents", body={**wish, "reason": good, "target": TARGET}
        )
        assert code == 200
        assert [intent.reason for intent in controller.intents.standing] == [good]


@pytest.mark.parametrize("words", [["status"], ["schedule", "list"], ["status", "-o", "json"]], ids=" ".join)
async def test_what_an_older_version_took_in_is_shown_without(words: list[str], tmp_path: Path):
    """A reason that is recorded already, an error of FRR's, a member's last words."""
    reason = f"evil{''.join(EVIL)}FAKE LINE"
    (tmp_path / "state").mkdir()
    Journal(tmp_path / "state" / "intents.jsonl").set(
        pin(TARGET, who=f"ada{reason}", reason=reason, made=1.0)
    )
    async with served(FakeDirector(tmp_path)) as controller:
        controller.store.handle(Troubles((reason,)))
        controller.reloader.error = f"two\nlines{reason}"
        done = await asyncio.to_thread(CliRunner().invoke, main, [*words, "--run-dir", str(tmp_path / "run")])
    assert done.exit_code in (0, 5)
    assert clean(done.output), ascii(done.output)
    if words == ["schedule", "list"]:
        assert len(done.output.splitlines()) == 1
    elif words == ["status"]:
        (line,) = [line for line in done.output.splitlines() if line.startswith("pin down")]
        assert "FAKE" in line
        assert not any(line.startswith("FAKE") and "ada" in line for line in done.output.splitlines())
    else:
        assert json.loads(done.output)["director"] == "d1"


async def test_an_error_of_the_controllers_is_shown_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    async with served(FakeDirector(tmp_path)):
        done = await asyncio.to_thread(
            CliRunner().invoke,
            main,
            ["pin", "web/10.2.0.9\x1b[2J:80", "down", "--reason", "x", "--run-dir", str(tmp_path / "run")],
        )
    assert done.exit_code == 1
    assert clean(done.output), ascii(done.output)


@pytest.mark.parametrize("terminal", [True, False])
def test_the_log_is_without_too(terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    before = structlog.get_config()
    try:
        configure_logging()
        structlog.get_logger().error("step failed", error=f"a{''.join(EVIL)}b", number=5)
        logging.getLogger("other").warning("a\x1b[2J\r%s", "b\u202e")
    finally:
        root.handlers = handlers
        structlog.configure(**before)
    text = capsys.readouterr().err
    assert "\x1b[2J" not in text
    assert not set("\a\r\x7f\x9b\u202e\u2066\u2028\u061c\0") & set(text)
    assert text.count("\N{REPLACEMENT CHARACTER}") == 10 + 3


def test_a_bar_takes_brackets_as_they_are():
    console = Console(force_terminal=True, width=80)
    with console.capture() as drawn, Progress(*columns(), console=console) as bar:
        bar.add_task("[/x] [red]director[/red]", total=1)
    assert "[/x] [red]director[/red]" in drawn.get()


def test_every_answer_is_read_in_one_place():
    assert readable({"a\x1b": ["b\r", {"c": "d\ne"}, 5, None, True]}) == {
        "a\N{REPLACEMENT CHARACTER}": ["b\N{REPLACEMENT CHARACTER}", {"c": "d\ne"}, 5, None, True]
    }
    assert client.readable is readable
    assert issubclass(client.UnreachableError, click.ClickException)
