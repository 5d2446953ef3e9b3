"""What of a plan goes out now, and what waits until the switch takes an LSA again."""

from ipaddress import ip_address

from clusterlb.core.plan.pace import announced_vips, changed_vips, hold, lsa, ready_at
from clusterlb.model.address import AddressFamily
from clusterlb.model.ospf import AnnounceMode, AnnounceModes, Lane
from clusterlb.model.plan import Announce, CreateLane, RemoveLane, Withdraw

VIP, OTHER, SIX = map(ip_address, ("10.100.0.1", "10.100.0.2", "fd00:100::1"))
CREATE, LEAVE = CreateLane(Lane.ACTIVE), RemoveLane(Lane.DRAINED)
PLAN = (
    CREATE,
    Announce(VIP, Lane.ACTIVE),
    Announce(OTHER, Lane.STANDBY),
    Withdraw(OTHER, Lane.ACTIVE),
    LEAVE,
)


def test_an_intra_area_vip_shares_its_familys_lsa_and_an_external_one_has_its_own():
    modes = AnnounceModes(AnnounceMode.INTRA_AREA, AnnounceMode.EXTERNAL)
    assert lsa(VIP, modes) is AddressFamily.IPV4
    assert lsa(SIX, modes) == SIX


def test_the_first_change_is_ready_and_the_next_after_the_pace():
    assert ready_at(None, 1.2) == float("-inf")
    assert ready_at(10.0, 1.2) == 11.2


def test_what_a_plan_changes():
    assert changed_vips(PLAN) == {VIP, OTHER}
    assert announced_vips(PLAN) == {VIP}


def test_nothing_is_held_where_no_vip_is():
    assert hold(PLAN, ()) == (PLAN, ())


def test_a_held_vips_changes_wait_and_removals_wait_with_them():
    now, later = hold(PLAN, {OTHER})
    assert now == PLAN[:2]
    assert later == PLAN[2:]
