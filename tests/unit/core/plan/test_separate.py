"""What goes on while a part of a plan cannot."""

from ipaddress import ip_address

import pytest

from clusterlb.core.plan.separate import separate
from clusterlb.model.inventory import Service
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceState,
    VirtualService,
)
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    Announce,
    AwaitWithdrawn,
    ConfigureFrr,
    CreateLane,
    EditDestination,
    LoadRules,
    ReadBack,
    RemoveDestination,
    RemoveService,
    SetSysctl,
    Withdraw,
)
from clusterlb.model.rules import NO_RULES
from clusterlb.model.state import FrrLine

OLD, NEW = ip_address("10.100.0.1"), ip_address("10.100.0.2")
KEY, FRESH = (Service(Protocol.TCP, 80, "web").key(vip) for vip in (OLD, NEW))
MEMBER = Destination(DestinationKey(ip_address("10.2.0.1"), 80), ForwardMethod.ROUTE, 0)
EDIT = EditDestination(KEY, MEMBER)
ADD, REMOVE = AddDestination(KEY, MEMBER), RemoveDestination(KEY, MEMBER.key)
SERVICE = AddService(VirtualService(FRESH, "mh"))
FIRST = AddDestination(FRESH, MEMBER)
FRR = ConfigureFrr((FrrLine((), "router ospf"),))
STATE = ServiceState(VirtualService(KEY, "mh"), (MEMBER,))
SET, BACK = SetSysctl("a", "1"), Announce(OLD, Lane.ACTIVE)
OUT, IN = Withdraw(OLD, Lane.ACTIVE), Announce(NEW, Lane.ACTIVE)


@pytest.mark.parametrize(
    ("undone", "plan", "going"),
    [
        (FRR, (EDIT, FRR, OUT), (EDIT, OUT)),
        (FRR, (FRR, IN), ()),
        (FRR, (FRR, Announce(OLD, Lane.DRAINED), OUT), ()),
        (SERVICE, (SERVICE, FIRST, EDIT, IN, OUT), (EDIT, OUT)),
        (
            SERVICE,
            (SERVICE, FIRST, REMOVE, ADD, Announce(OLD, Lane.ACTIVE)),
            (REMOVE, ADD, Announce(OLD, Lane.ACTIVE)),
        ),
        (LoadRules(NO_RULES), (EDIT, REMOVE, ADD, OUT), (EDIT, OUT)),
        (LoadRules(NO_RULES), (EDIT, REMOVE, OUT), (EDIT, REMOVE, OUT)),
        (
            SetSysctl("a", "1"),
            (SetSysctl("b", "1"), LoadRules(NO_RULES), SERVICE, EDIT, FRR, IN, OUT),
            (EDIT, OUT),
        ),
        (CreateLane(Lane.ACTIVE), (FRR, EDIT, IN, OUT), (EDIT, OUT)),
        (FRR, (OUT, AwaitWithdrawn(frozenset({OLD})), RemoveService(KEY)), (OUT,)),
    ],
)
def test_what_goes_on(undone, plan, going):
    found, waiting = separate(plan, [undone], lambda key: key.vips)
    assert found == going
    assert {id(step) for step in waiting} == {id(s) for s in plan if s not in going and s is not undone}


def test_only_services_that_are_going_to_be_as_planned_are_read_back():
    both = ReadBack({KEY: STATE, FRESH: ServiceState(VirtualService(FRESH, "mh"))})
    (_, read), _ = separate((EDIT, both), [SERVICE], lambda key: key.vips)
    assert read == ReadBack({KEY: STATE})
    assert separate((both,), [SERVICE, EDIT], lambda key: key.vips) == ((), ())


def test_without_anything_undone_all_goes_on():
    plan = (SetSysctl("a", "1"), SERVICE, FIRST, EDIT, FRR, IN, OUT)
    assert separate(plan, (), lambda key: key.vips) == (plan, ())
