"""A planned restart of ospfd (RFC 3623): what the switch's kernel has while ospfd is away and back."""

import json
import re
import signal
import subprocess
from functools import cache
from pathlib import Path

import pytest
from frr_inventories import EXTERNAL
from ospf_fabric import VIPS, Switch, announcing, join
from route_rig import RTM_DELROUTE, RouteWatch

from clusterlb.model.ospf import AnnounceModes, Bfd, Ospf
from tests.frr.conftest import eventually

VIP = VIPS[0]
DEAD = 3.0
BFD = Bfd(0.3, 3)  # slow enough for a busy machine
EVERY_MODE = pytest.mark.parametrize("announce", [EXTERNAL, AnnounceModes()], ids=["external", "intra-area"])


@cache
def holds_hellos_back() -> bool:
    """Say whether ospfd sends no hello while a configuration is read: FRR 9.1 and later (t_ospf_cfg)."""
    argv = ["/usr/lib/frr/ospfd", "--version"]
    shown = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.findall(r"\d+", shown)[:2])) >= (9, 1)


@pytest.fixture
def fabric(routers, wire, links_in):
    """Join a director to a switch that helps: ``fabric(announce, bfd, period)``."""

    def make(announce, bfd, period):
        switch = Switch(routers("s"), 0, helper=True, bfd=bfd is not None)
        config = announcing(announce, graceful_restart=period, bfd=bfd)
        director, _ = join(routers, wire, links_in, config, Ospf(announce=announce).external, switch)
        if bfd:
            eventually(lambda: '"status":"up"' in director.vtysh("show bfd peers json"))
        return director, switch, config

    return make


@pytest.fixture
def watched():
    """Watch a switch's kernel routes: ``watched(switch)``."""
    made: list[RouteWatch] = []

    def watch(switch):
        made.append(RouteWatch(switch.router.name))
        return made[-1]

    yield watch
    for each in made:
        each.close()


@EVERY_MODE
@pytest.mark.parametrize("bfd", [None, BFD], ids=["hellos", "bfd"])
def test_a_planned_restart_of_ospfd_moves_no_route(fabric, watched, announce, bfd):
    """The switch keeps the routes of an ospfd that said it would be away, BFD or not.

    ospfd comes back when the dead interval of a helper without BFD is about to end: it must have said hello
    before the help ends, not a hello interval later. That is no promise of an FRR that holds hellos back.
    """
    if not bfd and holds_hellos_back():
        pytest.skip("promised beside BFD alone: this FRR says no hello while it reads its configuration")
    director, switch, config = fabric(announce, bfd, period=60)
    watch = watched(switch)
    stop_as_planned(director, switch)
    assert stays(watch, DEAD + 1)
    if not bfd:
        eventually(lambda: 0.6 < dead_in(switch) < 1.0)
    director.start("ospfd")
    director.load(config)
    eventually(lambda: full(director) and full(switch.router))
    assert stays(watch, DEAD + 1)
    assert switch.metric(VIP) == 20


@EVERY_MODE
def test_without_bfd_an_ospfd_that_does_not_come_back_loses_its_routes(fabric, watched, announce):
    """The help ends with the grace period; no test of BFD, for FRR's help beside BFD ends with no period."""
    director, switch, _ = fabric(announce, None, period=5)
    watch = watched(switch)
    stop_as_planned(director, switch)
    watch.wait(VIP, RTM_DELROUTE)
    assert not switch.metric(VIP)


def stop_as_planned(director, switch):
    """Do what docs/routing.md says: nothing unacknowledged, prepare, see that the switch helps, stop."""
    eventually(lambda: acknowledged(director) and acknowledged(switch.router))
    director.vtysh("graceful-restart prepare ip ospf")
    eventually(lambda: "Neighbour 1" in switch.router.vtysh("show ip ospf graceful-restart helper detail"))
    director.signal("ospfd", signal.SIGTERM)
    eventually(lambda: not Path(f"/proc/{director.daemons['ospfd']}").exists())


def neighbors(router):
    shown = json.loads(router.vtysh("show ip ospf neighbor json"))["neighbors"]
    return [each for entries in shown.values() for each in entries]


def full(router):
    return [each["nbrState"].startswith("Full") for each in neighbors(router)] == [True]


def acknowledged(router):
    """Say whether the only neighbour has acknowledged every LSA."""
    return [each["linkStateRetransmissionListCounter"] for each in neighbors(router)] == [0]


def dead_in(switch):
    """Return the seconds in which the switch takes its only neighbour for dead."""
    [each] = neighbors(switch.router)
    return each["routerDeadIntervalTimerDueMsec"] / 1000


def stays(watch, seconds):
    """Say whether the VIP's route is not deleted for so many seconds."""
    try:
        watch.wait(VIP, RTM_DELROUTE, seconds)
    except TimeoutError:
        return True
    return False
