"""Every command as an operator types it and sees its answer: tests/cli/transcripts, `--update` rewrites them.

Those in ``alone`` have no controller, those in ``served`` a running one on fakes of the kernel and of FRR.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from fake_director import FakeDirector, idle
from served_director import served
from transcript import INVENTORY, Terminal, commands, play

from clusterlb.cli.client import ask
from clusterlb.cli.main import main
from clusterlb.config.load import load

TRANSCRIPTS = Path(__file__).parent / "transcripts"
ALONE, SERVED = (sorted((TRANSCRIPTS / place).glob("*.txt")) for place in ("alone", "served"))
NEED_ROOT = {"check-now", "lab-run", "lab-shell", "up"}
Golden = Callable[[Path, str], None]

pytestmark = pytest.mark.behaviour


def _workplace(tmp_path: Path) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "inventory.yaml").write_text(INVENTORY)
    return folder


@pytest.mark.parametrize("path", ALONE, ids=lambda path: path.stem)
async def test_without_a_controller(path: Path, tmp_path: Path, golden: Golden) -> None:
    if path.stem in NEED_ROOT and os.geteuid() != 0:
        pytest.skip("this command needs root")
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ports = {str(listening.getsockname()[1]): "LISTENING", str(closed.getsockname()[1]): "CLOSED"}
        terminal = Terminal(_workplace(tmp_path), tmp_path / "run", ports)

        async def nothing(event: str) -> None:
            raise AssertionError(f"nothing happens here: {event}")

        golden(path, await play(await asyncio.to_thread(path.read_text), terminal, nothing))


@pytest.mark.parametrize("path", SERVED, ids=lambda path: path.stem)
async def test_with_a_controller(path: Path, tmp_path: Path, golden: Golden) -> None:
    folder = _workplace(tmp_path)
    cluster, _ = load(folder / "inventory.yaml")
    host = FakeDirector(folder, cluster)
    async with served(host) as controller:
        assert host.engine is not None
        engine = host.engine
        terminal = Terminal(folder, host.root / "run")

        async def happens(event: str) -> None:
            what, _, kind = event.rpartition(" ")
            assert kind in {"fails", "recovers", "settled"}
            if kind == "fails":
                engine.down.add(what)
                await _verdict(host, what, "down")
            elif kind == "recovers":
                engine.down.discard(what)
                await _verdict(host, what, "up")
            await idle(controller)

        golden(path, await play(await asyncio.to_thread(path.read_text), terminal, happens))


async def _verdict(host: FakeDirector, member: str, verdict: str) -> None:
    """Wait until status shows a member with this verdict in every service."""
    for _ in range(600):
        _, status = await asyncio.to_thread(ask, host.root / "run", "GET", "/v1/status")
        rows = [row for vip in status["vips"] for service in vip["services"] for row in service["members"]]
        if {row["verdict"] for row in rows if row["member"] == member} == {verdict}:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"{member} has not become {verdict}")


def _tree(group: click.Group, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the name of every command that does something, with its groups'."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from _tree(command, (*before, name))
        else:
            yield (*before, name)


COMMANDS = list(_tree(main))
TYPED = [
    tuple(words[1:])
    for path in (*ALONE, *SERVED)
    for line in commands(path.read_text())
    if (words := shlex.split(line))[0] == "clusterlb"
]


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_a_transcript(command: tuple[str, ...]) -> None:
    """It explains itself in one, and does its work, or refuses to, in one."""
    typed = [words[len(command) :] for words in TYPED if words[: len(command)] == command]
    assert ("--help",) in typed
    assert [words for words in typed if words != ("--help",)]


def test_every_transcript_is_of_a_command() -> None:
    """A file has the name of the command that it is about."""
    known = {"-".join(command) for command in COMMANDS} | {"clusterlb"}
    assert {path.stem for path in (*ALONE, *SERVED)} <= known
