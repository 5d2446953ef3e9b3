"""Drains that begin and end by themselves: maintenance windows and ``drain --at``, at the switch's routes."""

import math
import signal
import time
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cluster_rig import ClusterRig, vips_of

from clusterlb.config.load import load
from tests.frr.conftest import eventually

(VIP,) = vips_of(1)
INVENTORY = """\
cluster:
  name: rig
  vip_prefixes: [10.100.0.0/16]
  ospf: {network: point-to-point, pace: 200ms, bfd: {interval: 300ms, multiplier: 3}}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
  d2: {router_id: 10.1.0.2, uplinks: [e0]}
pools:
  p0:
    members: [{address: 10.2.0.1, port: 80}]
    check: {type: tcp, interval: 1s, timeout: 500ms, rise: 1, fall: 1}
vips:
  10.100.0.1: {services: [{protocol: tcp, port: 80, pool: p0}]}
"""
WINDOW = """\
maintenance:
  - {{name: updates, directors: [d1], reason: a test, at: "{at:%Y-%m-%d %H:%M}", for: 1m}}
"""
SOON = 10.0  # seconds, at least, until a window opens


@pytest.fixture
def rig(tmp_path):
    file = tmp_path / "inventory.yaml"
    file.write_text(INVENTORY)
    with ClusterRig(tmp_path, load(file)[0]) as made:
        made.at_once(lambda one: one.start())
        everybody = {one.address for one in made.directors}
        eventually(lambda: made.history.hops(VIP) == everybody, 60)
        yield made
        print(made.logs())  # seen when the test failed


def goes(rig, begins: float) -> float:
    """See the first director drain at its time, by the stages of docs/maintenance.md; return when."""
    first, second = rig.directors
    assert rig.history.hops(VIP) == {first.address, second.address}
    seen = eventually(lambda: first.lane(VIP) != "clb-active" and time.time(), begins - time.time() + 30)
    assert seen >= begins, "it drains before its time"
    eventually(lambda: first.lane(VIP) == "clb-drained")
    eventually(lambda: rig.history.hops(VIP) == {second.address})
    left = time.monotonic()
    assert first.lanes()[str(VIP)][0] == "drained"
    eventually(lambda: not first.announces(VIP))
    return left


def comes_back(rig, ends: float, left: float) -> None:
    """See the first director serve again when it is time, and nobody but the other one until then."""
    first, second = rig.directors
    everybody = {first.address, second.address}
    seen = eventually(lambda: first.announces(VIP) and time.time(), ends - time.time() + 30)
    assert seen >= ends, "it serves before the end"
    eventually(lambda: rig.history.hops(VIP) == everybody)
    assert [hops for _, hops in rig.history.of(VIP, left)] == [{second.address}, everybody]


def test_a_window_of_the_inventory_drains_and_gives_back_whoever_is_restarted_in_it(rig):
    first, _ = rig.directors
    begins = math.ceil((time.time() + SOON) / 60) * 60.0
    inventory = first.post.root / "inventory.yaml"
    inventory.write_text(INVENTORY + WINDOW.format(at=datetime.fromtimestamp(begins, UTC)))
    left = goes(rig, begins)
    first.strike("controller", signal.SIGKILL)
    first.post = replace(first.post, inventory=load(inventory)[0])
    first.mend("controller")
    comes_back(rig, begins + 60, left)


def test_a_drain_at_a_time_begins_and_ends_by_itself(rig):
    first, _ = rig.directors
    begins = time.time() + 5
    first.drain(begins, 15.0)
    left = goes(rig, begins)
    comes_back(rig, begins + 15, left)
