"""Records what the FRR of this system prints, for the tests of its parsers (root).

``python -m tests.support.record_frr FOLDER`` writes a file a command with the version in its name. In a tree
of another release: ``scripts/debian-tree run SUITE sh -c '/opt/clusterlb/tox/frr/bin/python -m
tests.support.record_frr /tmp/out >&2 && tar -C /tmp/out -c .' | tar -C tests/support/frr_outputs -x``.

Three directors and a switch are on a point-to-multipoint segment, directors 2 and 3 and the switch on a
broadcast segment too (OSPFv3: all four on one). VIP .1 is on each director's lane, .2 on the first's and an
external route of the second's.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from collections.abc import Iterable
from functools import partial
from pathlib import Path

from clusterlb.drivers.frr import daemon as driver
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.database import OSPF6_COMMANDS, OSPF_COMMANDS
from clusterlb.drivers.frr.merge import merge
from clusterlb.drivers.frr.process import Finished, run
from clusterlb.model.state import FrrLine
from tests.contract.frr_suite import FOREIGN, WANTED
from tests.frr.conftest import Router, eventually, sh

DAEMONS = ("zebra", "ospfd", "ospf6d", "bfdd")
LANES = {1: ("clb-active", 10), 2: ("clb-standby", 1000), 3: ("clb-drained", 10000)}
TIMERS = (" {ip} hello-interval 1", " {ip} dead-interval 3", " {ip} retransmit-interval 1")
VIPS = ("10.100.0.1/32", "fd00:100::1/128")
SECOND = ("10.100.0.2/32", "fd00:100::2/128")
REDISTRIBUTED = f"""\
ip prefix-list second seq 5 permit {SECOND[0]}
ipv6 prefix-list second seq 5 permit {SECOND[1]}
route-map second permit 10
 match ip address prefix-list second
 set metric 10
exit
route-map second6 permit 10
 match ipv6 address prefix-list second
 set metric 10
exit
"""
PATIENCE = 90.0


def interface(name: str, *lines: str, area: str = "0.0.0.0", ipv6: bool = True) -> str:
    """Return an interface's part of the configuration; ``{ip}`` stands for either protocol's word."""
    words = ("ip ospf", "ipv6 ospf6") if ipv6 else ("ip ospf",)
    timers = (line.format(ip=word) for word in words for line in TIMERS)
    areas = (f" {word} area {area}" for word in words)
    return "\n".join((f"interface {name}", *areas, *timers, *(f" {line}" for line in lines), "exit", ""))


def routers_of(number: int, *lines: str) -> str:
    """Return the parts of both protocols; ``{six}`` is empty in OSPFv2's."""
    both = ((f"ospf{six}", f" ospf{six} router-id 10.1.0.{number}") for six in ("", "6"))
    return "".join(
        "\n".join((f"router {name}", own, *(line.format(six=name[4:]) for line in lines), "exit", ""))
        for name, own in both
    )


def build(prefix: str) -> dict[int, Router]:
    """Start the four and wait for their adjacencies; the switch is number 254."""
    made = {number: Router(f"{prefix}{number}") for number in (254, 1, 2, 3)}
    switch = made[254]
    for number, router in made.items():
        sh("ip", "netns", "add", router.name)
        router.ip("link", "set", "lo", "up")
        names = ("e0", "e1") if number in (2, 3) else ("e0",)
        for link, name in enumerate(("br0", "br1") if router is switch else names):
            port = f"p{number}l{link}"
            if router is switch:
                router.ip("link", "add", name, "type", "bridge")
            else:
                router.ip("link", "add", name, "type", "veth", "peer", "name", port, "netns", switch.name)
                switch.ip("link", "set", port, "master", f"br{link}", "up")
            router.ip("link", "set", name, "up")
            router.ip("addr", "add", f"10.{link + 1}.0.{number}/24", "dev", name)
        if router is not switch:
            lane, _ = LANES[number]
            for name in {lane, "clb-active"}:
                router.ip("link", "add", name, "type", "bridge")
                router.ip("link", "set", name, "up")
            for vip in VIPS:
                router.ip("addr", "add", vip, "dev", lane)
    for vip in SECOND:
        made[1].ip("addr", "add", vip, "dev", "clb-active")
        made[2].ip("route", "add", vip, "dev", "clb-active")
    for number, router in made.items():
        router.start(*DAEMONS)
        router.load(configuration(number))
    return made


def configuration(number: int) -> str:
    """Return one router's configuration."""
    first, second = ("br0", "br1") if number == 254 else ("e0", "e1")
    meek = () if number == 254 else ("ipv6 ospf6 priority 0",)
    own = (" redistribute kernel route-map second{six}",) if number == 2 else ()
    text = (REDISTRIBUTED if own else "") + routers_of(number, *own)
    text += interface(first, "ip ospf network point-to-multipoint", "ip ospf bfd", *meek)
    if number != 1:
        text += interface(second, *(() if number == 254 else ("ip ospf priority 0",)), ipv6=False)
    if number != 254:
        lane, cost = LANES[number]
        text += interface(lane, f"ip ospf cost {cost}", f"ipv6 ospf6 cost {cost}", "ipv6 ospf6 passive")
    return text


