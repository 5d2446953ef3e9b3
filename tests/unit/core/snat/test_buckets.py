"""Who has a bucket of flows, and who had it before; tests/property/test_snat_laws.py has the laws."""

from clusterlb.core.snat.buckets import BUCKETS, NOBODY, Buckets, current, learn

THREE = ("d1", "d2", "d3")


def test_nobody_serves_nobody_owns():
    assert current(()) == NOBODY


def test_one_that_leaves_moves_only_its_own_buckets():
    before, after = current(THREE), current(("d1", "d2"))
    assert set(before) == set(THREE)
    assert all(was in (now, "d3") for was, now in zip(before, after, strict=True))


def test_one_that_joins_asks_for_older_flows_whoever_has_its_buckets_meanwhile():
    found = learn("d1", Buckets(), {"d2", "d3"}, THREE)
    assert found.current == current(THREE)
    before = current(("d2", "d3"))
    for bucket in range(BUCKETS):
        mine = found.current[bucket] == "d1"
        assert found.previous[bucket] == (before[bucket] if mine else None)


def test_one_that_takes_over_asks_the_one_that_left_while_it_can_be_asked():
    known = learn("d1", learn("d1", Buckets(), {"d2", "d3"}, THREE), set(THREE), THREE)
    gone = learn("d1", known, {"d1", "d2"}, ("d1", "d2"))
    there = learn("d1", known, {"d1", "d2"}, THREE)
    took = [b for b in range(BUCKETS) if known.current[b] == "d3" and gone.current[b] == "d1"]
    assert took
    assert {there.previous[bucket] for bucket in took} == {"d3"}
    assert {gone.previous[bucket] for bucket in took} == {None}


def test_one_that_drains_goes_on_asking_whom_it_remembers():
    joined = learn("d1", Buckets(), {"d2", "d3"}, THREE)
    alone = learn("d1", joined, {"d3"}, THREE)
    remembered = [b for b in range(BUCKETS) if joined.previous[b] == "d2" and alone.current[b] == "d1"]
    assert remembered
    assert {alone.previous[bucket] for bucket in remembered} == {"d2"}
    back = learn("d1", alone, set(THREE), THREE, stood_in={"d3"})
    assert {back.previous[bucket] for bucket in remembered} == {"d3"}
