"""FRR's own parser, which checks every line before a change."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from clusterlb.drivers.frr.process import Finished
from clusterlb.drivers.frr.reading import probed, understood
from clusterlb.drivers.frr.refusal import refusals, rejection, unreadable
from clusterlb.drivers.frr.text import ConfigEntry, serialise
from clusterlb.drivers.frr.vtysh import Vtysh
from clusterlb.drivers.interface import DriverError
from clusterlb.model.state import FrrLine

_log = logging.getLogger(__name__)


class Parser:
    """Runs ``vtysh -C``; remembers foreign lines that FRR prints but cannot parse, as ``hostname (none)``.

    Such a line stays in the configuration and is left out of checks; a warning names it once.
    """

    def __init__(self, vtysh: Vtysh) -> None:
        self._vtysh = vtysh
        self._unreadable: set[FrrLine] = set()

    async def judge(self, target: Sequence[FrrLine], running: Sequence[FrrLine], file: Path) -> None:
        """Raise DriverError when FRR's parser refuses a line of ``target`` that does not run already.

        The lines are written to ``file`` for vtysh.
        """
        text = serialise(self.readable(target))
        checked = await self._ask(text, file)
        if checked.code:
            await self._blame(self.readable(running), file)
            text = serialise(self.readable(target))
            checked = await self._ask(text, file)
        if checked.code:
            raise DriverError(rejection(refusals(checked.said, text), checked.said))

    async def entries(self, text: str) -> list[ConfigEntry] | None:
        """Return the entries of a configuration file as FRR parses it; None if vtysh does not tell."""
        with TemporaryDirectory(prefix="clusterlb-frr-") as folder:
            return understood(text, (await self._ask(probed(text), Path(folder, "probed.conf"))).said)

    def readable(self, lines: Sequence[FrrLine]) -> list[FrrLine]:
        """Leave out the lines that FRR is known not to parse."""
        return [line for line in lines if not self._is_unreadable(line)]

    def _is_unreadable(self, line: FrrLine) -> bool:
        """Say whether FRR cannot parse a line, or the header of one of its contexts."""
        headers = (FrrLine(line.context[:depth], text) for depth, text in enumerate(line.context))
        return line in self._unreadable or any(header in self._unreadable for header in headers)

    async def _blame(self, lines: Sequence[FrrLine], file: Path) -> None:
        """Find the refused running lines by bisection: vtysh does not number every refused line."""
        lines = self.readable(lines)
        if not lines or not (await self._ask(serialise(lines), file)).code:
            return
        if len(lines) == 1:
            _log.warning("%s", unreadable(lines[0]))
            self._unreadable.add(lines[0])
            return
        middle = len(lines) // 2
        await self._blame(lines[:middle], file)
        await self._blame(lines[middle:], file)

    async def _ask(self, text: str, file: Path) -> Finished:
        await asyncio.to_thread(file.write_bytes, text.encode(errors="surrogateescape"))
        return await self._vtysh.check(file)
