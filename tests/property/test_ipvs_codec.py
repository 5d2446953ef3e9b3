"""What is sent means what was wanted, and what the kernel says is what it keeps.

The model kernel takes requests apart by the header's numbers, and answers in the kernel's own layout; it
shares no code with the codec.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from errno import EEXIST, ENOENT, ESRCH
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from ipvs_replies import dest_reply, service_reply, tree

from clusterlb.drivers.ipvs import cache, decode
from clusterlb.drivers.ipvs.batch import Batch
from clusterlb.drivers.ipvs.cache import DecodeCache
from clusterlb.drivers.netlink.codec import NetlinkError
from clusterlb.drivers.netlink.socket import MAX_BATCH, BatchResult
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.ipvs import (
    Counters,
    Destination,
    DestinationKey,
    DestinationStatistics,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    TunnelFlag,
    TunnelType,
    VirtualService,
)
from clusterlb.model.plan import (
    AddDestination,
    AddService,
    EditDestination,
    EditService,
    IpvsStep,
    RemoveDestination,
    RemoveService,
)
from tests.support.fake_ipvs import FakeIpvs

U32 = st.integers(0, 2**32 - 1)
U64 = st.integers(0, 2**64 - 1)
PORT = st.integers(0, 65535)
ADDRESS = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6))
WEIGHT = st.integers(0, 2**31 - 1)
FLAGS = st.integers(0, 0x3F).map(lambda bits: ServiceFlag(bits) & ~ServiceFlag.HASHED)


@st.composite
def service_keys(draw: st.DrawFn) -> ServiceKey:
    if draw(st.booleans()):
        return ServiceKey(
            draw(st.sampled_from(AddressFamily)), Protocol.NONE, None, 0, draw(st.integers(1, 2**32 - 1))
        )
    address = draw(ADDRESS)
    protocol = draw(st.sampled_from([Protocol.TCP, Protocol.UDP, Protocol.SCTP]))
    return ServiceKey(family_of(address), protocol, address, draw(PORT))


@st.composite
def services(draw: st.DrawFn, keys: st.SearchStrategy[ServiceKey] | None = None) -> VirtualService:
    key = draw(keys or service_keys())
    prefix = draw(st.integers(1, 128) if key.family is AddressFamily.IPV6 else st.integers(0, 32))
    scheduler = draw(st.sampled_from(["rr", "wlc", "mh", "sh", "none"]))
    return VirtualService(key, scheduler, draw(FLAGS), draw(U32), prefix)


@st.composite
def destinations(draw: st.DrawFn, keys: st.SearchStrategy[DestinationKey] | None = None) -> Destination:
    key = draw(keys or st.builds(DestinationKey, ADDRESS, PORT))
    upper = draw(st.integers(0, 2**31 - 1))
    return Destination(
        key,
        draw(st.sampled_from(ForwardMethod)),
        draw(WEIGHT),
        upper,
        draw(st.integers(0, upper)),
        draw(st.sampled_from(TunnelType)),
        draw(PORT),
        draw(st.sampled_from([TunnelFlag.NOCSUM, TunnelFlag.CSUM, TunnelFlag.REMCSUM])),
        nominal=draw(WEIGHT),
    )


COUNTERS = st.builds(Counters, U64, U64, U64, U64, U64)
LIVE = st.builds(DestinationStatistics, U32, U32, U32, COUNTERS)


def number(payload: bytes) -> int:
    return int(struct.unpack({1: "=B", 2: "=H", 4: "=I", 8: "=Q"}[len(payload)], payload)[0])


class ModelKernel:
    """Takes requests apart and keeps what they say."""

    def __init__(self) -> None:
        self.services: dict[ServiceKey, VirtualService] = {}
        self.lists: dict[ServiceKey, list[Destination]] = {}
        self.schedulers_seen: list[str] = []

    def batch(self, messages: Sequence[tuple[int, bytes, bytes]]) -> BatchResult:
        assert 0 < len(messages) <= MAX_BATCH
        result = BatchResult()
        for index, (command, one, two) in enumerate(messages):
            errno = self.carry_out(command, tree(one + two))
            if errno:
                result.refusals[index] = NetlinkError(errno)
        return result

    def carry_out(self, command: int, request: dict[int, bytes]) -> int:
        service = tree(request[1])
        key = self.service_key(service)
        if command == 1 and key in self.services:
            return EEXIST
        if command != 1 and key not in self.services:
            return ESRCH
        if command in (1, 2):
            self.services[key] = self.settings(key, service)
            self.lists.setdefault(key, [])
            return 0
        if command == 3:
            del self.services[key], self.lists[key]
            return 0
        return self.on_destination(command, self.lists[key], tree(request[2]))

    def on_destination(self, command: int, kept: list[Destination], found: dict[int, bytes]) -> int:
        packed = found[1] if number(found[11]) == 10 else found[1][:4]
        assert number(found[11]) == 10 or not any(found[1][4:])
        name = DestinationKey(ip_address(packed), int.from_bytes(found[2], "big"))
        place = next((index for index, one in enumerate(kept) if one.key == name), None)
        if command == 5 and place is not None:
            return EEXIST
        if command != 5 and place is None:
            return ENOENT
        if command == 7:
            assert place is not None
            del kept[place]
            return 0
        wanted = Destination(
            name,
            ForwardMethod(number(found[3])),
            struct.unpack("=i", found[4])[0],
            number(found[5]),
            number(found[6]),
            TunnelType(number(found[13])),
            int.from_bytes(found[14], "big"),
            TunnelFlag(number(found[15])),
        )
        if place is None:
            kept.insert(0, wanted)  # the kernel puts the newest first
        else:
            kept[place] = wanted
        return 0

    @staticmethod
    def service_key(found: dict[int, bytes]) -> ServiceKey:
        family = AddressFamily(number(found[1]))
        if 5 in found:
            assert not {2, 3, 4} & set(found)
            return ServiceKey(family, Protocol.NONE, None, 0, number(found[5]))
        assert len(found[3]) == 16
        address = IPv6Address(found[3]) if family == 10 else IPv4Address(found[3][:4])
        return ServiceKey(family, Protocol(number(found[2])), address, int.from_bytes(found[4], "big"))

    @staticmethod
    def settings(key: ServiceKey, found: dict[int, bytes]) -> VirtualService:
        flags, mask = struct.unpack("=II", found[7])
        assert mask == 0xFFFFFFFF
        assert not flags & ServiceFlag.HASHED
        prefix = number(found[9]) if key.family == 10 else int.from_bytes(found[9], "big").bit_count()
        assert found[6].endswith(b"\0")
        return VirtualService(
            key,
            found[6][:-1].decode(),
            ServiceFlag(flags),
            number(found[8]),
            prefix,
            found[11][:-1].decode() if 11 in found else "",
        )

    def states(self) -> dict[ServiceKey, ServiceState]:
        return {
            key: ServiceState(one, tuple(reversed(self.lists[key]))) for key, one in self.services.items()
        }


def apply(kernel: ModelKernel, steps: list[IpvsStep]) -> list[tuple[IpvsStep, int]]:
    errors = Batch(kernel, steps, lambda *_: None).run()
    return [(cast(IpvsStep, error.step), error.errno) for error in errors]


@given(st.lists(services(), max_size=4, unique_by=lambda one: one.key), st.data())
def test_the_model_kernel_ends_with_the_states_that_were_built(
    wanted: list[VirtualService], data: st.DataObject
) -> None:
    states = [
        ServiceState(
            one, tuple(data.draw(st.lists(destinations(), max_size=5, unique_by=lambda entry: entry.key)))
        )
        for one in wanted
    ]
    kernel = ModelKernel()
    steps: list[IpvsStep] = []
    for state in states:
        steps.append(AddService(state.service))
        steps += [AddDestination(state.service.key, one) for one in state.destinations]
    assert apply(kernel, steps) == []
    assert kernel.states() == {state.service.key: state for state in states}


@given(destinations(), LIVE)
def test_a_destination_survives_the_kernels_answer(wanted: Destination, live: DestinationStatistics) -> None:
    data = dest_reply(wanted, live)
    seen = DecodeCache()
    assert decode.destination(data, 0, len(data)) == wanted
    assert seen.destination(data, 0, len(data)) == wanted
    assert seen.destination(data, 0, len(data)).nominal == wanted.weight
    assert decode.destination_statistics(data, 0, len(data)) == live
    assert cache.destination_statistics(data, 0, len(data)) == live


@given(services(), COUNTERS)
def test_a_service_survives_the_kernels_answer(wanted: VirtualService, counters: Counters) -> None:
    data = service_reply(wanted, counters)
    assert decode.service(data, 0, len(data)) == wanted
    assert DecodeCache().service(data, 0, len(data)) == wanted
    assert decode.service_counters(data, 0, len(data)) == counters


@given(st.lists(destinations(), min_size=2, max_size=6))
def test_the_cache_never_mixes_entries_up(many: list[Destination]) -> None:
    seen = DecodeCache()
    for wanted in [*many, *many]:
        data = dest_reply(wanted)
        assert seen.destination(data, 0, len(data)) == wanted


KEYS = [
    ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80),
    ServiceKey(AddressFamily.IPV4, Protocol.NONE, None, 0, 7),
]
MEMBERS = [DestinationKey(ip_address(f"10.2.0.{last}"), 80) for last in (1, 2, 3)]
SOME_DESTINATION = st.builds(
    Destination,
    st.sampled_from(MEMBERS),
    st.just(ForwardMethod.ROUTE),
    st.integers(0, 2),
    nominal=st.integers(1, 2),
)
SOME_SERVICE = st.builds(VirtualService, st.sampled_from(KEYS), st.sampled_from(["mh", "mh", "rr"]))
STEP = st.one_of(
    st.builds(AddService, SOME_SERVICE),
    st.builds(EditService, SOME_SERVICE),
    st.builds(RemoveService, st.sampled_from(KEYS)),
    st.builds(AddDestination, st.sampled_from(KEYS), SOME_DESTINATION),
    st.builds(AddDestination, st.sampled_from(KEYS), SOME_DESTINATION),
    st.builds(EditDestination, st.sampled_from(KEYS), SOME_DESTINATION),
    st.builds(RemoveDestination, st.sampled_from(KEYS), st.sampled_from(MEMBERS)),
)


@given(st.lists(STEP, max_size=40), st.booleans())
def test_any_steps_have_the_outcome_of_one_after_the_other(steps: list[IpvsStep], grouped: bool) -> None:
    """Batching and building tables once change neither the table nor any error; the fake is the judge."""
    if grouped:  # bring the destinations of a service together, where a table is built once
        steps = sorted(steps, key=lambda step: isinstance(step, AddDestination))
    kernel, fake = ModelKernel(), FakeIpvs()
    expected = [(error.step, error.errno) for error in fake.apply(steps)]
    assert apply(kernel, steps) == expected
    assert kernel.states() == fake.read()
