from dataclasses import replace

import pytest
from forwarding_inventories import D1, LIST, NAT, RULES, every_method, only

from clusterlb.core.nft.guard import guarded
from clusterlb.core.nft.table import table
from clusterlb.core.plan.diff import diff
from clusterlb.core.plan.rules import BULK
from clusterlb.model.ipvs import ProtocolTimeouts
from clusterlb.model.plan import ChangeSets, LoadRules, SetTimeouts
from clusterlb.model.rules import NO_RULES, NamedSet, SetChange
from clusterlb.model.state import DirectorState
from tests.support.fake_rules import FakeRules

HAVE = table(*RULES["every-method"])


def steps(want, have=HAVE):
    return diff(DirectorState(rules=want), DirectorState(rules=have))


def test_the_same_rules_need_nothing():
    assert steps(HAVE) == ()


def test_an_element_is_changed_alone():
    want = HAVE.changed([SetChange("vips4", {("10.100.0.9",): ""}, (("10.100.0.1",),))])
    come = ChangeSets((SetChange("vips4", {("10.100.0.9",): ""}),))
    go = ChangeSets((SetChange("vips4", remove=(("10.100.0.1",),)),), tidies=True)
    assert steps(want) == (come, go)


def test_a_value_that_changes_goes_and_comes_in_one_step():
    key = next(iter(HAVE.sets["marks_tcp4"].elements))
    want = HAVE.changed([SetChange("marks_tcp4", {key: "0x44000099"})])
    assert steps(want) == (ChangeSets((SetChange("marks_tcp4", {key: "0x44000099"}, (key,)),)),)


def test_other_chains_are_another_table():
    want = replace(HAVE, chains=HAVE.chains + "  chain more {\n  }\n")
    assert steps(want) == (LoadRules(want),)
    assert steps(NO_RULES) == (LoadRules(NO_RULES, tidies=True),)


def test_the_mark_and_the_guard_of_a_vip_that_goes_stay_until_it_is_gone():
    gone = table(only(every_method(), *(vip for vip in every_method().vips if vip != NAT)), D1)
    kernel = FakeRules(HAVE)
    for step in steps(gone):
        assert step.tidies or NAT in guarded(kernel.read())
        kernel.apply(step)
    assert NAT not in guarded(kernel.read())
    assert kernel.read() == gone
    without = HAVE.changed([SetChange("marks_tcp4", remove=tuple(HAVE.sets["marks_tcp4"].elements))])
    assert [step.tidies for step in steps(without)] == [True]


@pytest.mark.parametrize("kind", ["local_addresses", "snat_addresses"])
def test_an_address_that_we_translate_to_is_guarded_until_it_is_gone(kind):
    element = ("10.100.7.7",)
    have = replace(HAVE, sets={**HAVE.sets, f"{kind}4": NamedSet("ipv4_addr", elements={element: ""})})
    want = have.changed([SetChange(f"{kind}4", remove=(element,))])
    assert steps(want, have) == (ChangeSets((SetChange(f"{kind}4", remove=(element,)),), tidies=True),)


def test_a_range_that_gets_longer_is_changed_in_one_step_for_nft_refuses_an_overlap():
    before, after = ((str(LIST), ports) for ports in ("8000-8010", "8000-8020"))
    assert before in HAVE.sets["marks_tcp4"].elements
    want = HAVE.changed([SetChange("marks_tcp4", {after: "0x44000001"}, (before,))])
    assert steps(want) == (ChangeSets((SetChange("marks_tcp4", {after: "0x44000001"}, (before,)),)),)


def test_many_intervals_are_loaded_anew_and_many_addresses_are_not():
    ports = {("10.100.0.2", f"{n}-{n + 1}"): "0x44000001" for n in range(10000, 10002 + 2 * BULK, 2)}
    want = HAVE.changed([SetChange("marks_tcp4", ports)])
    assert steps(want) == (LoadRules(want),)
    addresses = {(f"10.100.9.{n}",): "" for n in range(2 * BULK)}
    assert isinstance(steps(HAVE.changed([SetChange("vips4", addresses)]))[0], ChangeSets)


def test_only_timeouts_that_somebody_asks_for_are_set():
    have = DirectorState(timeouts=ProtocolTimeouts(900, 120, 300))
    assert diff(DirectorState(), have) == ()
    wanted = DirectorState(timeouts=ProtocolTimeouts(tcp=90, udp=300))
    assert diff(wanted, have) == (SetTimeouts(ProtocolTimeouts(tcp=90)),)


class Untouched(dict):
    def items(self):
        raise AssertionError("every element was looked at")


def test_rules_that_nobody_changed_are_not_looked_at():
    large = replace(HAVE.sets["vips4"], elements=Untouched(HAVE.sets["vips4"].elements))
    have = replace(HAVE, sets={**HAVE.sets, "vips4": large})
    want = have.changed([SetChange("vips6", {("fd00:100::9",): ""})])
    assert steps(want, have) == (ChangeSets((SetChange("vips6", {("fd00:100::9",): ""}),)),)
