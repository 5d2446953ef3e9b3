from dataclasses import replace

from forwarding_inventories import DIRECT, FULLNAT, NAT, SNAT, TCP, every_method, only

from clusterlb.core.nft.untracked import untracked
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Service, Vip


def test_where_nothing_is_tracked_nothing_is_kept_out():
    assert untracked(only(every_method(), DIRECT, NAT)).chains == ""


def test_masqueraded_services_are_kept_out_both_ways_beside_full_nat():
    part = untracked(only(every_method(), DIRECT, NAT, FULLNAT))
    assert set(part.sets["untracked4"].elements) == {(str(NAT), "tcp", "80"), (str(NAT), "udp", "53")}
    assert ("10.2.0.101", "tcp", "8080") in part.sets["untracked_reply4"].elements
    assert "priority raw" in part.chains


def test_and_beside_snat_pools():
    given = replace(only(every_method(), NAT), snat_pools={"out": SNAT})
    assert "untracked4" in untracked(given).sets


def test_on_demand_all_is_kept_out_that_needs_no_tracking():
    part = untracked(every_method(notrack=True))
    assert {key[0] for key in part.sets["untracked_tcp4"].elements} == {f"10.100.0.{n}" for n in (1, 2, 3)}
    assert {key[0] for key in part.sets["untracked_udp4"].elements} == {"10.100.0.3"}
    assert {key[0] for key in part.sets["untracked6"].elements} == {"fd00:100::1", "fd00:100::3"}
    assert ("10.100.0.2", "8000-8010") in part.sets["untracked_tcp4"].elements
    assert [line.strip() for line in part.chains.splitlines() if "@untracked_" in line][:2] == [
        "ip daddr . tcp dport @untracked_tcp4 notrack",
        "ip daddr . udp dport @untracked_udp4 notrack",
    ]


def test_a_service_with_both_is_tracked():
    given = only(every_method(), NAT)
    (one, other) = given.pools["nat"].members
    pool = replace(given.pools["nat"], members=(one, replace(other, forwarding=Forwarding.FULLNAT)))
    vip = Vip(NAT, (Service(TCP, 80, "nat", Forwarding.NAT),))
    given = replace(given, pools={**given.pools, "nat": pool}, vips={NAT: vip})
    assert untracked(given).chains == ""
