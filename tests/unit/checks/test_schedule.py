from collections import Counter
from ipaddress import ip_address

import pytest

from clusterlb.checks.schedule import TOGETHER, catch_up, first_start, phase, slot_after_first, spread
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey


def key(number: int = 0, interval: float = 2.0) -> ProbeKey:
    return ProbeKey(Endpoint(ip_address("10.0.0.0") + number, 80), ProbeSpec(interval=interval))


def test_the_spread_is_the_same_in_every_process():
    assert spread(key()) == pytest.approx(0.79759, abs=1e-5)


def test_neighbouring_addresses_spread_evenly():
    tenths = [0] * 10
    for number in range(5000):
        tenths[int(spread(key(number)) * 10)] += 1
    assert min(tenths) > 400
    assert max(tenths) < 600


def test_keys_share_instants_and_fill_all_of_them():
    phases = Counter(phase(key(number)) for number in range(6400))
    assert set(phases) == {n * TOGETHER for n in range(64)}
    assert min(phases.values()) > 60
    assert max(phases.values()) < 150


@pytest.mark.parametrize("interval", [0.01, 0.2, 1.7])
def test_the_phase_lies_within_any_interval(interval):
    assert all(0 <= phase(key(number, interval)) < interval for number in range(200))


def test_keys_of_different_intervals_meet_again_and_again():
    slots = [
        slot_after_first(phase(key(number, interval)), interval, 1000.3)
        for number, interval in enumerate((0.5, 2.0, 5.0))
    ]
    assert all(slot % TOGETHER == 0 for slot in slots)


@pytest.mark.parametrize("interval", [0.1, 1.0, 2.0, 60.0])
def test_the_first_round_takes_a_second_at_most(interval):
    for number in range(200):
        begin = first_start(key(number, interval), 1000.0)
        assert 1000.0 <= begin < 1000.0 + min(interval, 1.0)
        gap = slot_after_first(phase(key(number, interval)), interval, begin) - begin
        assert interval / 2 - 1e-6 <= gap <= interval * 1.5 + 1e-6


def test_a_key_returns_to_the_same_slots_whenever_it_was_added():
    slots = {
        round(slot_after_first(phase(key()), 2.0, first_start(key(), now)) % 2.0, 6)
        for now in (0.0, 17.3, 99.9)
    }
    assert len(slots) == 1


def test_catching_up_serves_the_latest_slot_and_counts_the_others():
    assert catch_up(10.0, 2.0, 9.0) == (10.0, 0)
    assert catch_up(10.0, 2.0, 11.9) == (10.0, 0)
    assert catch_up(10.0, 2.0, 12.0) == (12.0, 1)
    assert catch_up(10.0, 2.0, 3610.5) == (3610.0, 1800)
