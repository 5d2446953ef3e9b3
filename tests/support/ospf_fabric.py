"""Switches with FRR around one director, joined point to point, and both VIPs announced."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from ipaddress import IPv4Address, ip_address, ip_network

from clusterlb.model.inventory import Cluster, Director, Inventory
from clusterlb.model.ospf import AnnounceModes, Lane, Ospf, Uplink
from clusterlb.model.plan import AddLocalRoute, Announce, CreateLane
from clusterlb.render.frr import render_config
from tests.frr.conftest import Router, eventually

VIPS = [ip_address("10.100.0.1"), ip_address("fd00:100::1")]
DAEMONS = ("zebra", "ospfd", "ospf6d", "bfdd")
SWITCH_TIMERS = """\
 timers throttle spf 0 50 500
 timers lsa min-arrival 0
"""


@dataclass
class Switch:
    """A switch with FRR; ``links`` are its interfaces in OSPF and their costs."""

    router: Router
    number: int
    area: str = "0.0.0.0"
    area_type: str = "normal"
    network: str = "point-to-multipoint"
    links: dict[str, int] = field(default_factory=dict)
    helper: bool = False
    bfd: bool = True

    def start(self) -> None:
        self.router.start(*DAEMONS)
        self.router.load(self.config())

    def config(self) -> str:
        special = "" if self.area_type == "normal" else f" area {self.area} {self.area_type}\n"
        routers = "".join(
            f"router {name}\n {name} router-id 10.1.{self.number}.254\n{SWITCH_TIMERS}{special}exit\n"
            for name in ("ospf", "ospf6")
        )
        if self.helper:
            routers += "router ospf\n capability opaque\n graceful-restart helper enable\nexit\n"
        return (
            routers
            + "bfd\n profile clusterlb\n  transmit-interval 50\n  receive-interval 50\n exit\nexit\n"
            + "".join(
                f"interface {name}\n{self.interface(name, cost)}exit\n" for name, cost in self.links.items()
            )
        )

    def interface(self, name: str, cost: int) -> str:
        passive = name == "lo"
        both = [("ip ospf", True), ("ipv6 ospf6", False)]
        lines = []
        for word, ipv4 in both:
            lines.append(f"{word} cost {cost}")
            if passive:
                lines += [f"{word} passive", f"{word} area {self.area}"]
                continue
            lines += [f"{word} hello-interval 1", f"{word} dead-interval 3", f"{word} retransmit-interval 1"]
            if self.bfd:
                lines += [f"{word} bfd", f"{word} bfd profile clusterlb"]
            if ipv4 or self.network == "point-to-point":
                lines.append(f"{word} network {self.network}")
            # last: ospf6d waits for a designated router as long as its dead interval is here
            lines.append(f"{word} area {self.area}")
        return "".join(f" {line}\n" for line in lines)

    def route(self, address) -> list[dict[str, object]]:
        """Return the kernel's routes for a host."""
        return json.loads(self.router.ip("-j", f"-{address.version}", "route", "show", str(address)) or "[]")

    def metric(self, address) -> int | None:
        """Return OSPF's cost of a host's route; None when the kernel has none."""
        if not self.route(address):
            return None
        family = "ip" if address.version == 4 else "ipv6"
        shown = json.loads(self.router.vtysh(f"show {family} route {address}/{address.max_prefixlen} json"))
        entries = [entry for entries in shown.values() for entry in entries if entry.get("selected")]
        return entries[0]["metric"] if entries else None


def announcing(announce: AnnounceModes, *uplinks: Uplink, **ospf) -> str:
    inventory = Inventory(
        Cluster(
            "edge-1",
            (ip_network("10.100.0.0/24"), ip_network("fd00:100::/64")),
            ospf=Ospf(announce=announce, **ospf),
        ),
        {},
        {},
        {},
    )
    return render_config(inventory, Director("d1", IPv4Address("10.1.0.1"), uplinks or (Uplink("e0"),)))


def join(routers, wire, links_in, config, external, *switches):
    """Join a director to switches and let it announce both VIPs; return the director and its links."""
    director = routers("d1")
    for number, switch in enumerate(switches):
        wire(director, f"e{number}", f"10.1.{number}.1/24", switch.router, "s0", f"10.1.{number}.254/24")
        switch.links.setdefault("s0", 10)
        switch.start()
    links = links_in(director, *(f"e{number}" for number in range(len(switches))), external=external)
    assert links.apply([*(CreateLane(lane) for lane in Lane), *map(AddLocalRoute, VIPS)]) == []
    director.start(*DAEMONS)
    director.load(config)
    assert links.apply([Announce(vip, Lane.ACTIVE) for vip in VIPS]) == []
    for switch in switches:
        for vip in VIPS:
            eventually(partial(switch.metric, vip))
    return director, links
