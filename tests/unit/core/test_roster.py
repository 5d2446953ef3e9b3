"""Which checks concern which members, and the services through which some of them go."""

from dataclasses import replace
from ipaddress import ip_address

from fake_director import CHECK, inventory

from clusterlb.core.assessment import Assessment, judged
from clusterlb.core.desired import desired
from clusterlb.core.host import sysctls
from clusterlb.core.known import Known
from clusterlb.core.roster import director_key, roster
from clusterlb.core.served import served
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckSpec, VerdictState, Via
from clusterlb.model.director_checks import DirectorProbe
from clusterlb.model.health import Verdict
from clusterlb.model.ipvs import DestinationKey, ForwardMethod

PLAIN = inventory()
WEB = PLAIN.pools["web"]


def with_pool(**changes):
    return replace(PLAIN, pools={"web": replace(WEB, **changes)})


THROUGH = with_pool(checks=(replace(CHECK, via=Via.VIP),))


def test_a_check_through_the_vip_has_a_private_service_for_each_member():
    found = roster(THROUGH)
    assert len(found.probe_services) == len(WEB.members)
    made = desired(THROUGH, served(THROUGH), found.probe_services, (), Known(found), Assessment())
    for key, way in found.probe_services.items():
        state = made.services[key]
        (one,) = state.destinations
        assert (state.service.scheduler, one.weight) == ("rr", 1)
        assert one.method is ForwardMethod.ROUTE
        assert one.key == DestinationKey(way.member.address, way.member.port)


def test_an_unknown_service_has_no_place_in_the_desired_state():
    found = roster(THROUGH)
    assert (
        desired(PLAIN, served(PLAIN), found.probe_services, (), Known(roster(PLAIN)), Assessment()).services
        == {}
    )


def test_a_pool_that_no_service_uses_is_not_checked():
    assert roster(replace(THROUGH, vips={})).checks == {}


def test_a_probe_through_the_vip_is_let_in_from_the_vip():
    assert "net/ipv4/conf/all/accept_local" not in sysctls(PLAIN, PLAIN.directors["d1"])
    assert sysctls(THROUGH, THROUGH.directors["d1"])["net/ipv4/conf/all/accept_local"] == "1"


def test_a_directors_own_probe_is_known_by_what_it_looks_at():
    probe = DirectorProbe("gateway", CheckSpec(), Endpoint(ip_address("10.1.0.254"), 0))
    key = director_key(probe)
    assert (key.probe.endpoint, key.probe.spec, key.check) == (probe.target, probe.check.probe, probe.check)


def test_a_pool_grows_when_the_first_of_its_members_does():
    slow = with_pool(slow_start=30.0)
    found = roster(slow)
    ((first,),), ((second,),), _ = found.checks.values()
    recovered = {
        first: Verdict(VerdictState.UP, since=100.0, recovered=True),
        second: Verdict(VerdictState.UP, since=90.0, recovered=True),
    }

    def grows_at(verdicts):
        known = Known(found, now=100.0, verdicts=verdicts)
        return judged(slow, known, Assessment(), ["web"]).grows_at(["web"])

    alone = [grows_at({key: verdict}) for key, verdict in recovered.items()]
    assert None not in alone
    assert grows_at(recovered) == min(alone) > 100.0
    assert grows_at({}) is None
