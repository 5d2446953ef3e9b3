"""Several checks, several ways, pins, panic."""

from ipaddress import ip_address, ip_network

import pytest

from clusterlb.core.member import MemberState, member_state, panics
from clusterlb.core.roster import roster
from clusterlb.model.check import CheckSpec, CheckType, IcmpOptions, Need, ProbeSpec, VerdictState, Via
from clusterlb.model.health import Observation, Verdict
from clusterlb.model.inventory import Cluster, Inventory, Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol

UP, DOWN, UNKNOWN = VerdictState.UP, VerdictState.DOWN, VerdictState.UNKNOWN
TCP = CheckSpec()
PING = CheckSpec(ProbeSpec(CheckType.ICMP, options=IcmpOptions()))
MEMBER = Member(ip_address("10.2.0.101"), 80, 4)
OTHER = Member(ip_address("10.2.0.102"), 80, 4, checks=())
VIPS = [ip_address("10.100.0.1"), ip_address("10.100.0.2")]


def inventory(*checks, vips=1, **more):
    pool = Pool("web", (MEMBER, OTHER), checks, **more)
    services = (Service(Protocol.TCP, 80, "web"),)
    return Inventory(
        Cluster("test", (ip_network("10.100.0.0/24"),)),
        {},
        {"web": pool},
        {vip: Vip(vip, services) for vip in VIPS[:vips]},
    )


def state(given, verdicts, member=MEMBER, pins=None, drains=None, now=0.0):
    """Judge with verdicts in the order of the member's checks and ways."""
    found = roster(given)
    keys = [key for keys in found.checks["web", MEMBER.endpoint] for key in keys]
    known = {key: v if isinstance(v, Verdict) else Verdict(v) for key, v in zip(keys, verdicts, strict=False)}
    return member_state(given.pools["web"], member, found, known, pins or {}, drains or {}, now)


@pytest.mark.parametrize(
    ("need", "verdicts", "expected"),
    [
        (Need.ALL, (UP, UP), UP),
        (Need.ALL, (UP, DOWN), DOWN),
        (Need.ALL, (UNKNOWN, DOWN), DOWN),
        (Need.ALL, (UP, UNKNOWN), UNKNOWN),
        (Need.ALL, (), UNKNOWN),
        (Need.ANY, (UP, DOWN), UP),
        (Need.ANY, (UP, UNKNOWN), UP),
        (Need.ANY, (DOWN, UNKNOWN), UNKNOWN),
        (Need.ANY, (DOWN, DOWN), DOWN),
    ],
)
def test_all_or_any_of_two_checks(need, verdicts, expected):
    assert state(inventory(TCP, PING, need=need), verdicts).state is expected


def test_a_check_of_another_host_probes_it_in_the_members_place():
    elsewhere = ip_address("10.2.0.9")
    found = roster(
        inventory(CheckSpec(address=elsewhere), CheckSpec(address=elsewhere, port=81), CheckSpec(port=82))
    )
    targets = [key.probe.endpoint for keys in found.checks["web", MEMBER.endpoint] for key in keys]
    assert [str(target) for target in targets] == ["10.2.0.9:80", "10.2.0.9:81", "10.2.0.101:82"]


def test_a_member_without_checks_is_up():
    assert state(inventory(), ()).state is UP
    assert state(inventory(TCP), (DOWN,), member=OTHER).state is UP, "its own list of checks is empty"


def test_through_the_vip_every_way_has_to_pass():
    through = CheckSpec(via=Via.VIP)
    given = inventory(through, vips=2)
    keys = roster(given).checks["web", MEMBER.endpoint]
    assert [len(ways) for ways in keys] == [2]
    assert len({key.probe.through.mark for key in keys[0]}) == 2
    assert state(given, (UP, UP)).state is UP
    assert state(given, (UP, DOWN)).state is DOWN


def test_checks_that_differ_in_their_damping_alone_share_a_probe():
    given = inventory(CheckSpec(rise=1), CheckSpec(rise=5))
    assert len(roster(given).users) == 1
    assert state(given, (UP, UNKNOWN)).state is UNKNOWN


@pytest.mark.parametrize("pinned", [UP, DOWN])
def test_a_pin_stands_above_the_checks(pinned):
    found = state(inventory(TCP), (UP,), pins={("web", MEMBER.endpoint): pinned})
    assert (found.state, found.pinned) == (pinned, True)


def test_the_smallest_share_counts_and_grows_with_the_slow_start():
    seen = Observation(True, 10.0, 0.0, "ok")
    half = Verdict(UP, share=50, because=seen)
    fresh = Verdict(UP, since=10.0, recovered=True, because=seen)
    given = inventory(TCP, PING, slow_start=40.0)
    assert state(given, (half, Verdict(UP)), now=10.0).share == 50
    starting = state(given, (Verdict(UP), fresh), now=10.0)
    assert (starting.share, starting.grows_at) == (25, 20.0)
    assert state(given, (half, fresh), now=35.0).share == 50
    assert state(given, (half, fresh), now=50.0).grows_at is None


def test_the_deciding_check_gives_the_reason_and_any_check_a_warning():
    bad = Verdict(DOWN, since=3.0, because=Observation(False, 3.0, 0.0, "refused"))
    warns = Verdict(UP, warning="ends in 5 days")
    found = state(inventory(TCP, PING), (warns, bad))
    assert (found.because, found.since, found.warning) == ("refused", 3.0, "ends in 5 days")


def test_a_roster_has_only_pools_that_serve():
    given = inventory(TCP, vips=0)
    assert not roster(given).users


def test_marks_are_the_same_however_the_inventory_is_ordered():
    one, two = inventory(CheckSpec(via=Via.VIP), vips=1), inventory(CheckSpec(via=Via.VIP), vips=2)
    assert set(roster(one).probe_services) < set(roster(two).probe_services)


def test_panic_counts_unknown_as_up():
    pool = Pool("web", (MEMBER,) * 4, panic=50)
    assert panics(pool, [MemberState(s) for s in (UP, DOWN, DOWN, DOWN)])
    assert not panics(pool, [MemberState(s) for s in (UP, UNKNOWN, DOWN, DOWN)])
    assert not panics(Pool("web", (MEMBER,) * 2), [MemberState(DOWN)] * 2)


@pytest.mark.parametrize("gone", [False, True])
def test_a_drain_stands_above_a_pin_and_above_all_checks(gone):
    who = ("web", MEMBER.endpoint)
    found = state(inventory(TCP), (UP,), pins={who: UP}, drains={who: gone})
    assert (found.state, found.drained, found.gone) == (DOWN, True, gone)
    assert found.because == "drained by an operator"
