"""The lane of a VIP that OSPF announces: what the others do, and what an operator wishes."""

from dataclasses import replace
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from intents import drain

from clusterlb.core.announce import NOWHERE, Decision
from clusterlb.core.drain import Progress
from clusterlb.core.place import Surroundings, place, why_not_drain
from clusterlb.model.address import AddressFamily
from clusterlb.model.cluster_view import Announcement, ClusterFinding, ClusterView, FindingKind
from clusterlb.model.inventory import (
    ActiveStandby,
    Cluster,
    Director,
    Inventory,
    Member,
    Pool,
    Service,
    Vip,
)
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Lane, Ospf, Uplink
from clusterlb.model.reason import Because, Reason

ACTIVE, STANDBY, DRAINED = Lane.ACTIVE, Lane.STANDBY, Lane.DRAINED
ADDRESS = ip_address("10.100.0.1")
D1, D2, D3 = (IPv4Address(f"10.1.0.{last}") for last in (1, 2, 3))
VIP = Vip(ADDRESS, (Service(Protocol.TCP, 80, "web"),))
CLUSTER = Cluster("c", (ip_network("10.100.0.0/24"),), ospf=Ospf(pace=1.0), min_announcers=1)
INVENTORY = Inventory(
    CLUSTER,
    {f"d{n}": Director(f"d{n}", router, (Uplink("e0"),)) for n, router in enumerate((D1, D2, D3), 1)},
    {"web": Pool("web", (Member(ip_address("10.2.0.1"), 80),))},
    {ADDRESS: VIP},
)
FIT = Decision(frozenset({ACTIVE}), Because(Reason.FIT, "web 1/1 up"))
DRAIN = drain(reason="updates")
NOW = 100.0


def seen(warnings=(), taken_at=NOW, **lanes):
    """Return a view of the other directors' announcements, by director: d2=ACTIVE."""
    router = {"d1": D1, "d2": D2, "d3": D3}
    found = (Announcement(router[name], ADDRESS, lane, 10, False, True, 1.0) for name, lane in lanes.items())
    return ClusterView({ADDRESS: tuple(found)}, taken_at, D1, warnings)


def around(view=None, mine=None, **given):
    announced = {} if mine is None else {ADDRESS: frozenset({mine})}
    return Surroundings(D1, NOW, view, announced, **given)


def drained(view, mine=DRAINED, intent=DRAIN, progress=None, inventory=INVENTORY, whose=ADDRESS):
    steps = {} if progress is None else {ADDRESS: progress}
    found = place(VIP, inventory, FIT, around(view, mine, drains={whose: intent}, progress=steps))
    return found.lanes, found.because.reason, found.because.text


def test_nobody_would_hear_of_a_vip_without_a_neighbour():
    found = place(VIP, INVENTORY, FIT, around(adjacent=frozenset({AddressFamily.IPV6})))
    assert (found.lanes, found.because.reason) == (NOWHERE, Reason.NOT_ADJACENT)
    assert "no OSPF neighbour is Full yet" in found.because.text


def test_what_is_announced_stays_when_the_neighbour_goes():
    assert place(VIP, INVENTORY, FIT, around(mine=ACTIVE, adjacent=frozenset())) == FIT


def test_with_paths_for_all_every_director_that_is_fit_serves():
    assert place(VIP, INVENTORY, FIT, around()) == FIT


class TestMoreDirectorsThanPaths:
    INVENTORY = replace(INVENTORY, cluster=replace(CLUSTER, max_active=2))

    def test_one_that_joins_stands_by_and_takes_a_place_that_is_free(self):
        joined = place(VIP, self.INVENTORY, FIT, around(seen(d2=ACTIVE)))
        assert (joined.lanes, joined.because.reason) == ({STANDBY}, Reason.STANDBY)
        assert joined.because.text == "web 1/1 up; active on other directors: 1 of at most 2"
        assert place(VIP, self.INVENTORY, FIT, around(seen(d2=ACTIVE), STANDBY)) == FIT

    @pytest.mark.parametrize(("mine", "lane"), [(ACTIVE, ACTIVE), (STANDBY, STANDBY), (None, STANDBY)])
    def test_without_evidence_it_stays_where_it_is(self, mine, lane):
        isolated = ClusterFinding(FindingKind.ISOLATED, "no link")
        for view in (None, seen(taken_at=NOW - 60.0), seen((isolated,))):
            found = place(VIP, self.INVENTORY, FIT, around(view, mine))
            assert found.lanes == {lane}
            assert lane is ACTIVE or "does not say what the others do" in found.because.text


