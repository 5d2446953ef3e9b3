"""The controller, real FRR and a real switch: what the switch's kernel routing table says."""

import os
import signal
from ipaddress import ip_address

import pytest
from frr_inventories import EXTERNAL
from route_rig import RTM_DELROUTE, RTM_NEWROUTE, RouteRig, cluster

from clusterlb.model.ospf import AnnounceModes
from tests.frr.conftest import eventually, sh

VIP, SECOND = ip_address("10.100.0.1"), ip_address("10.100.0.2")


@pytest.fixture
def rig(tmp_path):
    with RouteRig(tmp_path, cluster(2, vips=2, pace=0.2)) as made:
        for director in made.directors.values():
            director.set_members(True)
        for vip in (VIP, SECOND):
            eventually(lambda vip=vip: made.next_hops(vip) == ["10.1.0.1", "10.1.0.2"])
        yield made


def test_a_pool_below_quorum_withdraws_only_its_vip_on_that_director(rig):
    rig.directors["d1"].set_members(False, [0])
    eventually(lambda: rig.next_hops(VIP) == ["10.1.0.2"])
    assert rig.next_hops(SECOND) == ["10.1.0.1", "10.1.0.2"]
    rig.directors["d1"].set_members(True, [0])
    eventually(lambda: rig.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"])


def test_a_killed_controller_and_its_next_start_change_nothing_at_the_switch(rig):
    rig.watch.drain()
    rig.directors["d1"].kill(signal.SIGKILL)
    log = rig.directors["d1"].log
    before = log.read_text().count("ospf neighbours")
    rig.start("d1")
    eventually(lambda: log.read_text().count("ospf neighbours") > before)
    eventually(lambda: "adopted" in log.read_text())
    for kind in (RTM_NEWROUTE, RTM_DELROUTE):
        with pytest.raises(TimeoutError):
            rig.watch.wait(VIP, kind, 1.0)
    assert rig.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"]


def test_an_address_that_somebody_removes_comes_back(rig):
    """Within two seconds, where the host is not starved: ``repair_ms``."""
    rig.routers["d1"].ip("addr", "del", f"{VIP}/32", "dev", "clb-active")
    eventually(lambda: f"{VIP}/32" in rig.routers["d1"].ip("addr", "show", "dev", "clb-active"))
    eventually(lambda: rig.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"])


def test_frr_killed_and_started_again_comes_back_with_our_lines(rig):
    router = rig.routers["d1"]
    for pid in router.daemons.values():
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: rig.next_hops(VIP) == ["10.1.0.2"])
    router.start("zebra", "ospfd", "bfdd")
    sh("vtysh", "-N", router.name, "-b")  # as FRR's init script does: read the file into the daemons
    eventually(lambda: rig.next_hops(VIP) == ["10.1.0.1", "10.1.0.2"])


def test_external_vips_follow_their_pools(tmp_path):
    with RouteRig(tmp_path, cluster(2, vips=2, pace=0.2, announce=EXTERNAL)) as rig:
        for director in rig.directors.values():
            director.set_members(True)
        for vip in (VIP, SECOND):
            eventually(lambda vip=vip: rig.next_hops(vip) == ["10.1.0.1", "10.1.0.2"])
        rig.directors["d1"].set_members(False, [0])
        eventually(lambda: rig.next_hops(VIP) == ["10.1.0.2"])
        assert rig.next_hops(SECOND) == ["10.1.0.1", "10.1.0.2"]


@pytest.mark.smoke
@pytest.mark.parametrize(("before", "after"), [(AnnounceModes(), EXTERNAL), (EXTERNAL, AnnounceModes())])
def test_a_start_in_another_mode_leaves_nothing_of_the_old_one(tmp_path, before, after):
    """Mixed modes send all traffic to one kind: what the old one announced has to go."""
    with RouteRig(tmp_path, cluster(1, announce=before, pace=0.2)) as rig:
        rig.directors["d1"].set_members(True)
        eventually(lambda: rig.next_hops(VIP) == ["10.1.0.1"])
        rig.directors["d1"].kill(signal.SIGTERM)
        rig.inventory = cluster(1, announce=after, pace=0.2)
        rig.start("d1").set_members(True)
        router, external = rig.routers["d1"], after == EXTERNAL
        eventually(lambda: (str(VIP) in router.ip("route", "show", "proto", "201")) is external)
        eventually(lambda: (f"{VIP}/32" in router.ip("addr", "show", "dev", "clb-active")) is not external)
        shown = "E1" if external else "N "
        eventually(lambda: shown in _ospf_route(rig, VIP))
        eventually(lambda: rig.next_hops(VIP) == ["10.1.0.1"])


def _ospf_route(rig: RouteRig, vip) -> str:
    return "".join(
        line for line in rig.switch.vtysh("show ip ospf route").splitlines() if f"{vip}/32" in line
    )
