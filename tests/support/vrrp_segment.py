"""Two directors with real vrrpd on one segment, told by the real drivers what clusterlb makes of lanes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address

from clusterlb.core.host import sysctls
from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.order import order
from clusterlb.core.vrrp import Key, elected, groups_of, standing
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.link import KernelLinks
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Inventory, Vip, Vrrp
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import AddDevice, AddLocalRoute, ConfigureFrr, CreateLane
from clusterlb.model.state import DirectorState
from clusterlb.model.vrrp import VrrpRouter
from clusterlb.render.frr import render_config
from tests.frr.conftest import InNamespace, Router, sh
from tests.support.vrrp_inventories import INVENTORIES

VIP, VIP6 = ip_address("10.100.0.1"), ip_address("fd00:100::1")
OUT: frozenset[Lane] = frozenset()
ACTIVE, DRAINED = frozenset({Lane.ACTIVE}), frozenset({Lane.DRAINED})
BOTH = {VIP: ACTIVE, VIP6: ACTIVE}
# nft's words for a kernel that hangs with its links up: nothing comes in, nothing goes out
HANGS = (
    "table inet hangs { chain i { type filter hook input priority -300; drop; }; "
    "chain o { type filter hook output priority -300; drop; }; }"
)


def inventory_of(*interfaces: str) -> Inventory:
    """Return two directors with a VIP of each family; that of IPv4 is on all of these links."""
    given, order = INVENTORIES["plain"], ("d1", "d2")
    vips = (
        Vip(VIP, (), ha=Vrrp(order, 10, interfaces)),
        Vip(VIP6, (), ha=Vrrp(order, 11, interfaces[:1])),
    )
    return replace(given, vips={vip.address: vip for vip in vips})


class Director:
    """A director's network namespace, with what clusterlb tells its kernel and its FRR."""

    def __init__(self, router: Router, links: InNamespace, inventory: Inventory, name: str) -> None:
        self.router, self.links = router, links
        self.groups = groups_of(inventory, inventory.directors[name])
        self.frr = FrrDaemon(pathspace=router.name)
        self.lines = parse(render_config(inventory, inventory.directors[name]))
        for setting, value in sysctls(inventory, inventory.directors[name]).items():
            sh("ip", "netns", "exec", router.name, "sysctl", "-qw", f"{setting}={value}")
        made = [
            *(CreateLane(lane) for lane in Lane),
            *(AddDevice(group.device) for group in self.groups),
            *(AddLocalRoute(vip) for vip in inventory.vips),
        ]
        assert links.apply(made) == []
        router.start("zebra", "vrrpd", "ospfd", "ospf6d", "bfdd")

    async def stand(self, **lanes: frozenset[Lane]) -> None:
        """Have FRR run what these lanes come to, step by step as a plan has them."""
        names = {"vip": VIP, "vip6": VIP6}
        wanted = BOTH | {names[name]: value for name, value in lanes.items()}
        running = tuple(line for line in await self.frr.read() if "vrrp" in line.text or line in self.lines)
        steps = order(
            diff(
                DirectorState(frr=standing(self.lines, self.groups, wanted)),
                DirectorState(frr=running),
            )
        )
        for step in steps:
            assert isinstance(step, ConfigureFrr)
            await self.frr.configure(step.add, step.remove)

    async def look(self) -> Mapping[Key, VrrpRouter]:
        """Return what vrrpd says now."""
        routers = await self.frr.virtual_routers()
        return {((one.interface, one.vrid), one.version): one for one in routers}

    async def states(self) -> dict[IPAddress, str]:
        """Return what this director is to VRRP, by VIP."""
        return {vip: state.value for vip, state in elected(self.groups, await self.look()).items()}


class Segment:
    """Two directors on one bridge a link, told only what clusterlb makes; the switch is on the first link.

    A context manager; everything is torn down at its end. With ``told=False`` there are the networks alone.
    """

    def __init__(self, *interfaces: str, name: str = "clbv", told: bool = True) -> None:
        self.interfaces, self.told = interfaces, told
        self.switch, *self.routers = (
            Router(f"{name}{os.getpid() % 100000}{each}") for each in ("s", "d1", "d2")
        )
        self.links: list[InNamespace] = []
        self.directors: list[Director] = []

    def __enter__(self) -> Segment:
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for links in self.links:
            links.shut_down()
        for router in (self.switch, *self.routers):
            router.stop()

    def _make(self) -> None:
        for router in (self.switch, *self.routers):
            sh("ip", "netns", "add", router.name)
            router.ip("link", "set", "lo", "up")
        for link in range(len(self.interfaces)):
            self.switch.ip("link", "add", f"br{link}", "up", "type", "bridge", "mcast_snooping", "0")
        self.switch.ip("addr", "add", "10.1.0.254/24", "dev", "br0")
        self.switch.ip("route", "add", "10.100.0.0/24", "dev", "br0")
        self.switch.ip("addr", "add", "fd00:1::254/64", "dev", "br0", "nodad")
        self.switch.ip("route", "add", "fd00:100::/64", "dev", "br0")
        for number, router in enumerate(self.routers, 1):
            for link, interface in enumerate(self.interfaces):
                port = f"d{number}l{link}"
                router.ip("link", "add", interface, "type", "veth", "peer", port, "netns", self.switch.name)
                router.ip("addr", "add", f"10.1.{link}.{number}/24", "dev", interface)
                router.ip("link", "set", interface, "up")
                self.switch.ip("link", "set", port, "master", f"br{link}", "up")
            router.ip("addr", "add", f"fd00:1::{number}/64", "dev", self.interfaces[0], "nodad")
        for number, router in enumerate(self.routers if self.told else (), 1):
            self.links.append(InNamespace(router.name, lambda: KernelLinks(self.interfaces)))
            inventory = inventory_of(*self.interfaces)
            self.directors.append(Director(router, self.links[-1], inventory, f"d{number}"))


async def until(director: Director, **states: str) -> None:
    """Wait until vrrpd says so of the VIPs ``vip`` and ``vip6``."""
    names = {"vip": VIP, "vip6": VIP6}
    wanted = {names[name]: value for name, value in states.items()}
    for _ in range(200):
        now = await director.states()
        if {vip: now[vip] for vip in wanted} == wanted:
            return
    raise AssertionError(f"{await director.look()} is not {states}")


async def settled(first: Director, second: Director) -> None:
    """Wait until the first is master of both VIPs and the second their backup."""
    await until(first, vip="master", vip6="master")
    await until(second, vip="backup", vip6="backup")
