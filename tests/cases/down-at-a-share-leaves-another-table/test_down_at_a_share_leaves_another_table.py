"""Four directors, four histories of one member; then it is DOWN on all of them."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

from fake_director import FakeDirector, eventually, idle, running, weights
from intents import pin

from clusterlb.controller import daemon
from clusterlb.controller.store import store
from clusterlb.core.member import MemberState
from clusterlb.core.plan.diff import service_steps
from clusterlb.core.programme import service_state
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.plan import EditDestination
from tests.support.fake_ipvs import FakeIpvs

VIP = ip_address("10.100.0.1")
SERVICE = Service(Protocol.TCP, 80, "web")
POOL = Pool("web", tuple(Member(ip_address(f"10.2.0.{last}"), 80, weight=4) for last in range(1, 8)))
UP, DOWN = MemberState(VerdictState.UP), MemberState(VerdictState.DOWN)
KEY = SERVICE.key(VIP)


def cycle(ipvs: FakeIpvs, third: MemberState, pool: Pool = POOL) -> None:
    """Have the table say what a pool is to be whose third member stands so."""
    have = ipvs.read().get(KEY)
    states = [UP] * 7
    states[2] = third
    want = service_state(Vip(VIP, (SERVICE,)), SERVICE, pool, states, have)
    assert ipvs.apply(service_steps(KEY, want, have)) == []


def test_a_member_that_is_down_has_its_places_whatever_went_before():
    lighter = replace(POOL, members=tuple(replace(member, weight=2) for member in POOL.members))
    histories = [
        [(UP, POOL), (DOWN, POOL)],
        [(replace(UP, share=25), POOL), (DOWN, POOL)],
        [(DOWN, POOL)],
        [(UP, lighter), (DOWN, lighter), (DOWN, POOL)],
    ]
    for history in histories:
        ipvs = FakeIpvs()
        for third, pool in history:
            cycle(ipvs, third, pool)
        assert list(ipvs.last_weights(KEY).values()) == [4] * 7
        assert [one.weight for one in ipvs.read()[KEY].destinations] == [4, 4, 0, 4, 4, 4, 4]


def test_what_somebody_else_has_set_to_0_has_its_places_again():
    ipvs = FakeIpvs()
    cycle(ipvs, replace(UP, share=25))
    other, third = ipvs.beside(), ipvs.read()[KEY].destinations[2]
    plainly = replace(third, weight=0, nominal=0)
    other.apply(service_steps(KEY, replace_third(ipvs, plainly), ipvs.read()[KEY]))
    assert ipvs.last_weights(KEY)[third.key] == 1
    cycle(ipvs, DOWN)
    assert ipvs.last_weights(KEY)[third.key] == 4


def replace_third(ipvs, third):
    state = ipvs.read()[KEY]
    return replace(state, destinations=(*state.destinations[:2], third, *state.destinations[3:]))


async def test_a_start_takes_what_it_finds_and_puts_it_right_once_it_has_settled(tmp_path, monkeypatch):
    """What was at weight 0 before us has a last weight that nobody can read."""
    host = FakeDirector(tmp_path)
    async with running(host) as controller:
        await controller.intents.set(pin("web/10.2.0.101:80"))
        await eventually(lambda: weights(host).get("10.2.0.101:80") == 0)
        await idle(controller)
        (key,) = host.ipvs.read()
    other = host.ipvs.beside()
    first = other.read()[key].destinations[0]
    plainly = EditDestination(key, replace(first, nominal=0))
    other.apply([EditDestination(key, replace(first, weight=7)), plainly])
    assert other.last_weights(key)[first.key] == 7
    host.ipvs = host.ipvs.beside()
    monkeypatch.setattr(store, "SETTLED", 3600.0)
    async with running(host) as controller:
        await idle(controller)
        assert controller.store.verdicts
        assert host.ipvs.applied == []
    monkeypatch.setattr(store, "SETTLED", 0.1)
    monkeypatch.setattr(daemon, "SETTLED", 0.1)
    host.ipvs = host.ipvs.beside()
    async with running(host) as controller:
        await eventually(lambda: other.last_weights(key)[first.key] == 1)
        await idle(controller)
    assert len(host.ipvs.applied) == 1
