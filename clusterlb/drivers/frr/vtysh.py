"""vtysh as a subprocess: a time limit on every call, and errors that name the daemon at fault."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import re
from collections.abc import Sequence
from pathlib import Path

from clusterlb.drivers.frr.process import Finished, run
from clusterlb.drivers.interface import DriverError, FrrLockedError

FRR_RUN = Path("/var/run/frr")
FRR_ETC = Path("/etc/frr")

_INSTALL = "install the packages frr and frr-pythontools"
# FRR 9 and 10 lock their datastores, and fail instead of waiting, so the caller tries again. The texts are in
# lib/vty.c, lib/northbound.c, mgmtd/mgmt_fe_adapter.c and mgmtd/mgmt_ds.c of 9.0 to 10.7.
_LOCKED = re.compile(
    r"Lock already taken|could not lock|failed to lock|locked by (?:an)?other|resource is locked",
    re.IGNORECASE,
)
_LOCK_ATTEMPTS = 5
# FRR's own script always starts these daemons, whatever its file says
_ALWAYS = frozenset({"zebra", "staticd", "mgmtd"})
_PROBE_SECONDS = 1.0


class Vtysh:
    """Runs vtysh for one FRR: the host's own, or the one that ``-N PATHSPACE`` names.

    ``seconds`` is the limit of one call. When a daemon does not answer in time, the vtysh process is killed,
    and the DriverError names the daemon.
    """

    def __init__(
        self, pathspace: str | None = None, config_dir: Path | None = None, seconds: float = 5.0
    ) -> None:
        self.pathspace = pathspace
        self.config_dir = config_dir or (FRR_ETC / pathspace if pathspace else FRR_ETC)
        self.seconds = seconds
        self._run_dir = FRR_RUN / pathspace if pathspace else FRR_RUN
        self._jitter = random.SystemRandom()

    @property
    def arguments(self) -> list[str]:
        """Return the options that choose this FRR; frr-reload.py takes the same."""
        return ["-N", self.pathspace] if self.pathspace else []

    async def show(self, *commands: str, daemon: str | None = None) -> str:
        """Return the output of commands, asked of one daemon, or of all running daemons."""
        target = ["-d", daemon] if daemon else []
        asked = [word for command in commands for word in ("-c", command)]
        finished = await self._call([*target, *asked])
        if finished.code:
            raise self._refused(finished, daemon)
        return finished.out

    async def check(self, file: Path) -> Finished:
        """Parse a configuration file; no daemon is asked (exit code 2: a line is unknown)."""
        return await self._call(["-C", "-f", str(file)])

    async def apply(self, file: Path) -> Finished:
        """Run a file of configuration commands, again for about 2 s while another session holds the lock.

        Raises FrrLockedError when the lock stays.
        """
        for attempt in range(_LOCK_ATTEMPTS):
            if attempt:
                await asyncio.sleep(self._jitter.uniform(0.02, 0.1) * 2**attempt)
            said = await self._lock()
            if not said:
                finished = await self._apply(file)
                if not _LOCKED.search(finished.said):
                    return finished
                said = finished.said
        raise FrrLockedError(
            f"FRR's configuration stayed locked by another session through {_LOCK_ATTEMPTS} attempts: "
            f"{said.strip()}. FRR itself has the lock while it reads its file, at boot; else close the "
            "vtysh or management client that is in configuration mode. The change is tried again."
        )

    async def _apply(self, file: Path) -> Finished:
        try:
            return await self._call(["-f", str(file)])
        except DriverError as error:
            # vtysh may have waited for the end of a session that took the lock in between
            said = await self._lock()
            if said:
                raise FrrLockedError(f"FRR's configuration is locked by another session: {said}") from error
            raise

    async def _lock(self) -> str:
        """Return FRR's message about another session's lock on its datastores; empty without a lock.

        ``vtysh -f`` of FRR 10 waits for the lock for ever (vtysh_config.c, vtysh_read_file), while daemons
        without datastores apply their part of the file.
        """
        if not (self._run_dir / "mgmtd.vty").exists():
            return ""  # FRR 8 has no datastores
        asked = await self._call(["-d", "mgmtd", "-c", "configure terminal file-lock", "-c", "end"])
        return asked.said if _LOCKED.search(asked.said) else ""

    async def _call(self, arguments: Sequence[str]) -> Finished:
        try:
            return await run(["vtysh", *self.arguments, *arguments], self.seconds)
        except FileNotFoundError as error:
            raise DriverError(f"there is no vtysh: {_INSTALL}") from error
        except TimeoutError as error:
            raise DriverError(await self._stuck()) from error

    def _refused(self, finished: Finished, daemon: str | None) -> DriverError:
        if "failed to connect to any daemons" in finished.err:
            return self.not_running([daemon] if daemon else ["zebra", "ospfd"])
        return DriverError(f"vtysh ended with {finished.code}: {finished.said}")

    def not_running(self, daemons: Sequence[str]) -> DriverError:
        """Return the error that daemons of FRR do not run, with the reason if it can be seen, and advice."""
        instances = {name: self._instances(name) for name in daemons}
        if any(instances.values()):
            return DriverError(" ".join(_instead(name, them) for name, them in instances.items() if them))
        where = f" in pathspace {self.pathspace}" if self.pathspace else ""
        return DriverError(f"FRR's {' and '.join(daemons)} not running{where}. {self._remedy(daemons)}")

    def _instances(self, daemon: str) -> list[str]:
        """Return the numbered instances of a daemon that run; each has its own socket."""
        return sorted(path.stem for path in self._run_dir.glob(f"{daemon}-*.vty"))

    def _remedy(self, daemons: Sequence[str]) -> str:
        refused = [name for name in daemons if self._closed_to_us(name)]
        if refused:
            return f"Or this user has no access: {self._run_dir / refused[0]}.vty exists. Run this as root."
        file = self.config_dir / "daemons"
        switches = [f"{name}=yes" for name in daemons if name not in _ALWAYS]
        absent = [switch for switch in switches if not _says(file, switch)]
        if absent:
            cost = ", which restarts every protocol of this host" if self._running() else ""
            return f"Put {', '.join(absent)} into {file}, then: systemctl restart frr{cost}"
        if not self._running():
            return "Start it: systemctl start frr"
        why = f"{file} has {', '.join(switches)}, so" if switches else "Other daemons of FRR run, so"
        return f"{why} it has ended or could not start: see `journalctl -u frr` before you restart anything"

    def _running(self) -> bool:
        """Say whether FRR runs at all."""
        return any(self._run_dir.glob("*.vty"))

    def _closed_to_us(self, daemon: str) -> bool:
        socket = self._run_dir / f"{daemon}.vty"
        with contextlib.suppress(OSError):
            return socket.exists() and not os.access(socket, os.W_OK)
        return True  # not even its folder is accessible

    async def _stuck(self) -> str:
        daemons = sorted(path.stem for path in self._run_dir.glob("*.vty"))
        answers = await asyncio.gather(*(self._answers(daemon) for daemon in daemons))
        silent = [daemon for daemon, answered in zip(daemons, answers, strict=True) if not answered]
        culprit = " and ".join(silent) if silent else "vtysh, though every daemon answers alone,"
        restart = " ".join(silent) or "frr"
        return (
            f"FRR's {culprit} did not answer within {self.seconds:g} s. "
            f"Look at `ps -o pid,stat,wchan -C {restart.replace(' ', ',')}` and the log; "
            "`systemctl restart frr` restarts it."
        )

    async def _answers(self, daemon: str) -> bool:
        argv = ["vtysh", *self.arguments, "-d", daemon, "-c", "show version"]
        try:
            await run(argv, min(_PROBE_SECONDS, self.seconds))
        except TimeoutError:
            return False
        return True


def _instead(daemon: str, instances: Sequence[str]) -> str:
    router = {"ospfd": "router ospf", "ospf6d": "router ospf6"}.get(daemon, daemon)
    return (
        f"FRR runs {' and '.join(instances)}, an instance of {daemon}; clusterlb needs the process without a "
        f"number (`{router}`). Move the instance's configuration there and take `{daemon}_instances` out of "
        "/etc/frr/daemons. Do not restart FRR before: it would drop the host's routes and change nothing."
    )


def _says(file: Path, switch: str) -> bool:
    """Say whether FRR's file of daemons starts this one; False for an unreadable file."""
    name, value = switch.split("=")
    with contextlib.suppress(OSError):
        text = file.read_text(errors="replace")
        return re.search(rf"^\s*{name}=[\"']?{value}\b", text, re.MULTILINE) is not None
    return False
