"""Which of many directors serve; the laws over all orders of events are in tests/property/test_scale.py."""

from ipaddress import IPv4Address

import pytest

from clusterlb.core.scale import lane
from clusterlb.model.ospf import Lane

ACTIVE, STANDBY, DRAINED = Lane.ACTIVE, Lane.STANDBY, Lane.DRAINED
D1, D2, D3, STRANGER = (IPv4Address(f"10.1.0.{last}") for last in (1, 2, 3, 9))
ORDER = (D1, D2, D3)


@pytest.mark.parametrize("mine", [None, DRAINED])
def test_one_that_joins_stands_by_first(mine):
    assert lane(D1, mine, {}, ORDER, 2, preempt=False) is STANDBY


@pytest.mark.parametrize(
    ("own", "mine", "others", "expected"),
    [
        (D3, ACTIVE, {D1: STANDBY, D2: ACTIVE}, ACTIVE),  # it stays while there are places
        (D3, ACTIVE, {D1: ACTIVE, D2: ACTIVE}, STANDBY),  # of too many, the last steps back
        (D2, ACTIVE, {D1: ACTIVE, D3: ACTIVE}, ACTIVE),
        (D2, STANDBY, {D1: ACTIVE, D3: STANDBY}, ACTIVE),  # a free place, and nobody before it
        (D3, STANDBY, {D1: ACTIVE, D2: STANDBY}, STANDBY),
        (D3, STANDBY, {D1: ACTIVE, D2: DRAINED}, ACTIVE),  # who drains takes no part
        (STRANGER, STANDBY, {D1: ACTIVE, D3: STANDBY}, STANDBY),  # whom no order names comes last
    ],
)
def test_without_preempt_who_serves_goes_on(own, mine, others, expected):
    assert lane(own, mine, others, ORDER, 2, preempt=False) is expected


@pytest.mark.parametrize(
    ("own", "mine", "others", "expected"),
    [
        (D1, STANDBY, {D2: ACTIVE, D3: ACTIVE}, ACTIVE),
        (D3, ACTIVE, {D1: STANDBY, D2: ACTIVE}, STANDBY),
        (D3, ACTIVE, {D2: ACTIVE}, ACTIVE),
    ],
)
def test_with_preempt_the_first_of_the_order_serve(own, mine, others, expected):
    assert lane(own, mine, others, ORDER, 2, preempt=True) is expected
