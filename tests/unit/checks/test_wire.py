import json
from ipaddress import ip_address

import pytest

from clusterlb.checks.wire import (
    DETAIL,
    ROWS,
    decode_key,
    decode_row,
    encode_key,
    encode_row,
    lines,
    refuse_times,
)
from clusterlb.model.address import Endpoint
from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import Observation, ProbeKey


@pytest.mark.parametrize("address", ["10.2.0.101", "2001:db8::1", "fe80::1%eth0"])
def test_a_key_survives_the_wire(address):
    key = ProbeKey(Endpoint(ip_address(address), 8080), ProbeSpec(interval=0.25, timeout=3))
    assert decode_key(json.loads(json.dumps(encode_key(key)))) == key


@pytest.mark.parametrize(("interval", "timeout"), [(0, 1), (1, 0), (-1, 1), (float("nan"), 1)])
def test_times_that_cannot_be_kept_are_refused_with_their_member(interval, timeout):
    key = ProbeKey(Endpoint(ip_address("10.2.0.101"), 80), ProbeSpec(interval=interval, timeout=timeout))
    with pytest.raises(ValueError, match=r"10\.2\.0\.101:80 .* more than 0"):
        refuse_times(key)


def test_an_observation_survives_the_wire_with_a_bounded_detail():
    row = json.loads(json.dumps(encode_row(7, Observation(False, 12.5, 0.25, "x" * 10_000))))
    assert decode_row(row) == (7, Observation(False, 12.5, 0.25, "x" * DETAIL))


@pytest.mark.parametrize(
    "more",
    [
        {"share": 0},
        {"warning": "ends soon"},
        {"phases": (("connected", 0.000421), ("answered", 1.5))},
        {"share": 40, "warning": "w", "phases": (("sent", 0.25),)},
    ],
)
def test_all_that_an_observation_says_survives_the_wire(more):
    seen = Observation(True, 86400.123456, 0.000421, "fine", **more)
    number, back = decode_row(json.loads(json.dumps(encode_row(7, seen))))
    assert number == 7
    assert back.at == pytest.approx(seen.at, abs=1e-6)
    assert back.took == pytest.approx(seen.took, abs=1e-6)
    assert (back.share, back.warning) == (seen.share, seen.warning)
    assert [name for name, _ in back.phases] == [name for name, _ in seen.phases]
    assert [at for _, at in back.phases] == pytest.approx([at for _, at in seen.phases], abs=1e-6)


def test_keys_that_are_probed_alike_share_what_is_done():
    keys = [ProbeKey(Endpoint(ip_address("10.2.0.101"), port), ProbeSpec(interval=0.25)) for port in (80, 81)]
    one, two = (decode_key(json.loads(json.dumps(encode_key(key)))) for key in keys)
    assert one.spec is two.spec


def test_long_lists_become_several_lines():
    written = [json.loads(text)["remove"] for text in lines("remove", list(range(2 * ROWS + 1)))]
    assert [len(rows) for rows in written] == [ROWS, ROWS, 1]
    assert [row for rows in written for row in rows] == list(range(2 * ROWS + 1))