def test_of_a_vip_that_one_serves_the_first_of_its_order_does():
    vip = replace(VIP, ha=ActiveStandby(("d2", "d1"), preempt=True))
    assert place(vip, INVENTORY, FIT, around(seen(d2=STANDBY), STANDBY)).lanes == {STANDBY}
    assert place(vip, INVENTORY, FIT, around(seen(d3=STANDBY), STANDBY)) == FIT


class TestDrainOfAVip:
    def test_it_goes_to_the_drained_lane_first(self):
        lanes, reason, text = drained(seen(d2=ACTIVE), mine=ACTIVE, progress=Progress())
        assert (lanes, reason) == ({DRAINED}, Reason.DRAINING)
        assert text == "updates; its VIP is not in the drained lane yet"

    def test_it_is_withdrawn_when_its_flows_have_moved(self):
        moved = Progress(moved_at=NOW - 10.0, quiet_since=NOW - 5.0)
        assert drained(seen(d2=ACTIVE), progress=moved) == (NOWHERE, Reason.DRAINED, "updates")
        busy = Progress(moved_at=NOW - 10.0)
        assert drained(seen(d2=ACTIVE), progress=busy)[::2] == (
            {DRAINED},
            "updates; packets still come for it",
        )

    def test_it_serves_while_nobody_else_does_unless_it_is_forced(self):
        moved = Progress(moved_at=NOW - 10.0, quiet_since=NOW - 5.0)
        assert drained(seen(), progress=moved)[0] == {DRAINED}
        assert drained(None, progress=moved)[0] == {DRAINED}
        assert drained(None, progress=moved, intent=replace(DRAIN, force=True))[0] == NOWHERE

    def test_once_withdrawn_it_stays_so_while_others_carry_it(self):
        assert drained(seen(d2=ACTIVE), mine=None)[:2] == (NOWHERE, Reason.DRAINED)
        assert drained(None, mine=None)[:2] == (NOWHERE, Reason.DRAINED)
        lanes, reason, text = drained(seen(d2=DRAINED), mine=None)
        assert (lanes, reason) == ({DRAINED}, Reason.DRAINING)
        assert text == "updates; 0 others announce it: it serves from the drained lane"


class TestDrainOfADirector:
    INVENTORY = replace(INVENTORY, cluster=replace(CLUSTER, max_drained=1))

    def test_where_any_number_may_be_out_it_waits_for_nobody(self):
        assert why_not_drain(replace(INVENTORY, cluster=replace(CLUSTER, max_drained=None)), around()) == ""

    def test_it_waits_for_evidence(self):
        assert why_not_drain(self.INVENTORY, around()).endswith("the drain waits for that")

    def test_it_waits_for_whoever_is_gone_or_drains_before_it(self):
        assert why_not_drain(self.INVENTORY, around(seen(d2=ACTIVE, d3=ACTIVE))) == ""
        assert why_not_drain(self.INVENTORY, around(seen(d2=ACTIVE, d3=DRAINED))) == ""
        gone = why_not_drain(self.INVENTORY, around(seen(d2=ACTIVE)))
        assert gone == "at most 1 directors may be out at once: d3 (gone)"
        second = replace(around(seen(d1=DRAINED, d3=ACTIVE)), own=D2)
        assert why_not_drain(self.INVENTORY, second) == "at most 1 directors may be out at once: d1 (drains)"

    def test_while_it_waits_it_serves(self):
        lanes, reason, _ = drained(seen(d2=ACTIVE), mine=ACTIVE, inventory=self.INVENTORY, whose=None)
        assert (lanes, reason) == ({ACTIVE}, Reason.DRAIN_WAITS)

    def test_then_or_by_force_its_vips_drain(self):
        both = seen(d2=ACTIVE, d3=ACTIVE)
        found = drained(both, mine=ACTIVE, inventory=self.INVENTORY, whose=None)
        assert found[:2] == ({DRAINED}, Reason.DRAINING)
        forced = replace(DRAIN, force=True)
        found = drained(seen(), mine=ACTIVE, intent=forced, inventory=self.INVENTORY, whose=None)
        assert found[:2] == ({DRAINED}, Reason.DRAINING)
