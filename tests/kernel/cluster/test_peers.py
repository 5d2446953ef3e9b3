"""Eight directors that speak with each other: no flow is lost after a change of the pool."""

import pytest
from lab_view import eventually, start
from speaking_lab import all_speak, anchored_alike, as_before, change, speak

from clusterlb.lab.client import ClientProcess, load_for

pytestmark = pytest.mark.kernel

FLOWS = 200


def members(number):
    def edit(document):
        pool = document["pools"]["web"]
        pool["members"] = [
            {"address": f"10.2.0.{101 + n}", "port": pool["members"][0]["port"]} for n in range(number)
        ]

    return edit


def none_lost(client, when, seconds=90):
    """Have every flow speak once more, and say that none is lost."""
    client.mark(when)
    found = client.settle(seconds)["flows"]
    assert (found["answered"], found["lost"]) == (FLOWS, 0), f"{when}: {found}"


def test_flows_outlive_directors_after_a_member_was_added(whole):
    with as_before(whole):
        change(whole, members(2))
        speak(whole, flow_memory="10m")
        client = ClientProcess(load_for(whole.control.description, flows=FLOWS, pace=1.0, timeout=30.0))
        try:
            none_lost(client, "open", 120)
            change(whole, members(3))
            eventually(lambda: anchored_alike(whole) > FLOWS / 10, 60, "the same anchors on all directors")
            none_lost(client, "a member more")
            status, output = whole.control.down("d8")
            assert status == 0, output
            none_lost(client, "d8 has left")
            whole.control.do("crash", "d7")
            eventually(lambda: "d7" not in whole.next_hops(whole.vips[0]), 60, "the switch misses d7")
            none_lost(client, "d7 has crashed")
            start(whole, "d8")
            eventually(lambda: "d8" in whole.next_hops(whole.vips[0]), 60, "d8 is back")
            none_lost(client, "d8 is back")
            for what in ("link_up", "start_frr", "start"):
                whole.control.do(what, "d7")
            eventually(whole.all_next_hops, 120, "d7 is back, too")
            all_speak(whole)
            none_lost(client, "d7 is back")
            assert anchored_alike(whole) > FLOWS / 10
        finally:
            client.stop()
