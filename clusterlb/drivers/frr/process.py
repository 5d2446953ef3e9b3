"""One child process with a time limit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass


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
    process = await asyncio.create_subprocess_exec(
        *argv,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # an operator's VTYSH_PAGER would get what we want to read
        env={key: value for key, value in os.environ.items() if key != "VTYSH_PAGER"} | {"LC_ALL": "C", "VTYSH_PAGER": ""},
        start_new_session=True,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), seconds)
    finally:
        if process.returncode is None:
            # the session is the process's own, so its group is it and its children
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return Finished(process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace"))
