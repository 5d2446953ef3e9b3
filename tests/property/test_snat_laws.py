"""Where flows and packets go between directors, whatever these know of each other."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.nft.snat import HOPS
from clusterlb.core.snat.buckets import BUCKETS, Buckets, current, learn, ranking

NAMES = tuple(f"d{number}" for number in range(1, 9))
ONE = st.sampled_from(NAMES)
SOME = st.sets(ONE, min_size=1)
BUCKET = st.integers(0, BUCKETS - 1)


def opens(bucket, at, maps):
    """Return the directors that the first packet of a flow passes."""
    path = [at]
    while maps[path[-1]].current[bucket] not in (None, path[-1]):
        path.append(maps[path[-1]].current[bucket])
        assert len(path) <= len(NAMES)
    return path


def moved(bucket, at, maps, home):
    """Return the directors that a TCP packet passes which none but ``home`` knows, as the rules have it."""
    path = [at]
    while path[-1] != home and len(path) <= HOPS:
        here = maps[path[-1]]
        owner = here.current[bucket] if here.current[bucket] != path[-1] else None
        before = here.previous[bucket]
        onward = (before or owner) if len(path) > 1 else (owner or before)
        if onward is None:
            break
        path.append(onward)
    return path


@given(st.dictionaries(ONE, SOME, min_size=1), BUCKET, st.data())
def test_what_opens_a_flow_goes_round_in_no_circle_whatever_directors_believe(views, bucket, data):
    maps = {name: learn(name, Buckets(), views.get(name, {name}), ()) for name in NAMES}
    path = opens(bucket, data.draw(ONE), maps)
    assert all(ranking(here)[bucket] < ranking(there)[bucket] for here, there in pairwise(path))


@given(SOME, ONE, st.sets(ONE), BUCKET, st.data())
def test_it_passes_three_at_most_while_one_change_gets_about(before, changed, informed, bucket, data):
    after = before ^ {changed}
    maps = {name: learn(name, Buckets(), after if name in informed else before, ()) for name in NAMES}
    at = data.draw(st.sampled_from(sorted(before)))
    assert len(opens(bucket, at, maps)) <= 3


def histories(changes):
    """Who serves, one change after another: somebody joins, or leaves and can still be asked."""
    return st.tuples(SOME, st.lists(ONE, min_size=changes, max_size=changes))


def after(history):
    """Return everybody's maps after a history, and who served before each change."""
    serving, changes = history
    ages = [serving]
    maps = {name: learn(name, Buckets(current(serving)), serving, NAMES) for name in serving}
    for name in changes:
        before, serving = serving, serving ^ {name} or serving
        ages.append(serving)
        for each in {*serving, *maps}:
            stood_in = before if each in serving and each not in before else None
            maps[each] = learn(each, maps.get(each, Buckets()), serving, NAMES, stood_in=stood_in)
    return maps, ages


@given(histories(changes=2), BUCKET, st.data())
def test_a_flow_is_found_from_everywhere_after_two_changes(history, bucket, data):
    maps, ages = after(history)
    home = current(data.draw(st.sampled_from(ages)))[bucket]
    at = data.draw(st.sampled_from(sorted(ages[-1])))
    assert moved(bucket, at, maps, home)[-1] == home


@given(st.sets(ONE, min_size=3), st.booleans(), BUCKET, st.data())
def test_a_flow_is_found_though_who_joins_did_not_see_that_another_left_meanwhile(names, first, bucket, data):
    joins, leaves, *_ = data.draw(st.permutations(sorted(names)))
    ages = [names - {joins}, names if first else names - {joins, leaves}, names - {leaves}]
    maps = {name: learn(name, Buckets(current(ages[0])), ages[0], NAMES) for name in ages[0]}
    maps[joins] = learn(joins, Buckets(), ages[0], NAMES)
    for serving in ages[1:]:
        for name in ages[0]:
            maps[name] = learn(name, maps[name], serving, NAMES)
    maps[joins] = learn(joins, maps[joins], ages[2], NAMES, stood_in=ages[0])
    home = current(data.draw(st.sampled_from(ages)))[bucket]
    at = data.draw(st.sampled_from(sorted(ages[2])))
    assert moved(bucket, at, maps, home)[-1] == home


@given(st.dictionaries(ONE, st.tuples(ONE, ONE)), BUCKET)
def test_a_packet_that_nobody_knows_is_dropped_soon_whatever_the_maps(owners, bucket):
    owners = {name: owners.get(name, (name, None)) for name in NAMES}
    maps = {name: Buckets((now,) * BUCKETS, (was,) * BUCKETS) for name, (now, was) in owners.items()}
    assert len(moved(bucket, NAMES[0], maps, home=None)) <= 1 + HOPS


@given(SOME, ONE)
def test_a_change_moves_only_the_buckets_of_who_comes_or_goes(serving, name):
    without, with_it = current(serving - {name}), current(serving | {name})
    assert all(was == now or now == name for was, now in zip(without, with_it, strict=True))


@given(st.sets(ONE, min_size=2))
def test_nobody_has_more_than_twice_its_share(serving):
    owners = current(serving)
    assert max(map(owners.count, serving)) <= 2 * BUCKETS / len(serving)


@given(SOME, SOME, ONE)
def test_what_is_known_changes_nothing_twice(first, then, own):
    known = learn(own, learn(own, Buckets(), first, NAMES), then, NAMES)
    assert learn(own, known, then, NAMES) == known
