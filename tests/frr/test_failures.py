"""Two parts of a director fail, in every order: what the switch has meanwhile and in the end."""

import itertools
import signal
import time

from cluster_rig import ClusterRig, inventory, vips_of

from tests.frr.conftest import eventually

VICTIMS = ("zebra", "ospfd", "bfdd", "controller")
ACTIONS = (signal.SIGKILL, signal.SIGSTOP)
FAILURES = tuple(itertools.product(VICTIMS, ACTIONS))
PAIRS = [(first, second) for first, second in itertools.permutations(FAILURES, 2) if first[0] != second[0]]
AT_ONCE = 8
HELD = 3.5  # seconds; longer than a neighbour waits for a hello
(VIP,) = vips_of(1)


def whole(rig):
    """Wait until every director is as the inventory says; until then, none gets what it does not serve."""
    everybody = {one.address for one in rig.directors}

    def announced():
        hops = rig.history.hops(VIP)
        unserved = [hop for hop in hops if not rig.by_address(hop).serves(VIP)]
        assert not unserved, (unserved, rig.logs())
        return hops == everybody and all(one.announces(VIP) for one in rig.directors)

    eventually(announced, 60, step=0.2)
    eventually(lambda: all(one.runs_our_lines() for one in rig.directors), 60, step=0.2)
    assert {one.lanes()[str(VIP)][0] for one in rig.directors} == {"active"}


def test_any_two_failures_in_any_order(tmp_path):
    assert len(PAIRS) == 48
    with ClusterRig(tmp_path, inventory(AT_ONCE, pace=0.2)) as rig:
        for one in rig.directors:
            one.start()
        whole(rig)
        for start in range(0, len(PAIRS), AT_ONCE):
            strike_and_mend(rig, PAIRS[start : start + AT_ONCE])


def strike_and_mend(rig, pairs):
    """Let one director after the other suffer a pair of failures, all at the same time."""
    round_of = list(zip(rig.directors, pairs, strict=True))
    for one, ((victim, action), _) in round_of:
        one.strike(victim, action)
    time.sleep(0.3)  # the second finds the first under way
    for one, (_, (victim, action)) in round_of:
        one.strike(victim, action)
    time.sleep(HELD)
    for hop in rig.history.hops(VIP):
        assert rig.by_address(hop).serves(VIP)
    for number in range(2):
        for one, pair in round_of:
            one.mend(pair[number][0])
    whole(rig)


def test_staticd_is_no_part_of_it(tmp_path):
    with ClusterRig(tmp_path, inventory(1, bfd=None)) as rig:
        (one,) = rig.directors
        one.start()
        whole(rig)
        one.router.start("staticd")
        time.sleep(1)
        began = time.monotonic()
        one.strike("staticd", signal.SIGKILL)
        time.sleep(1)
        assert rig.history.of(VIP, began) == [(began, {one.address})]
        assert one.announces(VIP)
