"""A director that comes announces what it can serve and others can hear, and leaves alone what is right."""

import signal
import time

import pytest
from cluster_rig import ClusterRig, inventory, vips_of

from tests.frr.conftest import eventually

VIPS = vips_of(2)
LONG = 4.0  # seconds; two looks at FRR and at the database


@pytest.fixture
def rig(tmp_path):
    with ClusterRig(tmp_path, inventory(2, len(VIPS), pace=0.2, bfd=None)) as made:
        yield made


def announced_by(rig, directors):
    everybody = {one.address for one in directors}
    return all(rig.history.hops(vip) == everybody for vip in VIPS)


def never_used(rig, one):
    return not any(one.address in hops for vip in VIPS for _, hops in rig.history.of(vip))


def decided(one):
    """Return the lanes and the reasons that a controller has decided on, without the VIPs."""
    return {(lanes[0], lanes[-1].partition(":")[0]) for lanes in one.lanes().values()}


def test_nothing_is_announced_before_a_neighbour_listens(rig):
    one, other = rig.directors
    other.start()
    # hellos that differ make no neighbours (RFC 2328, 10.5)
    rig.switch.load(f"interface {one.port}\n ip ospf hello-interval 2\nexit\n")
    eventually(lambda: "Full" not in one.router.vtysh("show ip ospf neighbor"))
    eventually(lambda: announced_by(rig, [other]))
    began = time.monotonic()
    one.start()
    eventually(lambda: all(one.serves(vip) for vip in VIPS))
    time.sleep(LONG)
    assert never_used(rig, one), rig.logs()
    assert {reason for _, reason in decided(one)} == {"not-adjacent"}
    rig.switch.load(f"interface {one.port}\n ip ospf hello-interval 1\nexit\n")
    eventually(lambda: announced_by(rig, rig.directors))
    for vip in VIPS:
        assert all(other.address in hops for _, hops in rig.history.of(vip, began))


def test_nothing_is_announced_that_ipvs_does_not_take(rig):
    one, other = rig.directors
    other.start()
    refuses = one.post.ipvs.with_suffix(".refuse")
    refuses.touch()
    one.start()
    eventually(lambda: {reason for _, reason in decided(one)} == {"not-programmed"})
    time.sleep(LONG)
    eventually(lambda: announced_by(rig, [other]))
    assert never_used(rig, one), rig.logs()
    refuses.unlink()
    eventually(lambda: announced_by(rig, rig.directors))
    assert all(one.serves(vip) for vip in VIPS)


def test_a_controller_that_was_killed_adopts_what_it_finds(rig):
    for one in rig.directors:
        one.start()
    eventually(lambda: announced_by(rig, rig.directors))
    time.sleep(LONG)
    began = time.monotonic()
    one, _ = rig.directors
    one.strike("controller", signal.SIGKILL)
    time.sleep(1)
    assert all(one.serves(vip) for vip in VIPS)
    one.mend("controller")
    eventually(lambda: "adopted" in one.post.log.read_text())
    eventually(lambda: decided(one) == {("active", "fit")})
    time.sleep(LONG)
    for vip in VIPS:
        assert len(rig.history.of(vip, began)) == 1, rig.logs()
