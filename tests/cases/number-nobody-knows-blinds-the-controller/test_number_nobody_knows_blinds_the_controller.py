"""A foreign service with an unknown protocol, and foreign settings on ours, before and after the start."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import structlog
from fake_director import VIP, FakeDirector, announced, eventually, running

from clusterlb.core.fitness import Failures
from clusterlb.core.foreign import not_understood
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceKey,
    ServiceState,
    TunnelType,
    VirtualService,
)
from clusterlb.model.plan import AddDestination, AddService, EditDestination

FOREIGN = ServiceKey(AddressFamily.IPV4, Protocol(50), VIP, 80)
KNOWN = ServiceKey(AddressFamily.IPV4, Protocol.TCP, VIP, 8443)
SERVER = DestinationKey(VIP, 80)
STRANGE = [
    (FOREIGN, Destination(SERVER, ForwardMethod.MASQ, 1), "protocol_50"),
    (KNOWN, Destination(SERVER, ForwardMethod(6), 1), "forwardmethod 6"),
    (KNOWN, Destination(SERVER, ForwardMethod.TUNNEL, 1, tunnel_type=TunnelType(77)), "tunneltype 77"),
]


@pytest.mark.parametrize(("key", "destination", "named"), STRANGE, ids=lambda value: str(value)[:20])
async def test_a_controller_starts_goes_on_and_names_it(
    key: ServiceKey, destination: Destination, named: str, tmp_path: Path
):
    host = FakeDirector(tmp_path)
    other = host.ipvs.beside()
    assert other.apply([AddService(VirtualService(key, "rr")), AddDestination(key, destination)]) == []
    foreign = other.read()[key]
    with structlog.testing.capture_logs() as logs:
        async with running(host) as controller:
            await eventually(lambda: announced(host) == {VIP})
            (ours,) = (name for name in other.read() if name != key)
            before = other.read()[ours]
            first = before.destinations[0]
            other.apply([EditDestination(ours, replace(first, method=ForwardMethod(5)))])
            assert other.read()[ours] != before
            await eventually(lambda: other.read()[ours] == before)
            await eventually(lambda: any("not understood" in entry["event"] for entry in logs))
            assert controller.store.health.ipvs == Failures()
    assert other.read()[key] == foreign
    said = [entry for entry in logs if "not understood" in entry["event"]]
    assert len(said) == 1
    assert named in said[0]["which"]


def test_what_is_understood_or_ours_is_not_named():
    plain = ServiceState(VirtualService(KNOWN, "rr"), (Destination(SERVER, ForwardMethod.BYPASS, 1),))
    strange = ServiceState(VirtualService(FOREIGN, "rr"))
    assert not_understood({KNOWN: plain}, ()) == []
    assert not_understood({FOREIGN: strange}, {FOREIGN}) == []
    assert not_understood({FOREIGN: strange}, {KNOWN}) == [f"protocol_50 {VIP}:80"]


@pytest.mark.parametrize("number", [-1, 2**32, "tcp", 6.5])
def test_what_no_kernel_says_is_no_number(number: object):
    with pytest.raises(ValueError, match="is not a valid Protocol"):
        Protocol(number)
