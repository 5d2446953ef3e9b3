"""Whatever happened to a director: equal desired states have equal tables, last weights and all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.member import MemberState
from clusterlb.core.plan.diff import service_steps
from clusterlb.core.programme import service_state
from clusterlb.core.quorum import Standing
from clusterlb.model.check import VerdictState
from clusterlb.model.inventory import Member, OnDown, Pool, Service, Sorry, Vip
from clusterlb.model.ipvs import Destination, DestinationKey, ForwardMethod, Protocol, ServiceState
from clusterlb.model.plan import AddDestination, EditDestination, EditService, IpvsStep, RemoveDestination
from tests.support.fake_ipvs import FakeIpvs

VIP = ip_address("10.100.0.1")
ADDRESSES = [ip_address(f"10.2.0.{last}") for last in (5, 1, 9, 3)]
KEY = Service(Protocol.TCP, 80, "web").key(VIP)
UP, DOWN, UNKNOWN = VerdictState.UP, VerdictState.DOWN, VerdictState.UNKNOWN

MEMBERS = st.builds(
    Member,
    st.sampled_from(ADDRESSES),
    st.just(80),
    weight=st.sampled_from([0, 1, 2, 4, 8]),
    upper=st.sampled_from([0, 0, 9]),
)
POOLS = st.builds(
    Pool,
    st.just("web"),
    st.lists(MEMBERS, min_size=1, max_size=4, unique_by=lambda member: member.address).map(tuple),
    st.just(()),
    on_down=st.sampled_from([OnDown.WEIGHT0, OnDown.WEIGHT0, OnDown.REMOVE]),
    sorry=st.sampled_from([None, Sorry(ip_address("10.2.0.99"), 80)]),
)
SERVICES = st.builds(
    Service,
    st.just(Protocol.TCP),
    st.just(80),
    st.just("web"),
    scheduler=st.sampled_from(["mh", "mh", "wrr"]),
)
SPOKEN = st.one_of(
    st.builds(MemberState, st.just(UP), st.sampled_from([25, 50, 75, 100])),
    st.builds(MemberState, st.just(DOWN), pinned=st.booleans()),
    st.builds(MemberState, st.just(DOWN), pinned=st.just(True), drained=st.just(True), gone=st.just(True)),
)
DRAINING = st.builds(MemberState, st.just(DOWN), pinned=st.just(True), drained=st.just(True))
STANDINGS = st.builds(
    lambda sorry, panic: Standing(1, 0, 2, 1, True, sorry=sorry, panic=panic), st.booleans(), st.booleans()
)


@dataclass
class Wish:
    """Everything that decides what one service should be."""

    pool: Pool
    service: Service
    states: dict[object, MemberState] = field(default_factory=dict)
    standing: Standing | None = None
    idle: bool = True


WISHES = st.builds(
    Wish,
    POOLS,
    SERVICES,
    st.fixed_dictionaries(dict.fromkeys(ADDRESSES, SPOKEN)),
    st.one_of(st.none(), STANDINGS),
)
UNSPOKEN = st.builds(
    Wish,
    POOLS,
    SERVICES,
    st.fixed_dictionaries(
        dict.fromkeys(ADDRESSES, st.one_of(SPOKEN, DRAINING, st.just(MemberState(UNKNOWN))))
    ),
    st.one_of(st.none(), STANDINGS),
    st.booleans(),
)
FOREIGN = st.builds(
    Destination,
    st.builds(DestinationKey, st.sampled_from(ADDRESSES), st.just(80)),
    st.just(ForwardMethod.ROUTE),
    st.integers(0, 3),
    nominal=st.just(0),  # plainly, as ipvsadm does it
)
EVENTS = st.one_of(
    UNSPOKEN,
    st.sampled_from(["restart", "settle", "flush", "plain scheduler"]),
    st.builds(EditDestination, st.just(KEY), FOREIGN),
    st.builds(AddDestination, st.just(KEY), FOREIGN),
    st.builds(lambda one: RemoveDestination(KEY, one.key), FOREIGN),
)


class Director:
    """One service's part of a controller, on a table that outlives it."""

    def __init__(self) -> None:
        self.ipvs = FakeIpvs()
        self.settled = False

    def cycle(self, wish: Wish) -> int:
        """Read, decide, apply; return how many steps that took."""
        have = self.ipvs.read().get(KEY)
        steps = service_steps(KEY, wanted(wish, have, settled=self.settled), have)
        assert self.ipvs.apply(steps) == []
        return len(steps)

    def meet(self, event: object) -> None:
        if isinstance(event, Wish):
            self.cycle(event)
        elif event == "restart":
            self.ipvs, self.settled = self.ipvs.beside(), False
        elif event == "settle":
            self.settled = True
        elif event == "flush":
            self.ipvs.flush()
        elif event == "plain scheduler":
            have = self.ipvs.read().get(KEY)
            if have is not None:
                self.ipvs.beside().apply([EditService(replace(have.service, scheduler="wrr"))])
        else:
            assert isinstance(event, IpvsStep)
            self.ipvs.beside().apply([event])
            self.ipvs.read()  # others' changes are seen by the read of every second, or not at all

    def reach(self, wish: Wish) -> None:
        """Come to rest."""
        self.settled = True
        for _ in range(4):
            if not self.cycle(wish):
                return
        raise AssertionError("it never comes to rest")


def wanted(wish: Wish, have: ServiceState | None, *, settled: bool) -> ServiceState:
    states = tuple(wish.states[member.address] for member in wish.pool.members)
    idle = {DestinationKey(ip_address("10.2.0.99"), 80)} if wish.idle else ()
    vip = Vip(VIP, (wish.service,))
    return service_state(
        vip, wish.service, wish.pool, states, have, now=wish.standing, idle=idle, settled=settled
    )


@given(st.lists(EVENTS, max_size=8), WISHES)
def test_two_histories_that_end_alike_end_with_the_same_last_weights(history: list[object], wish: Wish):
    wish = replace(wish, service=replace(wish.service, scheduler="mh"))
    lived, fresh = Director(), Director()
    for event in history:
        lived.meet(event)
    lived.reach(wish)
    fresh.reach(wish)
    assert lived.ipvs.read() == fresh.ipvs.read()
    assert list(lived.ipvs.last_weights(KEY).items()) == list(fresh.ipvs.last_weights(KEY).items())


@given(st.lists(EVENTS, max_size=8), WISHES)
def test_a_start_leaves_last_weights_as_they_are(history: list[object], wish: Wish):
    """Until it has settled, a controller that finds what it wants changes nothing."""
    director = Director()
    for event in history:
        director.meet(event)
    director.reach(wish)
    director.meet("restart")
    assert director.cycle(wish) == 0
