"""Few steps, and never nothing by rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.weight import STEPS, in_steps, slow_start, weight


@pytest.mark.parametrize(
    ("share", "steps"), [(0, 0), (1, 25), (25, 25), (26, 50), (99, 100), (150, 100), (-3, 0)]
)
def test_shares_are_rounded_up_to_quarters(share, steps):
    assert in_steps(share) == steps


@given(st.integers(1, 65535), st.integers(1, 100))
def test_a_member_that_gets_a_share_gets_something_and_never_more_than_its_own(nominal, share):
    assert 1 <= weight(nominal, share) <= nominal


def test_nothing_of_something_and_something_of_nothing_are_nothing():
    assert weight(10, 0) == weight(0, 100) == 0


@given(st.floats(0.1, 3600), st.floats(0, 4000))
def test_a_slow_start_ends_after_its_time_in_few_steps(duration, after):
    share, grows_at = slow_start(100.0, 100.0 + after, duration)
    assert share % (100 // STEPS) == 0
    assert 0 < share <= 100
    if after >= duration:
        assert (share, grows_at) == (100, None)
    if grows_at is not None:
        assert grows_at > 100.0 + after - 1e-6
        assert slow_start(100.0, grows_at, duration)[0] > share


def test_the_steps_of_a_slow_start():
    seen = [slow_start(0.0, now, 40.0)[0] for now in (0, 9.9, 10, 20, 29.9, 30, 40)]
    assert seen == [25, 25, 50, 75, 75, 100, 100]


def test_without_a_slow_start_a_member_has_all_at_once():
    assert slow_start(0.0, 0.0, 0.0) == (100, None)
