import math

from clusterlb.checks.alarms import Alarmed, Alarms


def test_rings_in_order_of_time():
    alarms, items = Alarms(), [Alarmed() for _ in range(3)]
    for item, when in zip(items, (3.0, 1.0, 2.0), strict=True):
        alarms.set(item, when)
    assert alarms.next() == 1.0
    assert alarms.take(2.0) == [items[1], items[2]]
    assert alarms.take(2.0) == []
    assert alarms.next() == 3.0


def test_a_new_time_replaces_the_old_one():
    alarms, item = Alarms(), Alarmed()
    alarms.set(item, 1.0)
    alarms.set(item, 5.0)
    assert alarms.take(4.0) == []
    assert alarms.take(5.0) == [item]


def test_an_alarm_set_again_for_its_own_time_rings_once():
    alarms, item, other = Alarms(), Alarmed(), Alarmed()
    for when in (1.0, 2.0, 1.0, 1.0):
        alarms.set(item, when)
    alarms.set(other, 1.0)
    assert alarms.take(3.0) == [item, other]
    assert alarms.take(3.0) == []


def test_the_next_alarm_is_one_that_still_rings():
    alarms, items = Alarms(), [Alarmed() for _ in range(4)]
    for item, when in zip(items, (1.0, 1.0, 2.0, 3.0), strict=True):
        alarms.set(item, when)
    alarms.cancel(items[1])
    assert alarms.next() == 1.0
    alarms.cancel(items[0])
    alarms.set(items[2], 4.0)
    assert alarms.next() == 3.0
    assert alarms.take(9.0) == [items[3], items[2]]


def test_cancelled_alarms_do_not_ring_and_do_not_pile_up():
    alarms, kept = Alarms(), Alarmed()
    alarms.set(kept, 9.0)
    for _ in range(100_000):
        alarms.set(item := Alarmed(), 1e9)
        alarms.cancel(item)
        alarms.cancel(item)
    assert len(alarms) < 2_000
    assert alarms.take(2e9) == [kept]
    assert alarms.next() == math.inf
