"""One child process with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO


@dataclass(frozen=True, slots=True)
class Finished:
    """How a process ended and what it said."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Return what it printed on both outputs, in one piece."""
        return "\n".join(part for part in (self.err.strip(), self.out.strip()) if part)


async def run(argv: Sequence[str], seconds: float) -> Finished:
    """Run a program without a shell and return how it ended.

    Raises TimeoutError after ``seconds`` and FileNotFoundError when there is no such program. However this
    returns, cancelled included, neither the program nor a child of its own is left behind.
    """
    # Files in memory, not pipes: a grandchild cannot hold them open, and asyncio waits for ever for pipes
    # whose connection was cancelled half-way, as closing the loop does (CPython 3.11, base_subprocess.py).
    with _memory_file() as out, _memory_file() as err:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            # an operator's VTYSH_PAGER would get what we want to read
            env={key: value for key, value in os.environ.items() if key != "VTYSH_PAGER"} | {"LC_ALL": "C"},
            start_new_session=True,
        )
        try:
            code = await asyncio.wait_for(process.wait(), seconds)
        finally:
            if process.returncode is None:
                # the session is the process's own, so its group is it and its children
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Finished(code, _text(out), _text(err))


def _memory_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("clusterlb", os.MFD_CLOEXEC), "w+b")


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
