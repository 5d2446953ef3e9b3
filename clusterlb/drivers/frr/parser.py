"""FRR's own parser, asked before a change: is every line one that this FRR knows?"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from clusterlb.drivers.frr.process import Finished
from clusterlb.drivers.frr.reading import probed, understood
from clusterlb.drivers.frr.refusal import refusals, rejection, unreadable
from clusterlb.drivers.frr.text import Entry, serialise
from clusterlb.drivers.frr.vtysh import Vtysh
from clusterlb.drivers.interface import DriverError
from clusterlb.model.state import FrrLine

_log = logging.getLogger(__name__)


class Parser:
    """Asks ``vtysh -C``; remembers foreign lines that FRR prints and cannot read, as ``hostname (none)``.

    Such a line stays where it is and keeps none of ours out; a warning names it once.
    """

    def __init__(self, vtysh: Vtysh) -> None:
        self._vtysh = vtysh
        self._unreadable: set[FrrLine] = set()

    async def judge(self, target: Sequence[FrrLine], running: Sequence[FrrLine], file: Path) -> None:
        """Raise DriverError when FRR's parser refuses a line of ``target`` that does not run already.

        ``file`` is where the lines are written for vtysh.
        """
        text = serialise(self.readable(target))
        checked = await self._ask(text, file)
        if checked.code:
            await self._blame(self.readable(running), file)
            text = serialise(self.readable(target))
            checked = await self._ask(text, file)
        if checked.code:
            raise DriverError(rejection(refusals(checked.said, text), checked.said))

    async def entries(self, text: str) -> list[Entry] | None:
        """Return the entries of a configuration file as FRR reads it; None where its parser does not tell."""
        with TemporaryDirectory(prefix="clusterlb-frr-") as folder:
            return understood(text, (await self._ask(probed(text), Path(folder, "probed.conf"))).said)

    def readable(self, lines: Sequence[FrrLine]) -> list[FrrLine]:
        """Leave out what FRR cannot read, so far as that is known."""
        return [line for line in lines if not self._is_known(line)]

    def _is_known(self, line: FrrLine) -> bool:
        """Say whether a line, or the header of one of its contexts, is one that FRR cannot read."""
        headers = (FrrLine(line.context[:depth], text) for depth, text in enumerate(line.context))
        return line in self._unreadable or any(header in self._unreadable for header in headers)

    async def _blame(self, lines: Sequence[FrrLine], file: Path) -> None:
        """Find the refused lines among those that run, by halves: vtysh does not name every one by number."""
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
