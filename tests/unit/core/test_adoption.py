"""What a table holds of members that nobody has spoken of yet."""

from dataclasses import replace
from ipaddress import ip_address, ip_network

import pytest

from clusterlb.core.announce import decide
from clusterlb.core.member import MemberState
from clusterlb.core.programme import service_state
from clusterlb.core.quorum import Standing, as_found, standing
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import AnnounceWhen, Member, OnDown, Pool, Service, Sorry, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.reason import Reason

VIP = ip_address("10.100.0.1")
SERVICE = Service(Protocol.TCP, 80, "web")
MEMBERS = tuple(Member(ip_address(f"10.2.0.{last}"), 80, 4) for last in range(1, 5))
POOL = Pool("web", MEMBERS[:3])
UP, DOWN, UNKNOWN = map(MemberState, (VerdictState.UP, VerdictState.DOWN, VerdictState.UNKNOWN))


def table(pool, states, have=None, **more):
    return service_state(Vip(VIP, (SERVICE,)), SERVICE, pool, states, have, **more)


def amounts(state):
    return {str(d.key.address)[7:]: d.weight for d in state.destinations}


def test_in_a_service_that_is_not_there_yet_all_members_have_their_place():
    assert amounts(table(POOL, [UNKNOWN, UP, DOWN])) == {"1": 4, "2": 4, "3": 0}


def test_one_that_is_appended_waits_for_its_verdict():
    have = table(POOL, [UP, UP, DOWN])
    grown = replace(POOL, members=MEMBERS)
    assert table(grown, [UP, UP, DOWN, UNKNOWN], have) == have
    assert amounts(table(grown, [UP, UP, DOWN, UP], have)) == {"1": 4, "2": 4, "3": 0, "4": 4}
    assert amounts(table(grown, [UP, UP, DOWN, DOWN], have)) == {"1": 4, "2": 4, "3": 0, "4": 0}


def test_there_is_always_somebody_to_go_to_where_there_was_somebody():
    """All members but one that is DOWN are replaced by others."""
    have = table(POOL, [UP, UP, DOWN])
    other = replace(POOL, members=(MEMBERS[2], MEMBERS[3]))
    assert amounts(table(other, [DOWN, UNKNOWN], have)) == {"3": 0, "4": 4}
    nobody = table(POOL, [DOWN, DOWN, DOWN], have)
    assert amounts(table(other, [DOWN, UNKNOWN], nobody)) == {"3": 0}


def test_what_an_inventory_says_counts_without_a_verdict():
    have = table(POOL, [UP, UP, UP])
    out = replace(POOL, members=(replace(MEMBERS[0], weight=0, upper=9), *MEMBERS[1:3]))
    found = table(out, [UNKNOWN] * 3, have)
    assert amounts(found) == {"1": 0, "2": 4, "3": 4}
    assert found.destinations[0].upper == 9
    pinned = replace(DOWN, pinned=True)
    assert amounts(table(POOL, [pinned, UNKNOWN, UNKNOWN], have)) == {"1": 0, "2": 4, "3": 4}


@pytest.mark.parametrize("on_down", OnDown)
def test_all_are_used_on_until_it_is_known_that_enough_are_up(on_down):
    pool = replace(POOL, panic=60, on_down=on_down)
    have = table(pool, [UP, DOWN, DOWN], now=Standing(1, 0, 3, 1, fit=True, panic=True))
    assert amounts(have) == {"1": 4, "2": 4, "3": 4}
    found = as_found(pool, fit=True, sorry=False)
    for states in ([UNKNOWN] * 3, [UNKNOWN, DOWN, UNKNOWN], [UP, DOWN, UNKNOWN], [UP, DOWN, DOWN]):
        found = standing(pool, states, found)
        assert table(pool, states, have, now=found) == have
    enough = standing(pool, [UP, UP, DOWN], found)
    assert not enough.panic
    assert amounts(table(pool, [UP, UP, DOWN], have, now=enough)).get("3", 0) == 0


def test_panic_stays_as_it_was_when_a_check_is_new():
    pool = replace(POOL, panic=60)
    calm = standing(pool, [UP, UP, DOWN], Standing(3, 0, 3, 1, fit=True))
    assert not standing(pool, [UP, UNKNOWN, DOWN], calm).panic
    assert amounts(table(pool, [UP, UNKNOWN, DOWN], now=standing(pool, [UP, UNKNOWN, DOWN], calm)))["3"] == 0
    panic = standing(pool, [UP, DOWN, DOWN], calm)
    assert standing(pool, [UP, UNKNOWN, DOWN], panic).panic


def test_members_that_turn_out_to_be_too_few_are_left_for_the_sorry_server():
    pool = replace(POOL, sorry=Sorry(ip_address("10.2.0.9"), 80))
    have = table(pool, [UP, UP, UP])
    now = standing(pool, [DOWN, DOWN, DOWN], as_found(pool, fit=True, sorry=False))
    assert amounts(table(pool, [DOWN] * 3, have, now=now)) == {"1": 0, "2": 0, "3": 0, "9": 1}


OPEN = Standing(0, 2, 2, 1, fit=True, adopted=True)
FIT, UNFIT = Standing(2, 0, 2, 1, fit=True), Standing(0, 0, 2, 1, fit=False)


@pytest.mark.parametrize(
    ("web", "api", "when", "announced", "then"),
    [
        (OPEN, FIT, AnnounceWhen.ALL, True, Reason.FIT),
        (OPEN, OPEN, AnnounceWhen.ALL, True, Reason.ADOPTED),
        (OPEN, FIT, AnnounceWhen.ALL, False, Reason.POOL_UNDECIDED),
        (OPEN, UNFIT, AnnounceWhen.ALL, True, Reason.POOL_UNDECIDED),
        (OPEN, UNFIT, AnnounceWhen.ANY, True, Reason.ADOPTED),
        (OPEN, UNFIT, AnnounceWhen.ANY, False, Reason.POOL_UNDECIDED),
        (OPEN, FIT, AnnounceWhen.ANY, False, Reason.FIT),
    ],
)
def test_a_vip_stays_as_it_is_while_that_hangs_on_pools_nobody_has_judged(web, api, when, announced, then):
    pools = {name: replace(POOL, name=name, members=MEMBERS[:2]) for name in ("web", "api")}
    vip = Vip(VIP, (SERVICE, Service(Protocol.TCP, 81, "api")), when)
    found = decide(
        vip, pools, {"web": web, "api": api}, prefixes=(ip_network("10.100.0.0/24"),), announced=announced
    )
    assert found.because.reason is then
    assert bool(found.lanes) is (then in {Reason.FIT, Reason.ADOPTED})
