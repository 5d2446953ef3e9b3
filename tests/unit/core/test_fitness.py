"""Every no of a director has its reason, and no news is not bad news."""

from dataclasses import replace

import pytest

from clusterlb.core.fitness import MARGIN, DirectorHealth, Failures, unfit
from clusterlb.model.address import AddressFamily
from clusterlb.model.check import VerdictState
from clusterlb.model.director_checks import DirectorChecks
from clusterlb.model.health import Observation, Verdict
from clusterlb.model.reason import Reason

EVERYTHING = DirectorChecks(ospf_full=1, bfd=True, conntrack=90, connections=90, descriptors=90)
FINE = DirectorHealth(
    carrier={"e0": True, "e1": False},
    ospf_full=1,
    ospf6_full=1,
    bfd_up=1,
    filled={"conntrack": 10.0, "connections": 10.0, "descriptors": 10.0},
    probes={"disk": Verdict(VerdictState.UP)},
)
BROKEN = Verdict(VerdictState.DOWN, because=Observation(False, 1.0, 0.0, "exit 1: no space"))


def test_nothing_known_is_not_unfit():
    assert unfit(DirectorHealth(), EVERYTHING) is None


def test_all_well():
    assert unfit(FINE, EVERYTHING) is None


@pytest.mark.parametrize(
    ("bad", "reason", "word"),
    [
        ({"carrier": {"e0": False, "e1": False}}, Reason.NO_CARRIER, "e0, e1"),
        ({"frr": Failures(3, "timeout")}, Reason.FRR_SILENT, "timeout"),
        ({"ipvs": Failures(3, "EIO")}, Reason.IPVS_UNREADABLE, "EIO"),
        ({"ospf_full": 0}, Reason.OSPF_NOT_FULL, "1 needed"),
        ({"bfd_up": 0}, Reason.BFD_DOWN, "BFD"),
        ({"filled": {"conntrack": 90.0}}, Reason.CONNTRACK_FULL, "nf_conntrack_max"),
        ({"filled": {"connections": 95.0}}, Reason.CONNECTIONS_FULL, "conn_tab_bits"),
        ({"filled": {"descriptors": 99.0}}, Reason.DESCRIPTORS_LOW, "file-max"),
        ({"probes": {"disk": BROKEN}}, Reason.CHECK_FAILED, "no space"),
    ],
)
def test_each_check_alone_makes_unfit_and_only_where_it_is_asked_for(bad, reason, word):
    health = replace(FINE, **bad)
    found = unfit(health, EVERYTHING)
    assert found.reason is reason
    assert word in found.text
    optional = {"ospf_full", "bfd_up", "filled"}
    if bad.keys() & optional:
        assert unfit(health, DirectorChecks()) is None


def test_two_failures_are_no_silence_and_carrier_can_be_left_out():
    assert unfit(replace(FINE, frr=Failures(2), ipvs=Failures(2)), EVERYTHING) is None
    assert unfit(replace(FINE, carrier={"e0": False}), replace(EVERYTHING, carrier=False)) is None


def test_a_table_has_to_empty_by_a_margin():
    full = unfit(replace(FINE, filled={"conntrack": 91.0}), EVERYTHING)
    almost = replace(FINE, filled={"conntrack": 90.0 - MARGIN})
    assert unfit(almost, EVERYTHING, full).reason is Reason.CONNTRACK_FULL
    assert unfit(almost, EVERYTHING) is None
    assert unfit(replace(FINE, filled={"conntrack": 84.9}), EVERYTHING, full) is None


@pytest.mark.parametrize(
    ("bad", "word"),
    [
        ({"ospf6_full": 0}, "show ipv6 ospf6 neighbor"),
        (
            {"ospf6d": Failures(3, "timeout")},
            "ospf6d has not answered 3 times",
        ),
    ],
)
def test_what_ospfv3_lacks_concerns_ipv6_alone(bad, word):
    health = replace(FINE, **bad)
    assert unfit(health, EVERYTHING, None, AddressFamily.IPV4) is None
    assert word in unfit(health, EVERYTHING, None, AddressFamily.IPV6).text


def test_what_ospfv2_lacks_concerns_ipv4_alone():
    health = replace(FINE, ospf_full=0)
    assert unfit(health, EVERYTHING, None, AddressFamily.IPV4).reason is Reason.OSPF_NOT_FULL
    assert unfit(health, EVERYTHING, None, AddressFamily.IPV6) is None


@pytest.mark.parametrize("family", AddressFamily)
def test_everything_else_concerns_both(family):
    full = {"filled": {"conntrack": 90.0}}
    for bad in ({"carrier": {"e0": False}}, {"frr": Failures(3)}, {"bfd_up": 0}, full):
        assert unfit(replace(FINE, **bad), EVERYTHING, None, family) is not None


def test_the_first_error_that_stands_is_told():
    assert FINE.error == ""
    assert replace(FINE, ipvs=Failures(1, "EIO")).error == "EIO"
    assert replace(FINE, ipvs=Failures(1, "EIO"), ospf6d=Failures(1, "no ospf6d")).error == "no ospf6d"
    assert replace(FINE, ospf6d=Failures(1, "no ospf6d"), frr=Failures(1, "timeout")).error == "timeout"
