from hypothesis import given
from hypothesis import strategies as st

from clusterlb.drivers.frr.merge import displaced, merge, merge_text, needed
from clusterlb.drivers.frr.text import parse, serialise
from clusterlb.model.state import FrrLine

words = st.sampled_from(
    [
        "ip ospf cost 5",
        "ip ospf cost 10",
        "ip ospf area 0",
        "no ip ospf passive",
        "ip ospf passive",
        "description x  y",
        "ospf router-id 1.1.1.1",
        "ospf router-id 2.2.2.2",
        "maximum-paths 8",
        "neighbor 10.0.0.1 remote-as 1",
    ]
)
contexts = st.sampled_from(
    [
        ("interface e0",),
        ("interface e1",),
        ("router ospf",),
        ("vrf red",),
        ("router bgp 1", "address-family ipv4 unicast"),
        ("router bgp 1",),
        ("bfd", "profile a"),
        ("key chain k", "key 1"),
    ]
)
top = st.builds(
    FrrLine, st.just(()), st.sampled_from(["hostname a", "ip route 10.0.0.0/8 Null0", "router ospf"])
)
lines = st.lists(st.one_of(st.builds(FrrLine, contexts, words), top), max_size=20)


def one_value_each(candidates: list[FrrLine]) -> tuple[FrrLine, ...]:
    """Return a configuration that FRR could have: no two lines that set the same thing."""
    return merge((), candidates, ())


@given(lines)
def test_round_trip(candidates):
    configuration = one_value_each(candidates)
    text = serialise(configuration)
    assert parse(text) == configuration
    assert serialise(parse(text)) == text


@given(lines, lines)
def test_up_then_down_is_where_it_was(before, wanted):
    before, wanted = one_value_each(before), one_value_each(wanted)
    ours = needed(before, wanted)
    between = merge(before, ours, ())
    assert needed(between, wanted) == ()
    assert set(before) - set(between) == set(displaced(before, between))
    assert set(merge(between, displaced(before, between), ours)) == set(before)


@given(lines, lines, lines)
def test_merge_keeps_every_other_line_in_order(before, add, remove):
    before = one_value_each(before)
    after = merge(before, add, remove)
    kept = [line for line in before if line in after]
    assert [line for line in after if line in before] == kept
    untouched = set(before) - set(remove) - set(displaced(before, after))
    assert untouched <= set(after)


@given(lines, lines)
def test_a_file_goes_the_same_way_as_its_lines(before, wanted):
    before, wanted = one_value_each(before), one_value_each(wanted)
    ours = needed(before, wanted)
    text = "! top\n" + serialise(before).replace("exit\n", "exit\n! mark\n")
    edited = merge_text(text, ours, ())
    assert set(parse(edited)) == set(merge(before, ours, ()))
    assert merge_text(edited, displaced(before, parse(edited)), ours) == text
