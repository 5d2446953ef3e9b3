"""FRR in a namespace: its daemons, with a pathspace of the namespace's name."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from clusterlb.lab.netns import LabError, execute, run
from clusterlb.lab.spec import LabSpec, Timers
from clusterlb.lab.topology import DirectorHost, Topology

_DAEMONS = ("zebra", "ospfd", "bfdd")
_PROGRAMS = Path("/usr/lib/frr")
_ETC = Path("/etc/frr")
_RUN = Path("/var/run/frr")
_START_SECONDS = 60.0
_TUNING = ("timers ", "ip ospf retransmit-interval ", "ipv6 ospf6 retransmit-interval ")
_FILTERS = ("ip protocol ", "ipv6 protocol ")
_NICE = -10  # hellos and BFD packets have their time; Debian's frr.service has -5, for a host with more room


@dataclass(slots=True)
class Frr:
    """One FRR. ``name`` is its namespace and its pathspace; daemons are children of this process.

    ``ospf6``: it speaks OSPFv3 too, by a daemon that every other lab can do without.
    """

    name: str
    logs: Path
    ospf6: bool = False
    pids: dict[str, int] = field(default_factory=dict)

    @property
    def daemons(self) -> tuple[str, ...]:
        """Return the names of its daemons, in the order in which they start; FRR 9 and later have mgmtd."""
        first = ("mgmtd",) if (_PROGRAMS / "mgmtd").exists() else ()
        return (*first, *_DAEMONS, *(("ospf6d",) if self.ospf6 else ()))

    def prepare(self, config: str) -> None:
        """Write the configuration that the first start reads."""
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
        for daemon in self.daemons:
            for left in (_RUN / self.name).glob(f"{daemon}.*"):
                left.unlink()
            log = self.logs / f"{self.name}-{daemon}.log"
            argv = [str(_PROGRAMS / daemon), "-N", self.name, "-A", "127.0.0.1", "--log", f"file:{log}"]
            log.touch()
            shutil.chown(log, "frr", "frr")
            pid = self.pids[daemon] = execute(self.name, argv, self.logs / f"{self.name}-frr.log")
            os.setpriority(os.PRIO_PROCESS, pid, _NICE)

    def configure(self) -> None:
        """Have the running daemons read frr.conf, as Debian's start script does; raise LabError."""
        deadline = time.monotonic() + _START_SECONDS
        sockets = [_RUN / self.name / f"{daemon}.vty" for daemon in self.daemons]
        while not all(path.exists() for path in sockets):
            if time.monotonic() > deadline:
                late = ", ".join(path.stem for path in sockets if not path.exists())
                raise LabError(f"FRR's {late} in {self.name} did not start within {_START_SECONDS:g} s")
            time.sleep(0.02)
        run(["vtysh", "-N", self.name, "-b"])

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
    """Return the access switch's FRR configuration from what `clusterlb generate switch` gives for the lab.

    With default timers it is that of a switch that nobody tuned.
    """
    lines = ["hostname switch", "log syslog errors", *generated.splitlines()]
    if spec.switch.timers is Timers.DEFAULT:
        lines = [line for line in lines if not line.lstrip().startswith(_TUNING)]
    return "\n".join([*lines, ""])


def core_config(generated: str) -> str:
    """Return the core router's configuration: that of a switch which takes every route it is told."""
    lines = [line for line in generated.splitlines() if not line.startswith(_FILTERS)]
    return "\n".join(["hostname core", "log syslog errors", *lines, ""])


def director_config(director: DirectorHost) -> str:
    """Return what an operator's FRR holds before clusterlb comes: lines that are not clusterlb's."""
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


def baseline_config(spec: LabSpec, lab: Topology, director: DirectorHost) -> str:
    """Return what write-ups have: the VIPs are on lo, and OSPF's network statements announce them."""
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


def baseline_announce(lab: Topology, name: str, announced: bool) -> None:
    """Announce or withdraw a baseline director's VIPs; the addresses stay where they are."""
    word = "" if announced else "no "
    commands = ["configure terminal", "router ospf", *(f"{word}network {vip}/32 area 0" for vip in lab.vips)]
    run(["vtysh", "-N", name, "-d", "ospfd", *(part for command in commands for part in ("-c", command))])
