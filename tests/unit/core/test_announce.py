"""Every no has its reason."""

from ipaddress import ip_address, ip_network

import pytest

from clusterlb.core.announce import decide
from clusterlb.core.quorum import Standing
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import AnnounceWhen, Member, Pool, Quorum, QuorumOf, Service, Vip
from clusterlb.model.ipvs import Protocol
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason

VIP = ip_address("10.100.0.1")
PREFIXES = (ip_network("10.100.0.0/24"),)
POOLS = {name: Pool(name, (Member(ip_address("10.2.0.101"), 80),) * 2) for name in ("web", "api")}
UP, DOWN, UNDECIDED = (
    Standing(2, 0, 2, 1, fit=True),
    Standing(0, 0, 2, 1, fit=False),
    Standing(0, 2, 2, 1, fit=False, undecided=True),
)
ADOPTED = Standing(0, 2, 2, 1, fit=True)


def vip(when=AnnounceWhen.ALL):
    services = (Service(Protocol.TCP, 80, "web"), Service(Protocol.TCP, 81, "api"))
    return Vip(VIP, services, when)


def decision(web, api, when=AnnounceWhen.ALL, **more):
    return decide(vip(when), POOLS, {"web": web, "api": api}, **{"prefixes": PREFIXES, **more})


@pytest.mark.parametrize(
    ("web", "api", "when", "reason"),
    [
        (UP, UP, AnnounceWhen.ALL, Reason.FIT),
        (UP, DOWN, AnnounceWhen.ALL, Reason.POOL_BELOW_QUORUM),
        (UP, DOWN, AnnounceWhen.ANY, Reason.FIT),
        (DOWN, DOWN, AnnounceWhen.ANY, Reason.POOL_BELOW_QUORUM),
        (UP, UNDECIDED, AnnounceWhen.ALL, Reason.POOL_UNDECIDED),
        (ADOPTED, ADOPTED, AnnounceWhen.ALL, Reason.ADOPTED),
    ],
)
def test_pools(web, api, when, reason):
    found = decision(web, api, when)
    assert found.because.reason is reason
    good = reason in {Reason.FIT, Reason.ADOPTED}
    assert found.lanes == (frozenset({Lane.ACTIVE}) if good else frozenset())


def test_the_text_names_the_pool_and_the_numbers():
    assert str(decision(UP, UNDECIDED).because) == (
        "pool-undecided: pool api has 0 of 2 members up and needs 1 (2 have no verdict yet)"
    )


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"prefixes": (ip_network("10.99.0.0/24"),)}, Reason.OUTSIDE_PREFIXES),
        ({"unprogrammed": "tcp is missing"}, Reason.NOT_PROGRAMMED),
        ({"director_unfit": Because(Reason.NO_CARRIER, "e0")}, Reason.DIRECTOR_UNFIT),
    ],
)
def test_a_fit_pool_is_not_enough(more, reason):
    found = decision(UP, UP, **more)
    assert (found.lanes, found.because.reason) == (frozenset(), reason)


def test_full_nat_needs_its_local_addresses_of_the_vips_family():
    pools = {"web": Pool("web", (Member(ip_address("10.2.0.101"), 80),))}
    fullnat = Vip(VIP, (Service(Protocol.TCP, 80, "web", Forwarding.FULLNAT),))
    lacks = {"prefixes": PREFIXES, "absent": [ip_address("192.0.2.7")]}
    found = decide(fullnat, pools, {"web": UP}, **lacks)
    assert (found.lanes, found.because.reason) == (frozenset(), Reason.NO_LOCAL_ADDRESS)
    assert "full NAT needs 192.0.2.7, which no interface" in found.because.text
    others = {**lacks, "absent": [ip_address("fd00::7")]}
    assert decide(fullnat, pools, {"web": UP}, **others).because.reason is Reason.FIT
    assert decide(Vip(VIP, (Service(Protocol.TCP, 80, "web"),)), pools, {"web": UP}, **lacks).lanes


def test_a_pool_of_which_the_sorry_server_answers_is_announced_and_named():
    sorry = Standing(0, 0, 2, 1, fit=False, sorry=True)
    found = decision(sorry, UP)
    assert found.because.reason is Reason.SORRY
    assert found.because.text == "pool web has 0 of 2 members up and needs 1, the sorry server answers"


def test_weight_is_counted_as_weight():
    pools = {"web": Pool("web", POOLS["web"].members, quorum=Quorum(of=QuorumOf.WEIGHT))}
    one = Vip(VIP, (Service(Protocol.TCP, 80, "web"),))
    assert decide(one, pools, {"web": DOWN}, prefixes=PREFIXES).because.text == (
        "pool web has weight 0 of 2 up and needs 1"
    )
    assert decide(one, pools, {"web": UP}, prefixes=PREFIXES).because.text == "web 2/2 of weight up"
