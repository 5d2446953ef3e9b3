"""When a drain is done, as the one who watches it is told."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from statuses import member, status, vip

from clusterlb.cli.watch import progress
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Reason
from clusterlb.model.status import SnatAddressStatus
from clusterlb.model.target import DIRECTOR, parse_target
from clusterlb.model.vrrp import VrrpState

SNAT = SnatAddressStatus(
    address=ip_address("10.100.2.1"), announced=(Lane.ACTIVE,), because="7 flows live on them"
)
DRAINED = vip("10.100.0.1", reason=Reason.DRAINED, because="drained")
STATUS = status(vips=(DRAINED,), snat=(SNAT,))
VIP = parse_target("vip/10.100.0.1")


def test_a_director_is_drained_when_its_snat_addresses_have_gone_too():
    assert progress(STATUS, DIRECTOR) == (False, 0, "7 flows live on them")
    gone = replace(SNAT, announced=())
    assert progress(replace(STATUS, snat=(gone,)), DIRECTOR) == (True, 0, "")


def test_a_vip_is_drained_without_them():
    assert progress(STATUS, VIP) == (True, 0, "")


@pytest.mark.parametrize("state", VrrpState)
def test_a_vip_of_vrrp_is_drained_when_another_director_is_master(state):
    text = "updates; it serves only where no other director does"
    here = replace(DRAINED, announced=(Lane.DRAINED,), because=text, vrrp=state)
    done = state in (VrrpState.BACKUP, VrrpState.INITIALIZE)
    assert progress(replace(STATUS, vips=(here,)), VIP) == (done, 0, "" if done else text)


@pytest.mark.parametrize("target", ["member/web/10.2.0.101:80", "pool/web"])
def test_a_members_drain_says_what_it_waits_for(target):
    drains = parse_target(target)

    def of(**changes):
        return status(vips=(vip("10.100.0.1", member("10.2.0.101:80", inactive=3, **changes)),))

    assert progress(of(), drains) == (False, 3, "weight 0, waiting for connections to end")
    assert progress(of(lingering="3 UDP flows still send"), drains) == (False, 3, "3 UDP flows still send")
    assert progress(of(weight=None), drains) == (True, 0, "")
    assert progress(of(), parse_target("member/web/10.2.0.102:80")) == (True, 0, "")
    assert progress(of(), parse_target("pool/api")) == (True, 0, "")
