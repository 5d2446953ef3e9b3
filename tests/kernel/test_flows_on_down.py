"""Flows of a member that is DOWN, on real IPVS: who moves, who stays, and what the table is afterwards."""

from __future__ import annotations

import asyncio
import socket
import subprocess
from contextlib import closing
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from fake_director import FakeDirector, eventually, idle, inventory, running

from clusterlb.drivers.ipvs import reorder
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Member, OnDown
from clusterlb.model.ipvs import Protocol
from clusterlb.model.plan import AddDestination, RemoveDestination
from tests.contract.ipvs_suite import DNS, HASHED, full, hashed
from tests.kernel.conftest import fresh_namespace

pytestmark = pytest.mark.kernel

PORTS = range(20000, 20300)
LAST = range(101, 107)
NETS = {
    4: ("10.100.0.1", "10.2.0.{}", "10.99.0.1", 32, 24),
    6: ("fd00:100::1", "fd00:2::{}", "fd00:99::1", 128, 64),
}


def host_with(
    tmp_path: Path, version: int, pool: dict[str, object], service: dict[str, object]
) -> FakeDirector:
    """Return a director whose IPVS and settings are the kernel's, with one service; it owns the VIP."""
    vip, member, source, host, net = NETS[version]
    given = inventory(vip)
    members = tuple(Member(ip_address(member.format(last)), 80) for last in LAST)
    (one,) = given.vips.values()
    services = tuple(replace(s, protocol=Protocol.UDP, **service) for s in one.services)
    whole = replace(
        given,
        cluster=replace(given.cluster, vip_prefixes=(ip_network(f"{vip}/{host}"),)),
        pools={"web": replace(given.pools["web"], members=members, **pool)},
        vips={one.address: replace(one, services=services)},
    )
    for command in (
        "ip link add e0 type dummy",  # the director's uplink, of which there are settings
        "ip link set e0 up",
        "ip link add dummy0 type dummy",
        f"ip address add {member.format(1)}/{net} dev dummy0 nodad",
        "ip link set dummy0 up",
        f"ip address add {vip}/{host} dev lo nodad",
        f"ip address add {source}/{host} dev lo nodad",
    ):
        subprocess.run(command.split(), check=True)
    director = FakeDirector(tmp_path, whole)
    director.ipvs, director.sysctl = KernelIpvs(), KernelSysctl()
    return director


def entries() -> dict[int, str]:
    """Return where the entry of each client's port leads, without persistence's templates."""
    lines = Path("/proc/thread-self/net/ip_vs_conn").read_text(encoding="ascii").splitlines()
    rows = [line.split() for line in lines if line.startswith("UDP ")]
    return {int(row[2], 16): row[5] for row in rows if int(row[2], 16)}


class Senders:
    """Clients with one port each, which go on sending from it."""

    def __init__(self, version: int, mark: int) -> None:
        vip, _, source, _, _ = NETS[version]
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        self._sockets = []
        for port in PORTS:
            one = socket.socket(family, socket.SOCK_DGRAM)
            if mark:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, mark)
            one.bind((source, port))
            one.connect((vip, 80))
            self._sockets.append(one)

    def send(self) -> dict[int, str]:
        """Have each send one datagram; return where each one's entry leads."""
        for one in self._sockets:
            try:
                one.send(b"x")
            except ConnectionRefusedError:  # what an earlier one was told
                one.send(b"x")
        return entries()

    def close(self) -> None:
        for one in self._sockets:
            one.close()


KINDS: dict[str, tuple[int, dict[str, object], dict[str, object]]] = {
    "mh": (4, {}, {}),
    "mh without fallback": (4, {}, {"flags": frozenset({"mh-port"})}),
    "sh": (4, {}, {"scheduler": "sh", "flags": frozenset({"sh-port", "sh-fallback"})}),
    "rr": (4, {}, {"scheduler": "rr", "flags": frozenset[str]()}),
    "wlc": (4, {}, {"scheduler": "wlc", "flags": frozenset[str]()}),
    "IPv6": (6, {}, {}),
    "tun": (4, {}, {"forwarding": Forwarding.TUN}),
    "tun over IPv6": (6, {}, {"forwarding": Forwarding.TUN}),
    "nat": (4, {}, {"forwarding": Forwarding.NAT}),
    "mark": (4, {}, {"fwmark": 7, "port": 0}),
    "mark, IPv6": (6, {}, {"fwmark": 7, "port": 0}),
    "every port": (
        4,
        {},
        {"port": 0, "scheduler": "rr", "flags": frozenset[str](), "persistence": 60.0},
    ),
    "persistence": (4, {}, {"scheduler": "rr", "flags": frozenset[str](), "persistence": 60.0}),
    "removed": (4, {"on_down": OnDown.REMOVE}, {"scheduler": "rr", "flags": frozenset[str]()}),
}
LOST = {"mh without fallback"}  # its clients are turned away: the inventory's check says so


