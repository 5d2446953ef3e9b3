"""The laws of plans: equality, completeness, safety of every prefix, convergence after interruption."""

from __future__ import annotations

from dataclasses import replace

from director_simulation import apply
from director_strategies import GROUPS, states
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.diff import diff, service_steps
from clusterlb.core.order import order
from clusterlb.core.vrrp import place_of, stood
from clusterlb.model.address import IPAddress
from clusterlb.model.plan import Announce, AwaitWithdrawn, ConfigureFrr, FrrPart, RemoveService, Withdraw
from clusterlb.model.state import DirectorState


def carry_out(have, plan):
    for step in plan:
        have = apply(have, step)
    return have


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
def test_every_prefix_delivers_what_it_announces(want, have):
    state = have
    for step in order(diff(want, have)):
        state = apply(state, step)
        for vip in state.announced:
            assert vip in state.local_routes, f"{vip} is announced and not delivered after {step}"
            keys = [key for key in state.services if key.address == vip]
            assert keys, f"{vip} is announced without a service after {step}"


@given(states(), states(), st.booleans())
def test_every_prefix_delivers_what_it_stands_for_election_for(want, have, leaving):
    """A director that may be elected at any moment has the VIP's service, its local route and its device."""
    want = DirectorState() if leaving else want
    state = have
    for step in order(diff(want, have), leaving=leaving):
        state = apply(state, step)
        for vip in stood(state.frr, GROUPS, state.devices):
            assert vip in state.local_routes, f"{vip} has no local route after {step}"
            assert any(key.address == vip for key in state.services), f"{vip} has no service after {step}"
        shown = {place_of(line) for line in state.frr} - {None}
        assert shown <= {group.place for group in GROUPS if group.device in state.devices}, f"after {step}"


@given(states(), states())
def test_a_vip_is_announced_only_when_its_services_are_as_wanted(want, have):
    state = have
    for step in order(diff(want, have)):
        if isinstance(step, Announce):
            for key, wanted in want.services.items():
                if key.address == step.vip:
                    assert service_steps(key, wanted, state.services.get(key)) == []
            # FRR takes what VRRP needs later: OSPF does not wait for it
            assert {line for line in {*state.frr} ^ {*want.frr} if place_of(line) is None} == set()
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
        if isinstance(step, RemoveService) and step.key.address not in want.local_routes:
            assert step.key.address in waited


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
            yields = step.part is FrrPart.VRRP_YIELD
            assert (number < names.index("AwaitWithdrawn")) is yields
