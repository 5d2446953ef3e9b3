"""FRR in a namespace: its daemons, with the namespace's name as pathspace."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from clusterlb.lab.netns import LabError, execute, run
from clusterlb.lab.spec import LabSpec, OspfTimers
from clusterlb.lab.topology import DirectorHost, LabTopology
from clusterlb.model.inventory import Inventory

_DAEMONS = ("zebra", "ospfd", "bfdd")
_FIRST = ("mgmtd", "zebra")
_PROGRAMS = Path("/usr/lib/frr")
_ETC = Path("/etc/frr")
_RUN = Path("/var/run/frr")
_START_SECONDS = 60.0
_TUNING = ("timers ", "ip ospf retransmit-interval ", "ipv6 ospf6 retransmit-interval ")
_FILTERS = ("ip protocol ", "ipv6 protocol ")
_NICE = -10  # so that hellos and BFD packets are in time; Debian's frr.service has -5


@dataclass(slots=True)
class Frr:
    """One FRR. ``name`` is its namespace and its pathspace; daemons are children of this process.

    ``ospf6``: run ospf6d too, for OSPFv3.
    """

    name: str
    logs: Path
    ospf6: bool = False
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def daemons(self) -> tuple[str, ...]:
        """Return the names of the daemons, in the order in which they start; FRR 9 and later have mgmtd."""
        first = ("mgmtd",) if (_PROGRAMS / "mgmtd").exists() else ()
        return (*first, *_DAEMONS, *(("ospf6d",) if self.ospf6 else ()))

    def prepare(self, config: str) -> None:
        """Write the configuration files for the first start."""
        for folder in (_ETC / self.name, _RUN / self.name):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            shutil.chown(folder, "frr", "frr")
        for name, text in (("frr.conf", config), ("vtysh.conf", "service integrated-vtysh-config\n")):
            file = _ETC / self.name / name
            file.write_text(text, encoding="ascii")
            shutil.chown(file, "frr", "frr")
            file.chmod(0o640)

    def start(self) -> None:
        """Start the daemons; they are not configured yet."""
        self.start_zebra()
        self.start_others()

    def start_zebra(self) -> None:
        """Start the daemon that the others connect to."""
        for left in (_RUN / self.name).iterdir():
            if not left.is_dir():
                left.unlink()
        self._start([daemon for daemon in self.daemons if daemon in _FIRST])

    def start_others(self) -> None:
        """Start the other daemons once zebra listens: one that connects too early waits 10 s.

        (``lib/zclient.c``, ZCLIENT_CONNECT.) Debian's start script waits for each daemon too.
        """
        self._await("zserv.api")
        self._start([daemon for daemon in self.daemons if daemon not in _FIRST])

    def configure(self) -> None:
        """Have the running daemons read frr.conf, as Debian's start script does; raise LabError."""
        self._await(*(f"{daemon}.vty" for daemon in self.daemons))
        run(["vtysh", "-N", self.name, "-b"])

    def _start(self, daemons: Sequence[str]) -> None:
        for daemon in daemons:
            log = self.logs / f"{self.name}-{daemon}.log"
            argv = [str(_PROGRAMS / daemon), "-N", self.name, "-A", "127.0.0.1", "--log", f"file:{log}"]
            log.touch()
            shutil.chown(log, "frr", "frr")
            pid = self.pids[daemon] = execute(self.name, argv, self.logs / f"{self.name}-frr.log")
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)

    def _await(self, *sockets: str) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while late := [name for name in sockets if not (_RUN / self.name / name).exists()]:
            if time.monotonic() > deadline:
                raise LabError(
                    f"FRR in {self.name} did not start within {_START_SECONDS:g} s: no {', '.join(late)} in "
                    f"{_RUN / self.name}; see {self.logs / self.name}-*.log"
                )
            time.sleep(0.02)

    def kill(self) -> None:
        """SIGKILL every daemon, as a crash would."""
        for pid in self.pids.values():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid in self.pids.values():
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, 0)
        self.pids.clear()

    def discard(self) -> None:
        """Remove its files."""
        for folder in (_ETC / self.name, _RUN / self.name):
            shutil.rmtree(folder, ignore_errors=True)


