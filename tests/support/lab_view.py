"""What tests ask of a running lab: the switch's next hops, and everything on a director."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from clusterlb.lab.control import LabControl
from clusterlb.lab.topology import SWITCH


def sh(*argv: str) -> str:
    """Run a command and return what it printed."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stdout}{done.stderr}"
    return done.stdout


def inside(namespace: str, *argv: str) -> str:
    """Run a command in a namespace."""
    return sh("ip", "netns", "exec", namespace, *argv)


def eventually(condition: Callable[[], Any], seconds: float, what: str, step: float = 0.3) -> float:
    """Wait until a condition holds and return how long that took; fail, saying what did not come."""
    began = time.monotonic()
    while True:
        value = condition()
        waited = time.monotonic() - began
        if value:
            return waited
        assert waited < seconds, f"{what}: not within {seconds} s"
        time.sleep(step)


class LabView:
    """The lab that this test runs in."""

    def __init__(self) -> None:
        self.control = LabControl.from_environment()
        described = self.control.description
        self.vips: list[str] = described["vips"]
        self.directors: dict[str, Any] = described["directors"]
        self.servers: dict[str, Any] = described["servers"]
        self.inventory = Path(described["inventory"])

    def next_hops(self, vip: str) -> list[str]:
        """Return the switch's next hops of a VIP, by director's name, from its kernel."""
        family = "-6" if ":" in vip else "-4"
        routes = json.loads(sh("ip", "-n", SWITCH, "-j", family, "route", "show", vip) or "[]")
        hops = {hop["gateway"] for route in routes for hop in route.get("nexthops", [route])}
        return [name for name, director in self.directors.items() if hops & set(director["next_hops"])]

    def all_next_hops(self) -> bool:
        """Say whether every director is a next hop of every VIP."""
        return all(self.next_hops(vip) == list(self.directors) for vip in self.vips)

    def table(self, director: str) -> str:
        """Return a director's IPVS table as ipvsadm saves it; members are in the kernel's order."""
        return inside(director, "ipvsadm", "-Sn")

    def weights(self, director: str) -> dict[str, dict[str, int]]:
        """Return the weight of each member, by service."""
        found: dict[str, dict[str, int]] = {}
        for line in self.table(director).splitlines():
            words = line.split()
            if words[0] == "-a":
                found.setdefault(words[2], {})[words[4]] = int(words[words.index("-w") + 1])
        return found

    def everywhere(self, member: str, weight: int) -> bool:
        """Say whether a member has this weight in every service of every director that has an address."""
        return all(
            weights[member] == weight
            for director in self.directors
            for service, weights in self.weights(director).items()
            if not service.isdigit()  # of a firewall mark
        )

    def frr(self, director: str) -> str:
        """Return a director's running FRR configuration."""
        return sh("vtysh", "-N", director, "-c", "show running-config")

    def host(self, director: str) -> dict[str, str]:
        """Return everything on a director that clusterlb may change, as its own tools print it."""
        settings = inside(director, "sysctl", "net.ipv4.vs.sloppy_tcp", "net.ipv4.vs.schedule_icmp")
        links = [
            line.split(": ")[1].split("@")[0] for line in sh("ip", "-n", director, "-o", "link").splitlines()
        ]
        return {
            "ipvs": "\n".join(sorted(self.table(director).splitlines())),
            "frr": self.frr(director),
            "frr.conf": Path(f"/etc/frr/{director}/frr.conf").read_text(),
            "nftables": inside(director, "nft", "list", "ruleset"),
            "routes": "\n".join(sorted(inside(director, "ip", "route", "show", "table", "all").splitlines())),
            "rules": inside(director, "ip", "rule"),
            "sysctl": settings,
            "links": "\n".join(sorted(links)),
            "addresses": "\n".join(sorted(" ".join(line.split()[1:4]) for line in self._addresses(director))),
            "local": "\n".join(
                sorted(inside(director, "ip", "route", "show", "table", "local").splitlines())
            ),
        }

    def _addresses(self, director: str) -> Iterable[str]:
        return sh("ip", "-n", director, "-4", "-o", "addr").splitlines()

    def log(self, director: str) -> str:
        """Return a director's log."""
        return Path(self.directors[director]["log"]).read_text(errors="replace")


def start(whole: LabView, name: str) -> None:
    """Start a director's controller once the one before it, which may just be ending, has ended."""
    eventually(lambda: name not in whole.control.do("processes")["directors"], 120, f"{name} ended")
    whole.control.do("start", name)
