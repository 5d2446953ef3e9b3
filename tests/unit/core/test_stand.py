"""How pools are taken to stand before their checks have spoken: as the kernel and the lanes say."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import CHECK, VIP, inventory

from clusterlb.core.known import Known
from clusterlb.core.member import MemberState
from clusterlb.core.place import Surroundings
from clusterlb.core.programme import service_state
from clusterlb.core.quorum import Standing
from clusterlb.core.roster import roster
from clusterlb.core.stand import adopted, stand, unheard
from clusterlb.model.check import VerdictState
from clusterlb.model.health import Verdict
from clusterlb.model.inventory import OnDown, Sorry
from clusterlb.model.ospf import Lane

UP, DOWN = MemberState(VerdictState.UP), MemberState(VerdictState.DOWN)
PLAIN = inventory()
SORRY = replace(PLAIN, pools={"web": replace(PLAIN.pools["web"], sorry=Sorry(ip_address("10.2.0.200"), 80))})


def kernel(given, *states, sorry=False):
    """Return the services that a controller would have left with members in these states."""
    vip, pool = given.vips[VIP], given.pools["web"]
    service = vip.services[0]
    now = Standing(0, 0, 3, 1, fit=not sorry, sorry=sorry)
    return {service.key(VIP): service_state(vip, service, pool, states, None, now=now)}


def view(given, services=None, *, announced=False, **more):
    lanes = {VIP: frozenset({Lane.ACTIVE})} if announced else {}
    around = Surroundings(given.directors["d1"].router_id, 0.0, announced=lanes)
    return Known(roster(given), services=services or {}, around=around, **more)


def fit(given, **more):
    found = adopted(given, {"web"}, view(given, **more))["web"]
    assert found.adopted
    return found.fit, found.sorry


def test_a_pool_is_fit_where_its_vip_is_announced():
    assert fit(PLAIN) == (False, False)
    assert fit(PLAIN, announced=True) == (True, False)
    assert fit(PLAIN, services=kernel(PLAIN, UP, UP, UP)) == (False, False)


def test_a_sorry_server_says_by_its_weight_how_its_pool_stands():
    assert fit(SORRY, services=kernel(SORRY, UP, UP, DOWN)) == (True, False)
    assert fit(SORRY, services=kernel(SORRY, DOWN, DOWN, DOWN, sorry=True), announced=True) == (False, True)
    assert fit(SORRY, services=kernel(SORRY, DOWN, DOWN, DOWN)) == (False, False)


def test_pools_that_nobody_asks_about_are_not_looked_at():
    assert adopted(PLAIN, (), view(PLAIN, announced=True)) == {}


def stands(given, known, before):
    members = {"web": known.states(given.pools["web"])}
    return stand(given, ["web"], known, members, before)["web"]


def test_without_news_a_pool_stands_as_it_is_found_and_with_verdicts_as_they_say():
    unheard_of = view(PLAIN, announced=True)
    assert stands(PLAIN, unheard_of, {}).fit
    keys = [key for keys in unheard_of.roster.checks.values() for (key,) in keys]
    down = replace(unheard_of, verdicts=dict.fromkeys(keys, Verdict(VerdictState.DOWN)))
    assert not stands(PLAIN, down, {}).fit


def test_how_a_pool_stood_counts_before_what_the_kernel_says():
    before = {"web": Standing(0, 3, 3, 1, fit=False)}
    assert not stands(PLAIN, view(PLAIN, announced=True), before).fit


@pytest.mark.parametrize("on_down", OnDown)
def test_initial_verdicts_do_not_count_for_members_that_the_kernel_may_know(on_down):
    check = replace(CHECK, initial=VerdictState.UP)
    pool = replace(PLAIN.pools["web"], checks=(check,), on_down=on_down)
    given = replace(PLAIN, pools={"web": pool})
    two = kernel(replace(given, pools={"web": replace(pool, members=pool.members[:2])}), UP, UP)
    assert list(unheard(given, view(given))) == []
    found = {str(key.probe.endpoint) for key in unheard(given, view(given, two))}
    there = {"10.2.0.101:80", "10.2.0.102:80"}
    # where members that are DOWN are removed, the third may be one of them
    assert found == (there | {"10.2.0.103:80"} if on_down is OnDown.REMOVE else there)
    keys = list(unheard(given, view(given, two)))
    heard = view(given, two, verdicts={keys[0]: Verdict(VerdictState.UP)})
    assert list(unheard(given, heard)) == keys[1:]


def test_a_check_whose_initial_verdict_is_unknown_has_nothing_to_take_back():
    assert list(unheard(PLAIN, view(PLAIN, kernel(PLAIN, UP, UP, UP)))) == []
