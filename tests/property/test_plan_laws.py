"""The laws of plans: equality, completeness, safety of every prefix, convergence after interruption."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

from director_simulation import apply
from director_strategies import GATEWAY, GROUPS, MARKS, serves, states
from hypothesis import given, settings
from hypothesis import strategies as st

from clusterlb.core.plan.diff import diff, service_steps
from clusterlb.core.plan.order import order
from clusterlb.core.vrrp import place_of, stood
from clusterlb.model.address import IPAddress
from clusterlb.model.plan import (
    Announce,
    AwaitWithdrawn,
    ConfigureFrr,
    FrrPart,
    RemoveService,
    RuleStep,
    Step,
    Withdraw,
)
from clusterlb.model.state import DirectorState


def vips_of(key):
    return key.vips or {vip for vip, mark in MARKS.items() if mark == key.fwmark}


def brings_and_takes(want, have):
    """Say whether the table loses its map of marks and gets another kind of set: that is one load."""
    gone, come = (
        have.rules.sets.keys() - want.rules.sets.keys(),
        want.rules.sets.keys() - have.rules.sets.keys(),
    )
    return "marks4" in gone and bool(come)


def owners(state):
    return state.rules.sets["snat_current"].elements if "snat_current" in state.rules.sets else {}


def carry_out(have, plan):
    for step in plan:
        have = apply(have, step)
    return have


def test_the_strategies_make_every_kind_of_step():
    found = set()

    @settings(max_examples=200, database=None)
    @given(states(), states())
    def collect(want, have):
        for step in diff(want, have):
            found.add((type(step), getattr(step, "part", None), getattr(step, "tidies", None)))

    collect()
    assert {kind for kind, _, _ in found} == set(get_args(Step))
    assert {part for _, part, _ in found} == {None, *FrrPart}
    assert {kind for kind, _, tidies in found if tidies} == set(get_args(RuleStep))


@given(states())
def test_a_state_does_not_differ_from_itself(state):
    assert diff(state, state) == ()


@given(states(), states())
def test_a_plan_carried_out_leaves_nothing_to_do(want, have):
    assert diff(want, carry_out(have, order(diff(want, have)))) == ()


@given(states(), states())
def test_interrupted_after_any_step_a_fresh_plan_completes(want, have):
    plan = order(diff(want, have))
    for stopped in range(len(plan)):
        halfway = carry_out(have, plan[:stopped])
        assert diff(want, carry_out(halfway, order(diff(want, halfway)))) == ()


@given(states(), states())
@settings(max_examples=500)
def test_every_prefix_delivers_and_guards_what_may_still_come(want, have):
    """That is what it announces, and until its packets have gone elsewhere what it has announced."""
    state = have
    coming = set(have.local_routes)
    for step in order(diff(want, have)):
        state = apply(state, step)
        coming |= state.announced.keys()
        if isinstance(step, AwaitWithdrawn):
            coming -= step.vips
        for vip in coming:
            assert vip in state.local_routes, f"{vip} is announced and not delivered after {step}"
            if brings_and_takes(want, have):
                continue
            assert (str(vip),) in state.rules.sets["vips4"].elements, f"nothing guards {vip} after {step}"
            assert serves(state, vip), f"{vip} is announced without a service after {step}"


@given(states(), states(), st.booleans())
def test_every_prefix_delivers_what_it_stands_for_election_for(want, have, leaving):
    """A director that may be elected at any moment has the VIP's service, its local route and its device."""
    want = DirectorState() if leaving else want
    state = have
    for step in order(diff(want, have), leaving=leaving):
        state = apply(state, step)
        for vip in stood(state.frr, GROUPS, state.devices):
            assert vip in state.local_routes, f"{vip} has no local route after {step}"
            assert serves(state, vip), f"{vip} has no service after {step}"
        shown = {place_of(line) for line in state.frr} - {None}
        assert shown <= {group.place for group in GROUPS if group.device in state.devices}, f"after {step}"


@given(states(), states(), st.booleans())
def test_in_every_prefix_a_map_leads_only_where_there_is_a_way(want, have, leaving):
    want = DirectorState() if leaving else want
    state = have
    for step in order(diff(want, have), leaving=leaving):
        state = apply(state, step)
        ways = {(peer.mark, peer.address.version) for peer in state.peers}
        for (nfproto, _), mark in owners(state).items():
            assert (int(mark, 16), 4 if nfproto == "2" else 6) in ways, f"{mark} leads nowhere after {step}"


@given(states(), states(), st.booleans())
def test_every_prefix_translates_what_it_is_the_default_route_for(want, have, leaving):
    want = DirectorState() if leaving else want
    state = have
    for step in order(diff(want, have), leaving=leaving):
        state = apply(state, step)
        assert GATEWAY not in state.frr or "snat_current" in state.rules.sets, f"after {step}"


@given(states(), states())
def test_a_vip_is_announced_only_when_its_services_are_as_wanted(want, have):
    state = have
    for step in order(diff(want, have)):
        if isinstance(step, Announce):
            for key, wanted in want.services.items():
                if step.vip in vips_of(key):
                    assert service_steps(key, wanted, state.services.get(key)) == []
            # FRR takes what VRRP needs later: OSPF does not wait for it
            lines = {*state.frr} ^ {*want.frr}
            assert {line for line in lines - {GATEWAY} if place_of(line) is None} == set()
        state = apply(state, step)


@given(states(), states())
def test_a_lane_change_is_make_before_break(want, have):
    state = have
    moving = set(want.announced) & set(have.announced)
    for step in order(diff(want, have)):
        state = apply(state, step)
        assert moving <= set(state.announced)


@given(states(), states())
def test_nothing_of_a_vip_goes_before_its_flows_have_moved(want, have):
    plan = order(diff(want, have))
    gone: set[IPAddress] = set()
    waited: set[IPAddress] = set()
    for step in plan:
        if isinstance(step, Withdraw):
            gone.add(step.vip)
        if isinstance(step, AwaitWithdrawn):
            waited |= step.vips
        if isinstance(step, RemoveService) and not vips_of(step.key) & want.local_routes:
            assert vips_of(step.key) <= waited


@given(states(), states())
def test_a_member_that_is_down_keeps_its_place_in_the_table(want, have):
    """From the same members at other weights only edits follow: the mh table keeps its shape."""
    same = replace(
        want,
        services={
            key: replace(s, destinations=tuple(replace(d, weight=0) for d in s.destinations))
            for key, s in want.services.items()
        },
    )
    kinds = {type(step).__name__ for step in diff(same, want)}
    assert kinds <= {"EditDestination", "ReadBack"}


@given(states())
def test_leaving_ends_with_nothing_and_restores_settings_last(have):
    want = DirectorState(sysctls={"net/ipv4/vs/sloppy_tcp": "0"})
    plan = order(diff(want, have), leaving=True)
    assert diff(want, carry_out(have, plan)) == ()
    names = [type(step).__name__ for step in plan]
    if "SetSysctl" in names:
        assert names[-1] == "SetSysctl"
    for number, step in enumerate(plan):
        if isinstance(step, ConfigureFrr) and "AwaitWithdrawn" in names:
            yields = step.part in {FrrPart.VRRP_YIELD, FrrPart.GATEWAY}
            assert (number < names.index("AwaitWithdrawn")) is yields
