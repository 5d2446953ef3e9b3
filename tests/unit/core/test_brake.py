"""A new inventory that takes away much waits for a word, and says what it takes away."""

from dataclasses import replace

from fake_director import inventory

from clusterlb.core.brake import SHOWN, too_much

VIPS = [f"10.100.0.{last}" for last in range(1, 9)]


def without(given, *vips):
    return replace(given, vips={a: vip for a, vip in given.vips.items() if str(a) not in vips})


def test_what_removes_no_more_than_the_limit_is_taken_over():
    before = inventory(*VIPS[:2])
    assert before.cluster.max_removed == 50
    assert too_much(before, before) == ""
    assert too_much(before, without(before, VIPS[0])) == ""


def test_what_removes_more_is_named_with_what_to_do():
    before = inventory(*VIPS[:3])
    assert too_much(before, without(before, *VIPS[:2])) == (
        "it removes 2 of 3 VIPs (10.100.0.1, 10.100.0.2); 2 of 3 services (tcp 10.100.0.1:80, "
        "tcp 10.100.0.2:80): more than cluster.max_removed (50%). If that is meant: clusterlb reload --yes"
    )


def test_of_many_the_first_are_named():
    before = inventory(*VIPS)
    text = too_much(before, without(before, *VIPS[:7]))
    assert f"7 of 8 VIPs ({', '.join(VIPS[:SHOWN])} and 2 more)" in text


def test_members_of_pools_that_no_service_uses_do_not_count():
    before = inventory(members=4)
    after = inventory(members=1)
    assert "3 of 4 members (10.2.0.102:80, 10.2.0.103:80, 10.2.0.104:80)" in too_much(before, after)
    idle = replace(before, pools={**before.pools, "idle": replace(before.pools["web"], name="idle")})
    assert too_much(idle, before) == ""


def test_a_limit_of_all_is_none():
    before = inventory(*VIPS)
    any_amount = replace(before, cluster=replace(before.cluster, max_removed=100))
    assert too_much(any_amount, without(before, *VIPS)) == ""
