"""Digests of tables: equal where flows are placed alike, and only there."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from clusterlb.core.digest import DIGITS, joint_digest, table_digest, table_rows
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceFlag,
    ServiceKey,
    ServiceState,
    VirtualService,
)

KEY = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80)
ONE, TWO = (
    Destination(DestinationKey(ip_address(f"10.2.0.{last}"), 80), ForwardMethod.ROUTE, 4, nominal=4)
    for last in (1, 2)
)
STATE = ServiceState(VirtualService(KEY, "mh", ServiceFlag.SCHED1), (ONE, TWO))


def with_first(**changes):
    return replace(STATE, destinations=(replace(ONE, **changes), TWO))


def test_is_the_same_in_every_process():
    assert table_digest(STATE) == "fb2336416a19"
    assert len(table_digest(STATE)) == DIGITS
    assert float(int("f" * DIGITS, 16)) == int("f" * DIGITS, 16)


@pytest.mark.parametrize(
    "other",
    [
        replace(STATE, destinations=(TWO, ONE)),
        replace(STATE, destinations=(ONE,)),
        replace(STATE, service=replace(STATE.service, scheduler="sh")),
        replace(STATE, service=replace(STATE.service, flags=ServiceFlag.SCHED2)),
        with_first(weight=0),
        with_first(weight=2),
        with_first(weight=0, nominal=2),
        with_first(method=ForwardMethod.MASQ),
        with_first(key=DestinationKey(ONE.key.address, 81)),
    ],
)
def test_differs_with_what_decides(other):
    assert table_digest(other) != table_digest(STATE)


@pytest.mark.parametrize(
    "other",
    [
        replace(STATE, service=replace(STATE.service, timeout=60)),
        replace(STATE, service=replace(STATE.service, key=KEY._replace(port=81))),
        with_first(nominal=1),
    ],
)
def test_does_not_differ_with_anything_else(other):
    assert table_digest(other) == table_digest(STATE)


def test_the_joint_one_knows_which_service_has_which():
    a, b = table_digest(STATE), table_digest(with_first(weight=0))
    assert joint_digest([("x", a), ("y", b)]) == joint_digest([("y", b), ("x", a)])
    assert joint_digest([("x", a), ("y", b)]) != joint_digest([("x", b), ("y", a)])


def test_the_rows_say_in_words_what_the_digest_covers():
    assert table_rows(with_first(weight=0)) == (
        "10.2.0.1:80 by route, weight 4, takes no flows",
        "10.2.0.2:80 by route, weight 4",
    )
