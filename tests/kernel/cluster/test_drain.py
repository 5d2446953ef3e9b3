"""Drains in a whole cluster on real IPVS and real FRR."""

import pytest
from lab_view import eventually

pytestmark = pytest.mark.kernel


def test_a_drained_director_leaves_the_switch_and_comes_back_and_no_connection_is_lost(whole, client):
    vip = whole.vips[0]
    before = client.mark("before")
    status, output = whole.control.drain("d3")
    assert status == 0, output
    rest = [name for name in whole.directors if name != "d3"]
    eventually(lambda: whole.next_hops(vip) == rest, 60, "the switch without d3")
    shown = whole.control.status("d3")
    assert {found["reason"] for found in shown["vips"]} == {"drained"}
    # Not equal: a test before this one may have left a foreign service on d3.
    assert set(whole.weights("d1")) <= set(whole.weights("d3")), "its services stay: packets may be under way"
    status, output = whole.control.drain("d3", back=True)
    assert status == 0, output
    eventually(whole.all_next_hops, 120, "d3 back at the switch")
    client.settle(60)
    after = client.mark("after")
    assert after["flows"]["lost"] == before["flows"]["lost"]
