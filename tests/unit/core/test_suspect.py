"""A member that takes connections and establishes none."""

from clusterlb.core.suspect import ENOUGH, SuspectWatch
from clusterlb.model.ipvs import Counters, DestinationStatistics


def numbers(connections, *, size=60, active=0):
    counters = Counters(connections=connections, in_packets=connections, in_bytes=connections * size)
    return DestinationStatistics(counters=counters, active=active)


def watched(*samples, window=10.0):
    watch = SuspectWatch(window)
    return [watch.add(at, each) for at, each in samples][-1]


def test_it_is_suspect_once_a_whole_window_has_brought_nothing_but_syns():
    assert watched((0.0, numbers(0)), (5.0, numbers(9))) == ""
    said = watched((0.0, numbers(0)), (5.0, numbers(9)), (10.0, numbers(9)))
    assert said == "9 connections began in 10 s and none was established"


def test_few_connections_may_all_be_scans():
    assert watched((0.0, numbers(0)), (10.0, numbers(ENOUGH - 1))) == ""
    assert watched((0.0, numbers(0)), (10.0, numbers(ENOUGH))) != ""


def test_one_that_was_seen_established_clears_it():
    assert watched((0.0, numbers(0)), (5.0, numbers(9, active=1)), (10.0, numbers(9))) == ""


def test_packets_longer_than_syns_clear_it():
    assert watched((0.0, numbers(0)), (10.0, numbers(9, size=81))) == ""


def test_the_window_moves_on():
    """What began before the window does not count in it."""
    early = [(0.0, numbers(0)), (1.0, numbers(90))]
    assert watched(*early, (11.0, numbers(91)), (12.0, numbers(92))) == ""


def test_a_destination_that_is_made_anew_is_watched_anew():
    before = [(0.0, numbers(50)), (9.0, numbers(60))]
    assert watched(*before, (11.0, numbers(7)), (20.0, numbers(20))) == ""
    assert watched(*before, (11.0, numbers(7)), (21.0, numbers(20))).startswith("13 connections")
