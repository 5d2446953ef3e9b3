"""Transcripts: what an operator types, and what the terminal shows, in one text that can be run again.

::

    $ clusterlb pin web/10.2.0.101:80 down --reason disk
    web/10.2.0.101:80 is pinned down; take it back with: clusterlb unpin web/10.2.0.101:80
    [exit 0]

A line that begins with ``$`` is typed into a shell, one that begins with ``-`` happens elsewhere, as
``- 10.2.0.101:80 fails``; the lines before the first of both say what the transcript is about. All others are
what came of it.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

TYPED, HAPPENS = "$ ", "- "
INVENTORY = """\
cluster: {name: edge, vip_prefixes: [10.100.0.0/24]}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
pools:
  web:
    members:
    - {address: 10.2.0.101, port: 80}
    - {address: 10.2.0.102, port: 80}
    - {address: 10.2.0.103, port: 80}
    check: {type: tcp, interval: 2s, timeout: 1s, rise: 1, fall: 1}
vips:
  10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}
  10.100.0.2: {services: [{protocol: tcp, port: 80, pool: web}]}
"""
# what no two runs have in common, and what stands for it
_VARIES = [
    (re.compile(r" *\d+\.\d ms"), " N.N ms"),
    (re.compile(r"\d:\d\d:\d\d$", re.MULTILINE), "0:00:00"),
    (re.compile(r"\b202\d-\d\d-\d\d \d\d:\d\d UTC"), "NOW"),
]


def commands(text: str) -> list[str]:
    """Return the command lines of a transcript."""
    return [line.removeprefix(TYPED) for line in text.splitlines() if line.startswith(TYPED)]


class Terminal:
    """A shell in a folder, where ``clusterlb`` is this checkout's, and the operator is ada.

    ``words`` stand in the transcript for what differs from run to run, as a port.
    """

    def __init__(self, folder: Path, run_dir: Path, words: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.words = dict(words or {})
        programs = folder.parent / "programs"
        programs.mkdir()
        script = programs / "clusterlb"
        script.write_text(
            f"#!{sys.executable}\nfrom clusterlb.cli.main import main\nmain(prog_name='clusterlb')\n"
        )
        script.chmod(0o755)
        self.environment = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "PYTHONWARNINGS": "error",
            "HOME": str(folder),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "100",
            "SUDO_USER": "ada",
            "CLUSTERLB_INVENTORY": "inventory.yaml",
            "CLUSTERLB_RUN_DIR": str(run_dir),
            "CLUSTERLB_STATE_DIR": "state",
        }
        if "PYTHONPYCACHEPREFIX" in os.environ:
            self.environment["PYTHONPYCACHEPREFIX"] = os.environ["PYTHONPYCACHEPREFIX"]
        self.words |= {str(run_dir): "/run/clusterlb", str(folder): "/here"}

    async def type(self, line: str) -> str:
        """Run a command line; return what it prints, in the order in which it does, and how it ends."""
        for real, word in self.words.items():
            line = line.replace(word, real)
        process = await asyncio.create_subprocess_exec(
            "sh",
            "-c",
            line,
            cwd=self.folder,
            env=self.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        printed, _ = await process.communicate()
        text = printed.decode()
        for real, word in self.words.items():
            text = text.replace(real, word)
        for pattern, instead in _VARIES:
            text = pattern.sub(instead, text)
        lines = [line.rstrip() for line in text.splitlines()]
        # a line of its own must not look as if it were typed, or happened
        assert not [line for line in lines if line.startswith((TYPED, HAPPENS))]
        return "".join(f"{line}\n" for line in [*lines, f"[exit {process.returncode}]"])


async def play(text: str, terminal: Terminal, happens: Callable[[str], Awaitable[None]]) -> str:
    """Run a transcript again, and return it as it is now; ``happens`` does what its ``-`` lines say."""
    lines = text.splitlines()
    begins = next(number for number, line in enumerate(lines) if line.startswith((TYPED, HAPPENS)))
    played = [f"{line}\n" for line in lines[:begins]]
    for line in lines[begins:]:
        if line.startswith(TYPED):
            answer = await terminal.type(line.removeprefix(TYPED).strip())
            played.append(f"{line}\n{answer}\n")
        elif line.startswith(HAPPENS):
            await happens(line.removeprefix(HAPPENS).strip())
            played.append(f"{line}\n")
    return "".join(played).rstrip("\n") + "\n"
