"""What a plan does to the flows that live, before it is carried out."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import VIP, FakeDirector, inventory, running

from clusterlb.controller.forecast import forecast
from clusterlb.controller.reload import UnusableError
from clusterlb.controller.store.index import Index
from clusterlb.core.maglev import maglev_table
from clusterlb.drivers.frr.text import parse
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import Protocol
from clusterlb.render.frr import render_config

FLOWS = [Flow(Protocol.TCP, ip_address("198.18.0.0") + n, 1024 + n, VIP, 80) for n in range(300)]


def index_of(given):
    director = given.directors["d1"]
    return Index(given, director, parse(render_config(given, director)))


def serving(given, **changes):
    """Return an inventory with its services changed."""
    vips = {
        address: replace(vip, services=tuple(replace(service, **changes) for service in vip.services))
        for address, vip in given.vips.items()
    }
    return replace(given, vips=vips)


async def with_flows(host, candidate=None):
    async with running(host) as controller:
        if any(key.address == VIP for key in host.ipvs.read()):
            for flow in FLOWS:
                host.ipvs.open(flow)
        before = host.snapshot()
        found = await forecast(controller.reconciler, None if candidate is None else index_of(candidate))
        assert host.snapshot() == before
        assert controller.reconciler.plan() == ()
        return found


async def test_nothing_to_do_reads_no_flows(tmp_path):
    host = FakeDirector(tmp_path)
    host.ipvs.census_fails = "must not be asked"
    found = await with_flows(host)
    assert (found.plan, found.services) == ((), ())


async def test_a_member_more(tmp_path):
    """The forecast is what the table does that comes of the reload."""
    host = FakeDirector(tmp_path)
    found = await with_flows(host, inventory(members=4, digest="2"))
    (service,) = found.services
    assert (service.live, service.strays, service.unknown) == (300, 0, "")
    host.inventory = inventory(members=4, digest="2")
    async with running(host):
        (state,) = host.ipvs.read().values()
        table = maglev_table(state)
        entries = host.ipvs.entries.values()
        moved = sum(table.pick(e.flow.client, e.flow.client_port) != e.destination for e in entries)
    assert service.strays_then == moved > 0
    assert str(service) == f"tcp 10.100.0.1:80: 300 live; strays: 0 now, {moved} then"


async def test_clients_that_have_closed_a_while_ago_are_not_counted(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        for flow in FLOWS:
            host.ipvs.open(flow, "FIN_WAIT")
        for flow in FLOWS[:100]:
            host.ipvs.entries[flow] = host.ipvs.entries[flow]._replace(expires=60)
        found = await forecast(controller.reconciler, index_of(inventory(members=4)))
    assert [service.live for service in found.services] == [200]


async def test_a_service_that_goes(tmp_path):
    host = FakeDirector(tmp_path)
    found = await with_flows(host, inventory("10.100.0.2"))
    (service,) = found.services
    assert service.ends
    assert str(service) == "tcp 10.100.0.1:80: 300 live; all of them end with the service"


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"scheduler": "wlc", "flags": frozenset()}, "wlc"), ({"persistence": 60.0}, "persistence")],
)
async def test_what_cannot_be_said(tmp_path, changes, word):
    host = FakeDirector(tmp_path, serving(inventory(), **changes))
    (host.proc / "net/ipv4/vs/expire_quiescent_template").write_text("0\n")  # persistence needs it
    found = await with_flows(host, serving(inventory(members=4), **changes))
    (service,) = found.services
    assert word in service.unknown
    assert "cannot be said" in str(service)


async def test_weights_of_other_schedulers_say_nothing_of_flows(tmp_path):
    wlc = {"scheduler": "wlc", "flags": frozenset()}
    given = serving(inventory(), **wlc)
    pool = given.pools["web"]
    heavier = replace(pool, members=tuple(replace(member, weight=5) for member in pool.members))
    host = FakeDirector(tmp_path, given)
    found = await with_flows(host, replace(given, pools={"web": heavier}, digest="2"))
    assert found.plan
    assert found.services == ()


async def test_the_operators_own_marks(tmp_path):
    marked = serving(inventory(), fwmark=99, port=0, protocol=Protocol.NONE)
    host = FakeDirector(tmp_path, marked)
    found = await with_flows(host, serving(inventory(members=4), fwmark=99, port=0, protocol=Protocol.NONE))
    (service,) = found.services
    assert "marks" in service.unknown


async def test_entries_that_cannot_be_read(tmp_path):
    host = FakeDirector(tmp_path)
    host.ipvs.census_fails = "/proc/self/net/ip_vs_conn: cannot read IPVS's entries: Permission denied"
    found = await with_flows(host, inventory(members=4))
    assert found.plan
    assert [service.unknown for service in found.services] == [host.ipvs.census_fails]


async def test_a_twin_changes_nothing_of_its_store(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        store = controller.store
        before = {name: repr(getattr(store, name)) for name in ("verdicts", "own", "health", "counts", "frr")}
        twin = store.twin(index_of(inventory("10.100.0.9", members=5)))
        assert twin.inventory is not store.inventory
        assert not store.dirty
        twin.count("reloads")
        twin.actual.services.clear()
        twin.verdicts.clear()
        assert {name: repr(getattr(store, name)) for name in before} == before
        assert store.actual.services


@pytest.mark.threads
async def test_an_inventory_that_cannot_be_in_force(tmp_path):
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        bad = tmp_path / "bad.yaml"
        bad.write_text("cluster: 7\n")
        with pytest.raises(UnusableError, match="cluster"):
            await controller.reloader.candidate(bad)
