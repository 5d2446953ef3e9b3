"""A step of down that fails keeps back what needs it, and nothing else; a second down does the rest."""

from errno import EBUSY

from fake_director import FakeDirector, Fuse

from clusterlb.controller import apply
from tests.unit.controller.test_interruption import run_until_idle, take_down


async def up(tmp_path):
    host = FakeDirector(tmp_path)
    before = host.snapshot()
    await run_until_idle(host)
    assert host.links.read().announced
    return host, before


async def test_frr_refuses_and_the_kernel_is_taken_down_all_the_same(tmp_path):
    host, before = await up(tmp_path)
    host.frr.refuses = "FRR did not take the change"
    problems = await take_down(host, Fuse())
    assert [text for text in problems if "FRR did not take the change" in text]
    links = host.links.read()
    assert (links.lanes, dict(links.announced), links.local_routes) == (frozenset(), {}, frozenset())
    assert host.ipvs.read() == {}
    assert set(host.settings().values()) == {"0"}
    assert host.rules.read().digest == ""
    host.frr.refuses = ""
    assert await take_down(host, Fuse()) == []
    assert host.snapshot() == before


async def test_rules_that_stay_keep_neither_lanes_nor_settings(tmp_path):
    host, before = await up(tmp_path)
    host.rules.fail_next("Device or resource busy")
    problems = await take_down(host, Fuse())
    assert len(problems) == 1
    assert "resource busy" in problems[0]
    assert host.links.read().lanes == frozenset()
    assert set(host.settings().values()) == {"0"}
    assert await take_down(host, Fuse()) == []
    assert host.snapshot() == before


async def test_a_vip_that_cannot_be_withdrawn_is_served_until_it_is(tmp_path):
    host, before = await up(tmp_path)
    vip = next(iter(host.links.read().announced))
    host.links.fail_next(EBUSY)
    problems = await take_down(host, Fuse())
    assert f"{vip}" in problems[0]
    links = host.links.read()
    assert set(links.announced) == {vip}
    assert vip in links.local_routes
    assert {key.address for key in host.ipvs.read()} == {vip}
    assert set(host.settings().values()) == {"1"}
    assert await take_down(host, Fuse()) == []
    assert host.snapshot() == before


async def test_a_lock_on_frrs_configuration_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(apply, "LOCK_POLL", 0.01)
    host, before = await up(tmp_path)
    host.frr.locked = 3
    assert await take_down(host, Fuse()) == []
    assert host.snapshot() == before


async def test_a_lock_that_stays_is_reported_and_the_rest_goes(tmp_path, monkeypatch):
    monkeypatch.setattr(apply, "LOCK_POLL", 0.01)
    monkeypatch.setattr(apply, "LOCK_PATIENCE", 0.05)
    host, _ = await up(tmp_path)
    host.frr.locked = 10_000
    problems = await take_down(host, Fuse())
    assert len(problems) == 1
    assert "locked by another session" in problems[0]
    assert host.links.read().lanes == frozenset()
