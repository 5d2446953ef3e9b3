"""The kernel's answers, in the usual layout and in others."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from ipvs_replies import attr, dest_attributes, dest_reply, message, service_reply, u32

from clusterlb.drivers.ipvs import cache, decode
from clusterlb.drivers.ipvs.cache import DecodeCache
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Counters,
    Destination,
    DestinationKey,
    DestinationStatistics,
    ForwardMethod,
    Protocol,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    TunnelFlag,
    TunnelType,
    VirtualService,
)

COUNTERS = Counters(2**40 + 1, 2**41 + 2, 2**42 + 3, 2**43 + 4, 2**44 + 5)
LIVE = DestinationStatistics(11, 12, 13, COUNTERS)
GUE = Destination(
    DestinationKey(ip_address("10.2.0.101"), 8080),
    ForwardMethod.TUNNEL,
    5,
    upper=100,
    lower=50,
    tunnel_type=TunnelType.GUE,
    tunnel_port=6080,
    tunnel_flags=TunnelFlag.CSUM,
    nominal=5,
)
# 10.2.0.101 and this address have the same sixteen bytes; only the family tells them apart.
TWIN = replace(GUE, key=DestinationKey(ip_address("a02:65::"), 8080))
WEB = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80)
SERVICE = VirtualService(WEB, "mh", ServiceFlag.SCHED1 | ServiceFlag.PERSISTENT, 300, 20)


def test_a_destination_and_its_statistics() -> None:
    data = b"before" + dest_reply(GUE, LIVE)
    assert decode.destination(data, 6, len(data)) == GUE
    assert decode.destination_statistics(data, 6, len(data)) == LIVE
    assert cache.destination_statistics(data, 6, len(data)) == LIVE


@pytest.mark.parametrize(("weight", "nominal"), [(0, 0), (1, 1), (7, 7), (-1, -1)])
def test_the_last_weight_is_the_weight_and_unknown_at_0(weight: int, nominal: int) -> None:
    data = dest_reply(replace(GUE, weight=weight))
    decoded = decode.destination(data, 0, len(data))
    assert (decoded.weight, decoded.nominal) == (weight, nominal)


def test_the_cache_gives_the_same_object_again_whatever_the_counters() -> None:
    seen = DecodeCache()
    busy, idle = dest_reply(GUE, LIVE), dest_reply(GUE)
    first = seen.destination(busy, 0, len(busy))
    assert first == GUE
    assert seen.destination(idle, 0, len(idle)) is first
    other = dest_reply(replace(GUE, weight=0))
    assert seen.destination(other, 0, len(other)) == replace(GUE, weight=0)


def test_the_cache_tells_the_families_apart() -> None:
    seen = DecodeCache()
    for wanted in (GUE, TWIN, GUE):
        data = dest_reply(wanted)
        assert seen.destination(data, 0, len(data)) == wanted


@pytest.mark.parametrize(
    "field", ["method", "weight", "upper", "lower", "tunnel_type", "tunnel_port", "tunnel_flags"]
)
def test_the_cache_sees_every_setting(field: str) -> None:
    seen = DecodeCache()
    values = {"method": ForwardMethod.MASQ, "tunnel_type": TunnelType.GRE, "tunnel_flags": TunnelFlag.REMCSUM}
    other = replace(GUE, **{field: values.get(field, 77)})
    for wanted in (GUE, other, GUE):
        data = dest_reply(wanted)
        assert seen.destination(data, 0, len(data)) == wanted


def test_another_layout_is_read_and_not_kept() -> None:
    """A kernel that writes the weight after the connections must not be read by offsets."""
    order = [*range(3), *range(4, 13), 3, 13, 14]
    seen = DecodeCache()
    for weight in (1, 0, 9):
        wanted = replace(GUE, weight=weight)
        data = dest_reply(wanted, LIVE, order)
        assert seen.destination(data, 0, len(data)) == wanted
        assert cache.destination_statistics(data, 0, len(data)) == LIVE


def test_an_old_kernel_without_tunnels_family_and_wide_counters() -> None:
    parts = dest_attributes(GUE, replace(LIVE, counters=Counters(1, 2, 3, 4, 5)))
    data = message(5, attr(2, b"".join(parts[index] for index in (0, 1, 2, 3, 7, 8, 9, 10, 11, 13))))
    plain = Destination(GUE.key, ForwardMethod.TUNNEL, 5, 100, 50)
    assert decode.destination(data, 0, len(data)) == plain
    assert cache.destination_statistics(data, 0, len(data)) == DestinationStatistics(
        11, 12, 13, Counters(1, 2, 3, 4, 5)
    )


@pytest.mark.parametrize(
    "service",
    [
        SERVICE,
        VirtualService(WEB._replace(port=0), "sh", ServiceFlag.ONE_PACKET, 0, 0, "sip"),
        VirtualService(ServiceKey(AddressFamily.IPV6, Protocol.SCTP, ip_address("::1"), 9), "wlc", prefix=56),
        VirtualService(ServiceKey(AddressFamily.IPV4, Protocol.NONE, None, 0, 7), "none"),
        VirtualService(ServiceKey(AddressFamily.IPV6, Protocol.NONE, None, 0, 2**32 - 1), "rr", prefix=128),
    ],
    ids=lambda service: str(service.key),
)
def test_a_service(service: VirtualService) -> None:
    data = service_reply(service, COUNTERS)
    assert decode.service(data, 0, len(data)) == service
    assert decode.service_counters(data, 0, len(data)) == COUNTERS
    seen = DecodeCache()
    assert seen.service(data, 0, len(data)) == service
    later = service_reply(service, Counters(connections=1))
    assert seen.service(later, 0, len(later)) is seen.service(data, 0, len(data))


def test_an_edited_service_is_seen() -> None:
    seen = DecodeCache()
    for wanted in (SERVICE, replace(SERVICE, timeout=301), replace(SERVICE, scheduler="sh"), SERVICE):
        data = service_reply(wanted)
        assert seen.service(data, 0, len(data)) == wanted


def test_a_service_whose_settings_follow_its_counters_is_not_kept() -> None:
    body = service_reply(SERVICE)[24:]
    seen = DecodeCache()
    for timeout in (300, 301):
        moved = body.replace(u32(8, 300), b"") + u32(8, timeout)
        data = message(1, attr(1, moved))
        assert seen.service(data, 0, len(data)) == replace(SERVICE, timeout=timeout)


def test_timeouts() -> None:
    data = message(13, u32(4, 900) + u32(5, 120) + u32(6, 300))
    assert decode.timeouts(data, 0, len(data)) == ProtocolTimeouts(900, 120, 300)


def test_an_answer_without_its_attribute_is_an_error() -> None:
    with pytest.raises(ValueError, match="lacks attribute 2"):
        decode.destination(message(5, b""), 0, 20)


def test_the_cache_does_not_grow_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_LIMIT", 3)
    seen = DecodeCache()
    for weight in range(10):
        data = dest_reply(replace(GUE, weight=weight))
        assert seen.destination(data, 0, len(data)).weight == weight
    assert len(seen._destinations) <= 3