def databases(router: Router) -> tuple[str, str]:
    return router.vtysh(*OSPF_COMMANDS), router.vtysh(*OSPF6_COMMANDS)


def heard(router: Router, vip: str, place: int) -> bool:
    """Say whether an announcement of a VIP is in one of a router's two databases."""
    return vip.partition("/")[0] in databases(router)[place]


def attached(router: Router) -> tuple[list[str], list[str]]:
    """Return the routers that the segments' network LSAs name, in either protocol."""
    ospf, ospf6 = databases(router)
    lists = re.findall(r'"attachedRouter": ?\[([^\]]*)\]', ospf6)
    return (
        re.findall(r'"attachedRouterId": ?"([\d.]+)"', ospf),
        re.findall(r'"([\d.]+)"', "".join(lists)),
    )


def settled(router: Router) -> bool:
    """Say whether everything of the docstring is in a director's databases."""
    ospf, ospf6 = databases(router)
    four, six = attached(router)
    return (
        "10.100.0.2" in ospf.partition("asExternalLinkStates")[2]
        and "fd00:100::2" in ospf6.partition("asScoped")[2]
        and (len(four), len(six)) == (3, 4)
        and ospf.count('"neighborRouterId"') == 12
    )


def nssa(prefix: str) -> dict[int, Router]:
    """Start a director and the switch in an NSSA; the director's VIP .2 is a type-7 LSA."""
    made = {number: Router(f"{prefix}{number}") for number in (254, 1)}
    for router in made.values():
        sh("ip", "netns", "add", router.name)
        router.ip("link", "set", "lo", "up")
    director, switch = made[1], made[254]
    director.ip("link", "add", "e0", "type", "veth", "peer", "name", "e0", "netns", switch.name)
    director.ip("link", "add", "clb-active", "type", "bridge")
    for number, router in made.items():
        router.ip("link", "set", "e0", "up")
        router.ip("addr", "add", f"10.1.0.{number}/24", "dev", "e0")
    director.ip("link", "set", "clb-active", "up")
    for vip in SECOND:
        director.ip("route", "add", vip, "dev", "clb-active")
    for number, router in made.items():
        router.start(*DAEMONS)
        own = (" redistribute kernel route-map second{six}",) if number == 1 else ()
        point = ("ip ospf network point-to-point", "ipv6 ospf6 network point-to-point")
        speakers = routers_of(number, *own, " area 0.0.0.51 nssa")
        router.load(REDISTRIBUTED + speakers + interface("e0", *point, area="0.0.0.51"))
    return made


async def reload(pathspace: str) -> str:
    """Return what frr-reload says of our lines among an operator's, and of taking them away again."""
    said: list[str] = []

    async def heard(argv: Iterable[str], seconds: float) -> Finished:
        finished = await run(list(argv), seconds)
        said.append(finished.out)
        return finished

    driver.run, frr = heard, FrrDaemon(pathspace)
    running: tuple[FrrLine, ...] = await frr.read()
    target = merge(running, WANTED, ())
    await frr.delta(running, target)
    await frr.delta(target, running)
    return "".join(said)


def record(folder: Path) -> None:
    version = sh("/usr/lib/frr/zebra", "--version").split()[2]

    def keep(name: str, text: str) -> None:
        (folder / f"{name}-{version}.txt").write_text(text)

    folder.mkdir(exist_ok=True)
    tag = f"clbr{os.getpid() % 10000}"
    made: list[Router] = []
    try:
        four = build(tag)
        made += four.values()
        eventually(lambda: settled(four[1]), PATIENCE, 0.5)
        eventually(lambda: '"status":"up"' in four[1].vtysh("show bfd peers json").replace(" ", ""), PATIENCE)
        for name, text in zip(("ospf", "ospf6"), databases(four[1]), strict=True):
            keep(name, text)
        keep("neighbors", four[1].vtysh("show ip ospf neighbor json"))
        keep("neighbors6", four[1].vtysh("show ipv6 ospf6 neighbor json"))
        keep("bfd", four[1].vtysh("show bfd peers json"))
        for pid in four[2].daemons.values():
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: not any("10.1.0.2" in found for found in attached(four[1])), PATIENCE, 0.5)
        for name, text in zip(("ospf-crashed", "ospf6-crashed"), databases(four[1]), strict=True):
            keep(name, text)
        two = nssa(f"{tag}n")
        made += two.values()
        # at the switch: the director has a type-5 LSA too, which goes no further
        for vip, place in zip(SECOND, range(2), strict=True):
            eventually(partial(heard, two[254], vip, place), PATIENCE)
        for name, text in zip(("ospf-nssa", "ospf6-nssa"), databases(two[254]), strict=True):
            keep(name, text)
        two[254].load(FOREIGN)
        keep("reload", asyncio.run(reload(two[254].name)))
    finally:
        for router in made or [Router(f"{tag}{number}") for number in (254, 1, 2, 3)]:
            router.stop()


if __name__ == "__main__":
    record(Path(sys.argv[1]))
