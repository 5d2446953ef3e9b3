"""Why a route stays a while longer when its VIP drains."""

from ipaddress import IPv4Address

from clusterlb.core.drain import Progress, ahead_of, why_not_withdraw
from clusterlb.model.ospf import Lane

D1, D2, D3 = (IPv4Address(f"10.1.0.{last}") for last in (1, 2, 3))
MOVED = Progress(moved_at=100.0, quiet_since=101.0)


def why(progress: Progress = MOVED, others=None, *, seen_at: float = 110.0, now: float = 110.0) -> str:
    others = {D2: Lane.ACTIVE} if others is None else others
    return why_not_withdraw(progress, others, seen_at=seen_at, now=now, pace=1.2, quiet=3.0, needed=1)


def test_the_route_goes_when_others_announce_and_no_packet_came_for_a_while():
    assert why() == ""


def test_the_switch_has_time_to_see_the_drained_lane():
    assert why(now=101.0) == "the switch is about to see the drained lane"


def test_the_others_are_looked_at_after_that():
    assert why(seen_at=101.0) == "the others have not been looked at since"


def test_enough_others_announce():
    assert why(others={D2: Lane.DRAINED}).startswith("nobody else announces it, and 1 must")


def test_packets_hold_the_route_until_the_deadline():
    assert why(Progress(moved_at=100.0)) == "packets still come for it"
    assert why(Progress(moved_at=100.0, quiet_since=109.0)) == "packets still come for it"
    assert why(Progress(moved_at=100.0, deadline=110.0)) == ""


def test_who_drains_already_and_stands_before_in_the_inventory_goes_first():
    assert ahead_of(D2, [D1], [], (D1, D2, D3), limit=1) == (D1,)
    assert ahead_of(D2, [D3], [], (D1, D2, D3), limit=1) == ()
    assert ahead_of(D2, [D1], [], (D1, D2, D3), limit=2) == ()
    assert ahead_of(D2, [], [D3], (D1, D2, D3), limit=1) == (D3,)
