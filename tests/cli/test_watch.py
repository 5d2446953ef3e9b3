"""When a drain is done, as the one who watches it is told."""

import pytest

from clusterlb.cli.watch import progress

STATUS = {
    "vips": [{"vip": "10.100.0.1", "announced": [], "because": "drained", "services": []}],
    "snat": [{"address": "10.100.2.1", "announced": ["active"], "because": "7 flows live on them"}],
}


def test_a_director_is_drained_when_its_snat_addresses_have_gone_too():
    assert progress(STATUS, "director") == (False, 0, "7 flows live on them")
    gone = [{**STATUS["snat"][0], "announced": []}]
    assert progress({**STATUS, "snat": gone}, "director") == (True, 0, "")


def test_a_vip_is_drained_without_them():
    assert progress(STATUS, "vip/10.100.0.1") == (True, 0, "")


@pytest.mark.parametrize(
    ("vrrp", "done"), [("master", False), ("", False), ("backup", True), ("initialize", True)]
)
def test_a_vip_of_vrrp_is_drained_when_another_director_is_master(vrrp, done):
    text = "updates; it serves only where no other director does"
    vip = {**STATUS["vips"][0], "announced": ["drained"], "because": text, "vrrp": vrrp}
    assert progress({**STATUS, "vips": [vip]}, "vip/10.100.0.1") == (done, 0, "" if done else text)


def test_a_members_drain_says_what_it_waits_for():
    member = {"member": "10.2.0.101:80", "weight": 0, "active": 0, "inactive": 3, "lingering": ""}
    services = [{"pool": "web", "members": [member]}]
    status = {**STATUS, "vips": [{**STATUS["vips"][0], "services": services}]}
    target = "member/web/10.2.0.101:80"
    assert progress(status, target) == (False, 3, "weight 0, waiting for connections to end")
    member["lingering"] = "3 UDP flows still send"
    assert progress(status, target) == (False, 3, "3 UDP flows still send")
    member["weight"] = None
    assert progress(status, target) == (True, 0, "")