@pytest.mark.parametrize("kind", KINDS)
async def test_flows_of_a_member_that_is_down_move_and_no_others(tmp_path: Path, kind: str) -> None:
    version, pool, service = KINDS[kind]
    with fresh_namespace():
        host = host_with(tmp_path, version, pool, service)
        async with running(host) as controller:
            senders = Senders(version, int(str(service.get("fwmark", 0))))
            with closing(senders):
                before = senders.send()
                assert len(before) == len(PORTS)
                (key,) = host.ipvs.read()
                order = [d.key for d in host.ipvs.read()[key].destinations]
                busiest = max(set(before.values()), key=list(before.values()).count)
                dead = next(d for d in order if _hex(d.address) == busiest)
                host.engine.down.add(f"{dead}" if dead.port else _endpoint(dead))
                after = before

                def moved() -> bool:
                    nonlocal after
                    after = senders.send()
                    return busiest not in after.values()

                await eventually(moved)
                await eventually(lambda: key not in controller.store.emptying)
                await idle(controller)
                after = senders.send()
        assert busiest not in after.values()
        stayed = {port: to for port, to in before.items() if to != busiest}
        assert {port: after[port] for port in stayed} == stayed
        if kind not in LOST:
            assert len(after) == len(PORTS)
        with closing(KernelIpvs()) as other:
            table = other.read()[key].destinations
        if pool.get("on_down") is not OnDown.REMOVE:
            assert {d.key: d.weight for d in table} == dict.fromkeys(order, 1) | {dead: 0}
        if service.get("scheduler", "mh") in ("mh", "sh"):
            assert [d.key for d in table] == order
        assert reorder.SETTING.read_text() == "1\n"


async def test_flows_that_say_nothing_meanwhile_move_with_their_next_packet(tmp_path: Path) -> None:
    with fresh_namespace():
        host = host_with(tmp_path, 4, {}, {})
        async with running(host) as controller:
            with closing(Senders(4, 0)) as senders:
                before = senders.send()
                dead = _hex(ip_address("10.2.0.102"))
                assert dead in before.values()
                host.engine.down.add("10.2.0.102:80")
                await eventually(lambda: "10.2.0.102" not in _addresses(host))
                await eventually(lambda: "10.2.0.102" in _addresses(host))
                await idle(controller)
                assert dead not in entries().values()
                assert dead not in senders.send().values()


@pytest.mark.parametrize("ends", [frozenset(), frozenset({Protocol.TCP})])
async def test_a_pool_keeps_flows_where_it_is_told_to(tmp_path: Path, ends: frozenset[Protocol]) -> None:
    with fresh_namespace():
        host = host_with(tmp_path, 4, {"ends_flows": ends}, {})
        async with running(host) as controller:
            with closing(Senders(4, 0)) as senders:
                before = senders.send()
                host.engine.down.add("10.2.0.102:80")
                await eventually(lambda: 0 in [d.weight for d in _table(host)])
                await controller.reconciler.flows.look()
                await idle(controller)
                await asyncio.sleep(0.1)
                assert senders.send() == before


def test_what_changes_its_place_keeps_its_flows_and_the_setting_is_back(monkeypatch) -> None:
    """While destinations are missing nothing of theirs may end, by a packet or by the kernel's walk."""
    with fresh_namespace(), closing(KernelIpvs()) as ipvs:
        assert ipvs.apply(full("mh")) == []
        reorder.SETTING.write_text("1\n")
        seen = []
        inner = ipvs._netlink.batch

        def batch(messages):
            seen.append(reorder.SETTING.read_text())
            return inner(messages)

        ipvs._netlink.batch = batch
        back = [
            step
            for name in HASHED[3:]
            for step in (RemoveDestination(DNS, hashed(4, name).key), AddDestination(DNS, hashed(4, name)))
        ]
        assert ipvs.apply(back) == []
        assert (seen, reorder.SETTING.read_text()) == (["0\n"], "1\n")
        seen.clear()
        assert ipvs.apply([RemoveDestination(DNS, hashed(4).key)]) == []
        assert (seen, reorder.SETTING.read_text()) == (["1\n"], "1\n")
        slept: list[float] = []
        monkeypatch.setattr(reorder.time, "sleep", slept.append)
        seen.clear()
        assert ipvs.apply([AddDestination(DNS, hashed(4)), *back]) == []
        assert slept > [0.0], "the kernel may be walking"
        assert (seen, reorder.SETTING.read_text()) == (["0\n"], "1\n")
        reorder.SETTING.write_text("0\n")
        assert ipvs.apply(back) == []
        assert reorder.SETTING.read_text() == "0\n"


def _table(host: FakeDirector):
    (state,) = host.ipvs.read().values()
    return state.destinations


def _addresses(host: FakeDirector) -> set[str]:
    return {str(d.key.address) for d in _table(host)}


def _endpoint(key) -> str:
    return f"[{key.address}]:80" if key.address.version == 6 else f"{key.address}:80"


def _hex(address) -> str:
    """Return an address as /proc/net/ip_vs_conn has it."""
    return address.exploded if address.version == 6 else f"{int(address):08X}"
