"""The driver of a running FRR: read, merge, check, apply the difference, read back, persist."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic

from clusterlb.drivers.frr.conflict import obstacles_to
from clusterlb.drivers.frr.database import OSPF6_COMMANDS, OSPF_COMMANDS, parse_databases
from clusterlb.drivers.frr.delta import Delta, additions, comparable, parse_delta, script
from clusterlb.drivers.frr.merge import displaced, merge, merge_text
from clusterlb.drivers.frr.neighbors import (
    parse_neighbors,
    parse_neighbors6,
    parse_routers,
    parse_sessions_up,
)
from clusterlb.drivers.frr.parser import Parser
from clusterlb.drivers.frr.persist import Staged, stage, text_in, uses_integrated_file
from clusterlb.drivers.frr.process import run
from clusterlb.drivers.frr.refusal import not_taken, redacted, taken_back
from clusterlb.drivers.frr.text import parse, serialise, without_empty_interfaces
from clusterlb.drivers.frr.vtysh import Vtysh
from clusterlb.drivers.interface import BfdSession, DriverError, OspfNeighbor
from clusterlb.model.address import AddressFamily
from clusterlb.model.lsdb import Databases
from clusterlb.model.state import FrrLine
from clusterlb.model.vrrp import VrrpRouter

RELOAD = Path("/usr/lib/frr/frr-reload.py")

# Times the limit of one vtysh: frr-reload starts Python and two vtysh, which is slow on a busy host.
_RELOAD_PATIENCE = 6.0
# The second pass adds lines that FRR dropped together with a deleted line.
_PASSES = 2
# Seconds in which a change that FRR refused is not tried again, if neither side has changed.
_REFUSED_FOR = 30.0

_log = logging.getLogger(__name__)


class FrrDaemon:
    """FRR of this host, or of one pathspace (``vtysh -N``). Implements ``FrrDriver``.

    ``config_dir`` holds ``frr.conf`` (default ``/etc/frr``, or ``/etc/frr/PATHSPACE``); ``timeout`` is in
    seconds for each call of vtysh. One change is made at a time; reads do not wait for it.
    """

    def __init__(
        self, pathspace: str | None = None, config_dir: Path | None = None, timeout: float = 5.0
    ) -> None:
        self._vtysh = Vtysh(pathspace, config_dir, timeout)
        self._parser = Parser(self._vtysh)
        self._writing = asyncio.Lock()
        self._warned = False
        nothing: frozenset[FrrLine] = frozenset()
        self._refused = (nothing, nothing, "", 0.0)

    async def read(self) -> tuple[FrrLine, ...]:
        """Return the running configuration.

        Raises DriverError when zebra or ospfd does not run, or a daemon does not answer: the answers of the
        other daemons are not the whole configuration, and a difference from a part would be wrong.
        """
        _, lines = await self._read()
        return lines

    async def configure(self, add: Sequence[FrrLine], remove: Sequence[FrrLine]) -> tuple[FrrLine, ...]:
        """Add and remove lines, keep all others, and return the configuration that runs afterwards.

        Nothing is applied when nothing would change.

        Raises DriverError, with the old configuration running, when FRR or the disk refuses the new one, or
        foreign lines conflict with it. When a daemon rejects a line that vtysh accepted, the rest of the
        change is undone, and the same change is not tried again for half a minute.
        """
        async with self._writing:
            running_daemons, running = await self._read()
            before = running
            self._require(_daemons_for(add), running_daemons)
            obstacles = obstacles_to(running, add, remove)
            if obstacles:
                raise DriverError(f"FRR was left as it is: {'; '.join(obstacles)}.")
            target = merge(running, add, remove)
            staged = await self._stage(add, remove)
            try:
                if _significant(running) != _significant(target):
                    self._not_again(running, target)
                    running = await self._apply(running, target, add, remove)
            except BaseException as error:
                if staged:
                    staged.discard()
                if isinstance(error, OSError):
                    raise DriverError(
                        f"cannot prepare FRR's new configuration in a temporary file: {error}"
                    ) from error
                raise
            if staged:
                await asyncio.to_thread(staged.commit)
            if FrrLine((), "router ospf") in before:
                await self._warn_of_router_id(add)
            return running

    async def neighbors(self, family: AddressFamily) -> tuple[OspfNeighbor, ...]:
        """Return the neighbours of OSPFv2 or OSPFv3; DriverError when ospfd or ospf6d does not answer."""
        if family is AddressFamily.IPV6:
            command = "show ipv6 ospf6 neighbor json"
            return parse_neighbors6(await self._vtysh.show(command, daemon="ospf6d"))
        return parse_neighbors(await self._vtysh.show("show ip ospf neighbor json", daemon="ospfd"))

    async def databases(self, *, ipv6: bool) -> Databases:
        """Return the OSPF link-state databases, OSPFv3's too with ``ipv6``; DriverError without an answer."""
        ospf = await self._vtysh.show(*OSPF_COMMANDS, daemon="ospfd")
        ospf6 = await self._vtysh.show(*OSPF6_COMMANDS, daemon="ospf6d") if ipv6 else None
        return parse_databases(ospf, ospf6)

    async def bfd_up(self) -> frozenset[BfdSession]:
        """Return the BFD sessions of one hop that are up; DriverError when bfdd does not answer."""
        return parse_sessions_up(await self._vtysh.show("show bfd peers json", daemon="bfdd"))

    async def virtual_routers(self) -> tuple[VrrpRouter, ...]:
        """Return VRRP's virtual routers that have addresses; DriverError when vrrpd does not answer."""
        return parse_routers(await self._vtysh.show("show vrrp json", daemon="vrrpd"))

    async def delta(self, running: Sequence[FrrLine], target: Sequence[FrrLine]) -> Delta:
        """Return the commands with which frr-reload.py gets from one configuration to the other."""
        with TemporaryDirectory(prefix="clusterlb-frr-") as name:
            current, wanted = Path(name, "running.conf"), Path(name, "target.conf")
            for file, lines in ((current, running), (wanted, comparable(running, target))):
                # frr-reload takes an empty file for a mistake
                file.write_text(serialise(lines) or "!\n", encoding="utf-8")
            options = ["--test", "--stdout", "--log-level", "error", *self._vtysh.arguments]
            argv = [sys.executable, "-I", "-S", str(RELOAD), *options, "--input", str(current), str(wanted)]
            limit = self._vtysh.seconds * _RELOAD_PATIENCE
            try:
                finished = await run(argv, limit)
            except TimeoutError as error:
                raise DriverError(f"{RELOAD} did not end in {limit:g} s") from error
        if finished.code or "ERROR" in finished.said:
            raise DriverError(
                f"{RELOAD} (package frr-pythontools) cannot compare the two: {redacted(finished.said)}"
            )
        return parse_delta(finished.out)

    async def _read(self) -> tuple[frozenset[str], tuple[FrrLine, ...]]:
        output = await self._vtysh.show("show daemons", "show running-config no-header")
        first, _, configuration = output.partition("\n")
        daemons = frozenset(first.split())
        self._require(("zebra", "ospfd"), daemons)
        return daemons, parse(configuration)

    def _require(self, wanted: Iterable[str], running: frozenset[str]) -> None:
        missing = [daemon for daemon in wanted if daemon not in running]
        if missing:
            raise self._vtysh.not_running(missing)

    async def _stage(self, add: Sequence[FrrLine], remove: Sequence[FrrLine]) -> Staged | None:
        folder = self._vtysh.config_dir
        if uses_integrated_file(folder):
            old = await asyncio.to_thread(text_in, folder)
            entries = await self._parser.entries(old) if old.strip() else None
            text = merge_text(old, add, remove, entries)
            return await asyncio.to_thread(stage, folder, old, text)
        if not self._warned:
            _log.warning(
                "FRR does not start from %s/frr.conf (no service integrated-vtysh-config): clusterlb's lines "
                "are in the running configuration alone and come back after an FRR restart by repair",
                folder,
            )
        self._warned = True
        return None

    async def _warn_of_router_id(self, add: Iterable[FrrLine]) -> None:
        """Log a warning if ospfd keeps its old router id: it does while a neighbour is Full (ospf_vty.c)."""
        wanted = [line.text.split()[-1] for line in add if line.text.startswith("ospf router-id ")]
        if not wanted:
            return
        with contextlib.suppress(DriverError, ValueError, AttributeError):
            used = json.loads(await self._vtysh.show("show ip ospf json", daemon="ospfd")).get("routerId")
            if used not in {None, wanted[0]}:
                _log.warning(
                    "ospfd keeps router id %s while it has neighbours, and takes router id %s at its next "
                    "start. Or write `router_id: %s` for this director into the inventory",
                    used,
                    wanted[0],
                    used,
                )

    async def _apply(
        self,
        running: tuple[FrrLine, ...],
        target: tuple[FrrLine, ...],
        add: Sequence[FrrLine],
        remove: Sequence[FrrLine],
    ) -> tuple[FrrLine, ...]:
        gone = frozenset(remove) - frozenset(target)
        before = running
        said = ""
        with TemporaryDirectory(prefix="clusterlb-frr-") as name:
            folder = Path(name)
            await self._parser.judge(target, running, folder / "target.conf")
            # the usual first start only adds lines, and needs no frr-reload to find deletions
            only_adds = not gone and not displaced(running, target)
            for turn in range(_PASSES):
                quick = only_adds and turn == 0
                readable = self._parser.readable(running), self._parser.readable(target)
                delta = additions(running, target) if quick else await self.delta(*readable)
                if delta:
                    commands = folder / "delta.conf"
                    commands.write_text(script(delta), encoding="utf-8")
                    finished = await self._vtysh.apply(commands)
                    said = finished.said if finished.code else ""
                running = await self.read()
                missing = [line for line in add if line not in running]
                # an interface without lines does not count: FRR forgets it, or with vrrpd shows its name only
                unwanted = gone & _significant(running)
                left = [line for line in running if line in unwanted]
                if not missing and not left:
                    return running
            if missing:
                said = not_taken(missing, left, said, await self._take_back(before, running, folder))
                self._refused = (_significant(before), _significant(target), said, monotonic())
                raise DriverError(said)
        raise DriverError(not_taken(missing, left, said))

    def _not_again(self, running: Sequence[FrrLine], target: Sequence[FrrLine]) -> None:
        """Raise the error of a refused change without trying the change again.

        Each attempt takes effect for a moment: an interface whose network type changes loses its adjacencies.
        """
        before, refused, error, at = self._refused
        same = (before, refused) == (_significant(running), _significant(target))
        if error and same and monotonic() < at + _REFUSED_FOR:
            raise DriverError(error)

    async def _take_back(
        self, before: tuple[FrrLine, ...], running: tuple[FrrLine, ...], folder: Path
    ) -> str:
        """Restore the configuration from before a change; return a sentence that describes the result."""
        for _ in range(_PASSES):
            delta = await self.delta(self._parser.readable(running), self._parser.readable(before))
            if not delta:
                break
            commands = folder / "back.conf"
            commands.write_text(script(delta), encoding="utf-8")
            await self._vtysh.apply(commands)
            running = await self.read()
        old, new = _significant(before), _significant(running)
        return taken_back(
            [line for line in running if line in new - old], [line for line in before if line in old - new]
        )


def _daemons_for(lines: Iterable[FrrLine]) -> tuple[str, ...]:
    lines = tuple(lines)
    words = {line.context[0] if line.context else line.text for line in lines}
    words |= {line.text.partition(" ")[0] for line in lines if line.context}
    wanted = {"bfd": "bfdd", "router ospf6": "ospf6d", "vrrp": "vrrpd"}
    return tuple(daemon for word, daemon in wanted.items() if word in words)


def _significant(lines: Sequence[FrrLine]) -> frozenset[FrrLine]:
    return frozenset(without_empty_interfaces(lines))
