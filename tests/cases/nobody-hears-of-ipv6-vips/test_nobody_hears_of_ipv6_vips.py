"""Each family of VIPs hangs on the protocol that announces it."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

from click.testing import CliRunner
from fake_director import FakeDirector, announced, eventually, inventory
from prometheus_client.parser import text_string_to_metric_families
from served_director import served

from clusterlb.api.metrics import exposition
from clusterlb.cli.main import main
from clusterlb.controller import routing
from clusterlb.controller.status import status
from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.reason import Reason
from tests.support.fake_frr import ADJACENT, ADJACENT6

FOUR, SIX = ip_address("10.100.0.1"), ip_address("fd00:100::1")


def host_of(root: Path, ospf_full: int = 0) -> FakeDirector:
    """Return a host with a VIP of each family, and a neighbour in each protocol."""
    plain = inventory(str(FOUR))
    pool6 = Pool("web6", (Member(ip_address("fd00:2::1"), 80),), plain.pools["web"].checks)
    cluster = replace(
        plain.cluster,
        vip_prefixes=(*plain.cluster.vip_prefixes, ip_network("fd00:100::/64")),
        director_checks=DirectorChecks(ospf_full=ospf_full),
    )
    service = Service(Protocol.TCP, 80, "web6", flags=frozenset({"mh-port", "mh-fallback"}))
    pools, vips = {**plain.pools, "web6": pool6}, {**plain.vips, SIX: Vip(SIX, (service,))}
    return FakeDirector(root, replace(plain, cluster=cluster, pools=pools, vips=vips))


@asynccontextmanager
async def served_at(host: FakeDirector, monkeypatch):
    """Serve it with looks at FRR that follow each other at once."""
    for name in ("DECIDING", "IDLE_FRR"):
        monkeypatch.setattr(routing, name, 0.05)
    async with served(host) as controller:
        await eventually(lambda: announced(host) == {FOUR, SIX})
        yield controller


async def full_of(controller) -> dict[str, float]:
    text = exposition(await status(controller)).decode()
    [family] = [each for each in text_string_to_metric_families(text) if each.name.endswith("neighbors_full")]
    return {sample.labels["protocol"]: sample.value for sample in family.samples}


async def test_without_an_ospfv3_neighbour_ipv6_vips_alone_are_withdrawn(tmp_path, monkeypatch):
    host = host_of(tmp_path, ospf_full=1)
    async with served_at(host, monkeypatch) as controller:
        assert await full_of(controller) == {"OSPFv2": 1.0, "OSPFv3": 1.0}
        host.frr.adjacent = (ADJACENT,)
        await eventually(lambda: announced(host) == {FOUR})
        assert controller.store.decided[SIX].because.reason is Reason.DIRECTOR_UNFIT
        because = controller.store.decided[SIX].because.text
        assert "0 OSPFv3 neighbours on the uplinks are Full, 1 needed" in because
        assert await full_of(controller) == {"OSPFv2": 1.0, "OSPFv3": 0.0}
        assert not (await status(controller)).fit
        host.frr.adjacent = (ADJACENT, ADJACENT6)
        await eventually(lambda: announced(host) == {FOUR, SIX})
        assert (await status(controller)).fit


async def test_without_an_ospfv2_neighbour_ipv4_vips_alone_are_withdrawn(tmp_path, monkeypatch):
    host = host_of(tmp_path, ospf_full=1)
    async with served_at(host, monkeypatch):
        host.frr.adjacent = (ADJACENT6,)
        await eventually(lambda: announced(host) == {SIX})


async def test_where_nobody_asks_for_neighbours_the_vip_stays_and_the_status_says_it(tmp_path, monkeypatch):
    host = host_of(tmp_path)
    async with served_at(host, monkeypatch) as controller:
        host.frr.adjacent = (ADJACENT,)
        await eventually(lambda: controller.store.health.ospf6_full == 0)
        command = ["status", "--run-dir", str(tmp_path / "run")]
        done = await asyncio.to_thread(CliRunner().invoke, main, command)
        assert done.exit_code == 5
        assert "ospf neighbours full: 10.1.0.254; ospfv3 neighbours full: none" in done.output
        assert "error: no OSPFv3 neighbour is Full: nobody hears of IPv6 VIPs" in done.output
        assert announced(host) == {FOUR, SIX}


async def test_no_ipv6_vip_is_announced_before_somebody_hears_of_it(tmp_path, monkeypatch):
    host = host_of(tmp_path)
    host.frr.adjacent = (ADJACENT,)
    for name in ("DECIDING", "IDLE_FRR"):
        monkeypatch.setattr(routing, name, 0.05)
    async with served(host) as controller:
        await eventually(lambda: announced(host) == {FOUR})
        because = controller.store.decided[SIX].because
        assert (because.reason, because.text) == (
            Reason.NOT_ADJACENT,
            "no OSPFv3 neighbour is Full yet: nobody would hear of it",
        )
        host.frr.adjacent = (ADJACENT, ADJACENT6)
        await eventually(lambda: announced(host) == {FOUR, SIX})


async def test_a_silent_ospf6d_costs_ipv6_vips_alone(tmp_path, monkeypatch):
    host = host_of(tmp_path)
    async with served_at(host, monkeypatch) as controller:
        host.frr.stuck6 = "does not run"
        await eventually(lambda: announced(host) == {FOUR})
        shown = await status(controller)
        assert shown.frr.ospf6_error == "FRR's ospf6d does not run"
        assert shown.frr.answers
        host.frr.stuck6 = ""
        await eventually(lambda: announced(host) == {FOUR, SIX})
