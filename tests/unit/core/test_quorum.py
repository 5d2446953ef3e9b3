"""Counts with hysteresis, and UNKNOWN that decides nothing."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.member import MemberState
from clusterlb.core.quorum import Standing, standing
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Amount, Member, Pool, Quorum, QuorumOf, Sorry

STATES = {"u": VerdictState.UP, "d": VerdictState.DOWN, "?": VerdictState.UNKNOWN}


def pool_of(up, down, weights, **more):
    members = tuple(Member(ip_address("10.2.0.0") + n, 80, w) for n, w in enumerate(weights, 1))
    return Pool("web", members, quorum=Quorum(up, down, more.pop("of", QuorumOf.MEMBERS)), **more)


def judged(members, before, up=2, down=1, **more):
    weights = more.pop("weights", [1] * len(members))
    states = [MemberState(STATES[member]) for member in members]
    up, down = (a if isinstance(a, Amount) else Amount(a) for a in (up, down))
    before = before if isinstance(before, Standing) else Standing(0, 0, 0, 0, fit=before)
    return standing(pool_of(up, down, weights, **more), states, before)


@pytest.mark.parametrize(
    ("members", "before", "fit"),
    [
        ("uu??", False, True),
        ("u???", False, False),
        ("u???", True, True),
        ("uddd", True, False),
        ("uddd", False, False),
        ("?ddd", True, False),
        ("??dd", True, True),
        ("uudd", False, True),
        ("dddd", True, False),
        ("????", True, True),
        ("????", False, False),
    ],
)
def test_two_up_to_be_fit_one_to_be_unfit(members, before, fit):
    found = judged(members, before)
    assert found.fit is fit
    assert (found.up, found.unknown, found.total) == (members.count("u"), members.count("?"), len(members))


def test_between_the_marks_nothing_changes():
    for before in (True, False):
        assert judged("uudd", before, up=3).fit is before


@pytest.mark.parametrize(
    ("up", "down", "members", "before", "fit", "needs"),
    [
        (Amount(50, percent=True), Amount(25, percent=True), "uuddd", False, False, 3),
        (Amount(50, percent=True), Amount(25, percent=True), "uuudd", False, True, 3),
        (Amount(50, percent=True), Amount(25, percent=True), "uuddd", True, True, 3),
        (Amount(50, percent=True), Amount(25, percent=True), "udddd", True, False, 3),
        (Amount(1, percent=True), Amount(0, percent=True), "udddd", False, True, 1),
        (Amount(100, percent=True), Amount(99, percent=True), "uuuud", True, False, 5),
    ],
)
def test_a_percentage_to_be_fit_is_rounded_up_and_to_be_unfit_down(up, down, members, before, fit, needs):
    found = judged(members, before, up=up, down=down)
    assert (found.fit, found.needs) == (fit, needs)


def test_of_weight_a_heavy_member_counts_for_what_it_weighs():
    half = Amount(50, percent=True)
    assert judged("udd", False, up=half, of=QuorumOf.WEIGHT, weights=[6, 3, 3]).fit
    assert not judged("duu", False, up=Amount(7), of=QuorumOf.WEIGHT, weights=[6, 3, 3]).fit


def test_the_sorry_server_serves_when_it_is_certain_that_the_pool_is_not_fit():
    sorry = Sorry(ip_address("10.2.0.200"), 80)
    assert judged("ddd", True, sorry=sorry).sorry
    assert judged("udd", True, sorry=sorry).sorry
    assert judged("udd", True, sorry=sorry).serves
    assert not judged("???", False, sorry=sorry).sorry, "nothing is known yet"
    assert not judged("uud", False, sorry=sorry).sorry
    assert not judged("ddd", True).serves


def test_a_pool_that_is_fit_and_has_too_few_up_panics():
    assert judged("uuddddd", True, panic=30).panic
    assert not judged("uuu", True, panic=30).panic
    assert not judged("u??????", True, panic=30).panic, "UNKNOWN may be UP"
    assert not judged("ddddddd", True, panic=30).panic, "an unfit pool is withdrawn"


amounts = st.builds(Amount, st.integers(0, 100), st.booleans())
members = st.text("ud?", min_size=1, max_size=12)


@given(members, amounts, amounts, st.booleans(), st.sampled_from(QuorumOf))
def test_unknown_never_decides(states, up, down, before, of):
    """Whatever the UNKNOWN turn out to be, a pool that was judged anew stands as it would with them."""
    found = judged(states, before, up=up, down=down, of=of)
    if found.fit is not before:
        for known in "ud":
            assert judged(states.replace("?", known), before, up=up, down=down, of=of).fit is found.fit


@given(members, amounts, amounts)
def test_a_member_more_up_never_makes_a_pool_unfit(states, up, down):
    if judged(states, True, up=up, down=down).fit:
        for at, state in enumerate(states):
            if state != "u":
                assert judged(states[:at] + "u" + states[at + 1 :], True, up=up, down=down).fit