def switch_config(spec: LabSpec, generated: str) -> str:
    """Return the access switch's FRR configuration, made from the output of `clusterlb generate switch`.

    With default timers, without the generated timers.
    """
    lines = ["hostname switch", "log syslog errors", *generated.splitlines()]
    if spec.switch.timers is OspfTimers.DEFAULT:
        lines = [line for line in lines if not line.lstrip().startswith(_TUNING)]
    return "\n".join([*lines, ""])


def core_config(generated: str) -> str:
    """Return the core router's configuration: a switch's, without the filters on routes."""
    lines = [line for line in generated.splitlines() if not line.startswith(_FILTERS)]
    return "\n".join(["hostname core", "log syslog errors", *lines, ""])


def director_config(director: DirectorHost) -> str:
    """Return an operator's FRR configuration without clusterlb's lines."""
    lines = [
        f"hostname {director.name}",
        "log syslog errors",
        "interface e0",
        " description uplink to the access switch",
        "exit",
        "interface e1",
        " description real servers",
        "exit",
        "ip prefix-list operators-own seq 5 permit 192.0.2.0/24",
        "",
    ]
    return "\n".join(lines)


def baseline_config(spec: LabSpec, lab: LabTopology, director: DirectorHost) -> str:
    """Return the configuration of articles on LVS: VIPs on lo, announced by OSPF's network statements."""
    lines = [
        f"hostname {director.name}",
        "log syslog errors",
        "router ospf",
        f" ospf router-id {director.router_id}",
        "exit",
        "bfd",
        " profile switch",
        f"  transmit-interval {round(spec.bfd.interval * 1000)}",
        f"  receive-interval {round(spec.bfd.interval * 1000)}",
        f"  detect-multiplier {spec.bfd.multiplier}",
        " exit",
        "exit",
        "interface e0",
        " ip ospf network point-to-multipoint",
        " ip ospf hello-interval 1",
        " ip ospf dead-interval 3",
        " ip ospf retransmit-interval 1",
        " ip ospf bfd",
        " ip ospf bfd profile switch",
        "exit",
        "router ospf",
        " timers throttle spf 0 50 500",
        " timers throttle lsa all 0",
        " timers lsa min-arrival 0",
        " passive-interface lo",
        " network 10.1.0.0/24 area 0.0.0.0",
        *(f" network {vip}/32 area 0.0.0.0" for vip in lab.vips),
        "exit",
        "",
    ]
    return "\n".join(lines)


def baseline_announce(lab: LabTopology, name: str, announced: bool) -> None:
    """Announce or withdraw a baseline director's VIPs; the addresses stay where they are."""
    word = "" if announced else "no "
    commands = ["configure terminal", "router ospf", *(f"{word}network {vip}/32 area 0" for vip in lab.vips)]
    run(["vtysh", "-N", name, "-d", "ospfd", *(part for command in commands for part in ("-c", command))])


def router_config(inventory: Inventory, port: str, router_id: str) -> str:
    """Return the generated configuration of a router beside the directors; ``port``: towards them."""
    from clusterlb.render.switch import System, facts_of, render_switch
    from clusterlb.render.templates import RenderError

    try:
        return render_switch(facts_of(inventory, (port,), router_id), System.FRR)
    except RenderError as error:
        raise LabError(str(error)) from error


def configured_director(inventory: Inventory, director: DirectorHost, state: Path) -> str:
    """Return frr.conf with clusterlb's lines, and record these lines in the ledger in ``state``.

    The lab's directors start like restarted ones: FRR's first configuration is complete.
    """
    from clusterlb.controller.configured import configured
    from clusterlb.controller.ledger import Ledger
    from clusterlb.service import frr_lines

    ours = frr_lines(inventory, inventory.directors[director.name])
    return configured(director_config(director), ours, Ledger(state / "ledger.json"))
