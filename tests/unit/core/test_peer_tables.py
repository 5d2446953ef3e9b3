"""Whose table is not that of most directors, for how long, and in what."""

from dataclasses import replace

import pytest

from clusterlb.core.peer_tables import LEAST, apart, difference, differing, odd, patience
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.inventory import Member
from tests.support.fake_director import inventory


@pytest.mark.parametrize(
    ("peers", "found"),
    [
        ([], False),
        (["b"], False),
        (["b", "b"], True),
        (["a", "b", "b"], False),
        (["a", "b", "b", "b"], True),
        (["b", "c"], False),
        (["b", "b", "c"], False),
        (["b", "b", "b", "c"], True),
        (["a", "a", "b"], False),
        (["b"] * 4 + ["a"] * 3, False),
        (["b"] * 5 + ["a"] * 2, True),
    ],
)
def test_odd_is_what_more_than_half_of_all_have_alike_and_otherwise(peers, found):
    tables = [{"web": digest} for digest in peers]
    assert odd({"web": "a"}, tables) == ({"web"} if found else set())


@pytest.mark.parametrize(
    ("peers", "found"),
    [
        ([], False),
        (["b"], True),
        (["a"], False),
        (["a", "b"], False),
        (["a", "b", "b"], True),
        (["b", "c"], False),
    ],
)
def test_apart_is_what_more_than_half_of_the_peers_have_alike_and_otherwise(peers, found):
    tables = [{"web": digest} for digest in peers]
    assert apart(["web"], {"web": "a"}, tables) == ({"web"} if found else set())


def test_a_service_without_a_table_is_apart_where_peers_have_one():
    assert apart(["web", "new"], {}, [{"web": "a"}]) == {"web"}


def test_who_has_no_such_service_has_no_voice():
    assert odd({"web": "a"}, [{"web": "b"}, {"web": "b"}, {}, {"other": "c"}]) == {"web"}
    assert odd({"web": "a"}, [{}, {}]) == frozenset()
    assert odd({}, [{"web": "b"}, {"web": "b"}]) == frozenset()


def test_what_differs_is_of_services_that_both_have():
    assert differing({"a": "1", "b": "2", "c": "3"}, {"a": "1", "b": "9"}) == {"b"}


def test_tables_may_differ_until_each_check_has_had_its_time():
    given = inventory()
    slow = CheckSpec(ProbeSpec(interval=10.0, timeout=5.0), rise=2, fall=3, hold=20.0)
    web = given.pools["web"]
    own = (replace(web.members[0], checks=(slow,)), *web.members[1:])
    pools = {"web": replace(web, members=own), "bare": replace(web, name="bare", checks=())}
    bare = replace(pools["bare"], members=(Member(web.members[0].address, 80),))
    given = replace(given, pools={**pools, "bare": bare})
    assert patience(given, ["web"]) == LEAST + 3 * 15 + 20
    assert patience(given, ["bare"]) == LEAST
    assert patience(given, []) == LEAST


def test_the_difference_is_said_row_by_row():
    assert difference(["x 1", "y 2"], ["x 1", "y 3"], "d2") == "here y 2; at d2 y 3"
    assert difference(["x 1"], ["x 1", "y 3"], "d2") == "here nothing; at d2 y 3"
    assert difference(["x 1", "y 3"], ["y 3"], "d2") == "here x 1; at d2 nothing"
    assert difference(["x", "y"], ["y", "x"], "d2") == "d2 has the same members in another order"
