import pytest

from clusterlb.checks.stats import LAG_BUCKETS, Lag


def test_a_lag_counts_in_the_first_bucket_that_reaches_it():
    lag = Lag()
    for seconds in (0.0, LAG_BUCKETS[0], 0.0011, LAG_BUCKETS[-1], 99.0):
        lag.add(seconds)
    assert lag.take() == (99.0, 99.0)
    assert lag.buckets == [2, 1, *[0] * (len(LAG_BUCKETS) - 3), 1, 1]


def test_each_look_begins_anew_and_the_buckets_go_on():
    lag = Lag()
    lag.add(0.3)
    assert lag.take() == (0.3, 0.3)
    assert lag.take() == (0.0, 0.0)
    lag.add(0.4)
    assert lag.take() == (0.4, 0.4)
    assert sum(lag.buckets) == lag.buckets[LAG_BUCKETS.index(0.5)] == 2


@pytest.mark.parametrize(("count", "p99"), [(1, 0), (100, 98), (101, 99), (200, 197)])
def test_the_99th_percentile_is_one_of_the_lags(count, p99):
    lag = Lag()
    for number in range(count):
        lag.add(number / 1000)
    assert lag.take() == (p99 / 1000, (count - 1) / 1000)
