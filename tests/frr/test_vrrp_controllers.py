"""Two whole controllers, real FRR, and a VIP that VRRP moves: what checks, drains and deaths do to it."""

import signal
from dataclasses import replace

import pytest

from clusterlb.drivers.frr.neighbors import parse_routers
from clusterlb.model.inventory import Vrrp
from tests.frr.conftest import eventually
from tests.support.cluster_rig import FIRST_VIP, ClusterDirector, inventory
from tests.support.vrrp_segment import Segment


@pytest.fixture
def directors(tmp_path):
    given = inventory(2)
    vip = replace(given.vips[FIRST_VIP], ha=Vrrp(("d1", "d2"), 10, ("e0",)))
    given = replace(given, vips={FIRST_VIP: vip})
    made = []
    with Segment("e0", name="clbw", told=False) as segment:
        try:
            for number, router in enumerate(segment.routers, 1):
                router.start("zebra", "ospfd", "bfdd", "vrrpd")
                made.append(ClusterDirector(router, f"d{number}", given, tmp_path))
                made[-1].start()
            yield made
        finally:
            for one in made:
                if one.pid:
                    one.strike("controller", signal.SIGKILL)


def state(director):
    routers = parse_routers(director.router.vtysh("show vrrp json"))
    return next((one.state.value.capitalize() for one in routers if one.vrid == 10), "")


def are(directors, *states):
    eventually(lambda: [state(one) for one in directors] == list(states), 60)


def test_checks_drains_and_a_dead_controller(directors):
    first, second = directors
    are(directors, "Master", "Backup")

    first.members(up=False)
    are(directors, "Initialize", "Master")
    first.members(up=True)
    are(directors, "Master", "Backup")

    first.drain()
    are(directors, "Backup", "Master")
    second.members(up=False)
    are(directors, "Master", "Initialize")  # it serves on where no other director can
    second.members(up=True)
    are(directors, "Backup", "Master")
    first.undrain()
    are(directors, "Master", "Backup")

    before = first.router.vtysh("show running-config no-header"), first.router.ip("-br", "link")
    first.strike("controller", signal.SIGKILL)
    assert [state(one) for one in directors] == ["Master", "Backup"]
    first.mend("controller")
    first.members(up=True)
    eventually(lambda: first.lanes().get(str(FIRST_VIP), [""])[0] == "active")
    assert (first.router.vtysh("show running-config no-header"), first.router.ip("-br", "link")) == before
    are(directors, "Master", "Backup")
