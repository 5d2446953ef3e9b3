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
    """A process's exit code and its output."""

    code: int
    out: str
    err: str

    @property
    def said(self) -> str:
        """Return standard error and standard output as one text."""
        return "\n".join(part for part in (self.err.strip(), self.out.strip()) if part)


async def run(argv: Sequence[str], seconds: float) -> Finished:
    """Run a program without a shell and return how it ended.

    Raises TimeoutError after ``seconds``, and FileNotFoundError when there is no such program. After every
    return, by cancellation too, neither the program nor a child of it still runs.
    """
    # Memory files instead of pipes: a grandchild may hold a pipe open, and asyncio waits for ever for a pipe
    # whose connection was cancelled half-way, as closing the loop does (CPython 3.11, base_subprocess.py).
    with _memory_file() as out, _memory_file() as err:
        process = await asyncio.create_subprocess_exec(
            *argv,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            # with VTYSH_PAGER set, the output would go to the pager
            env={key: value for key, value in os.environ.items() if key != "VTYSH_PAGER"} | {"LC_ALL": "C"},
            start_new_session=True,
        )
        try:
            code = await asyncio.wait_for(process.wait(), seconds)
        finally:
            if process.returncode is None:
                # the process leads a session, so its process group is the process and its children
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        return Finished(code, _text(out), _text(err))


def _memory_file() -> BinaryIO:
    return os.fdopen(os.memfd_create("clusterlb", os.MFD_CLOEXEC), "w+b")


def _text(file: BinaryIO) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")
