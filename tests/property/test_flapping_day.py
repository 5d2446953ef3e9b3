"""A day with members that flap: what the kernel and the switch get to see of it is bounded by the holds.

Everything that decides is pure, so a day is a loop over numbers. One member of twenty (5 %) flaps all the
time, at a pace of their own; the others lose a probe now and then.
"""

from __future__ import annotations

import random
from ipaddress import ip_address, ip_network

from clusterlb.core.assessment import Assessment, assess, judged
from clusterlb.core.desired import desired
from clusterlb.core.known import Known
from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.pace import changed_vips, ready_at
from clusterlb.core.roster import roster
from clusterlb.core.served import served
from clusterlb.core.verdict import first, judge
from clusterlb.model.check import CheckSpec, ProbeSpec
from clusterlb.model.health import CheckKey, Observation
from clusterlb.model.inventory import Amount, Cluster, Inventory, Member, Pool, Quorum, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.plan import AddDestination, EditDestination, RemoveDestination
from clusterlb.model.state import DirectorState

DAY = 86400
INTERVAL = 10
HOLD = 300.0
FLAPPING, STEADY = 1, 19
VIP, SMALL = ip_address("10.100.0.1"), ip_address("10.100.0.2")


def inventory(hold):
    """Return two VIPs: one with all members behind it, one with nothing but those that flap."""
    check = CheckSpec(ProbeSpec(interval=INTERVAL), rise=2, fall=3, hold=hold)
    members = tuple(Member(ip_address("10.2.0.1") + n, 80) for n in range(FLAPPING + STEADY))
    half = Quorum(Amount(50, percent=True), Amount(40, percent=True))
    pools = {
        "web": Pool("web", members, (check,), quorum=half),
        "few": Pool("few", members[:FLAPPING], (check,), quorum=Quorum(Amount(1), Amount(0))),
    }
    vips = {
        VIP: Vip(VIP, (Service(Protocol.TCP, 80, "web"),)),
        SMALL: Vip(SMALL, (Service(Protocol.TCP, 80, "few"),)),
    }
    return Inventory(Cluster("test", (ip_network("10.100.0.0/24"),)), {}, pools, vips)


def a_day(given, seed, seconds=DAY):
    """Return how often members were edited and announcements changed."""
    dice = random.Random(seed)
    who = roster(given)
    keys = [use.key for uses in who.users.values() for use in uses]
    swings: dict[CheckKey, tuple[int, bool]] = {}
    verdicts = {key: first(key.check) for key in keys}
    services = served(given)
    assessment = Assessment()
    have = DirectorState()
    edits = changes = 0
    last_change = None
    for now in range(0, seconds, INTERVAL):
        dirty = False
        for number, key in enumerate(keys):
            if number < FLAPPING:
                until, ok = swings.get(key, (0, False))
                if now >= until:
                    swings[key] = until, ok = now + dice.choice([20, 40, 60, 120]), not ok
            else:
                ok = dice.random() > 0.01
            before = verdicts[key]
            verdicts[key] = judge(before, Observation(ok, float(now), 0.0, ""), key.check)
            dirty = dirty or verdicts[key].state is not before.state
        if not dirty:
            continue
        known = Known(roster=who, now=float(now), verdicts=verdicts, services=have.services)
        assessment = judged(given, known, assessment, given.pools)
        assessment = assess(given, known, assessment, given.pools, given.vips)
        want = desired(given, services, services, given.vips, known, assessment)
        plan = diff(want, have)
        assert not changed_vips(plan) or now >= ready_at(last_change, given.cluster.ospf.pace)
        edits += sum(isinstance(s, EditDestination | AddDestination | RemoveDestination) for s in plan)
        if changed_vips(plan):
            changes, last_change = changes + 1, float(now)
        have = want
    return edits, changes, len(keys)


def test_edits_and_announcements_of_a_day_are_bounded_by_the_hold():
    edits, changes, members = a_day(inventory(HOLD), 1)
    stretches = DAY / HOLD + 1
    begin = 2 * (STEADY + 2 * FLAPPING)
    # one DOWN and one UP per hold, in each of the two services that a flapping member is in
    assert edits - begin > FLAPPING * 10
    assert edits <= begin + 2 * 2 * FLAPPING * stretches
    assert changes <= 2 * 2 * FLAPPING * stretches + 2
    assert members == FLAPPING + STEADY


def test_without_a_hold_the_same_day_changes_more():
    held, _, _ = a_day(inventory(HOLD), 1, DAY // 12)
    free, _, _ = a_day(inventory(0.0), 1, DAY // 12)
    assert free > 1.5 * held
