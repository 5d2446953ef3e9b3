"""What events change in the store, and whether the loop is woken for that."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_director import VIP, inventory

from clusterlb.controller.store.events import Draining, Observed, ServicesRead, Unprogrammed
from clusterlb.controller.store.index import Index
from clusterlb.controller.store.store import Store
from clusterlb.drivers.interface import LinkState
from clusterlb.model.health import Observation
from clusterlb.model.ospf import Lane

GIVEN = inventory()
KEY = GIVEN.vips[VIP].services[0].key(VIP)
LINKS = LinkState(frozenset(Lane), {}, frozenset(), {"e0": True})


class Woken:
    """A store that has been adopted, and how often it has woken the loop since."""

    def __init__(self) -> None:
        self.times = 0
        self.store = Store(Index(GIVEN, GIVEN.directors["d1"]), lambda: 100.0, self._wake)
        self.store.handle(LINKS)
        self.store.adopted_at = 0.0
        self.store.take_dirty()
        self.times = 0

    def _wake(self) -> None:
        self.times += 1


@pytest.mark.parametrize("event", [ServicesRead({}, {KEY}), LINKS, Draining(), Unprogrammed(VIP, "")])
def test_news_of_nothing_wakes_nobody(event):
    woken = Woken()
    woken.store.handle(event)
    assert (woken.times, bool(woken.store.dirty)) == (0, False)


def test_a_verdict_marks_its_pool_with_services_and_vips():
    woken = Woken()
    (probe, *_) = woken.store.index.roster.users
    woken.store.handle(Observed(probe, Observation(False, 100.0, 0.0, "refused")))
    dirty = woken.store.take_dirty()
    assert (dirty.pools, dirty.keys, dirty.vips) == ({"web"}, {KEY}, {VIP})
    assert woken.times
    woken.store.handle(
        Observed(probe, Observation(False, 101.0, 0.0, "refused", warning="its clock is wrong"))
    )
    assert not woken.store.dirty
    first, *others = woken.store.assessment.members["web"]
    assert (first.because, first.warning) == ("refused", "its clock is wrong")
    assert {state.because for state in others} == {""}


def test_what_an_inventory_has_no_more_is_forgotten():
    woken = Woken()
    for probe in woken.store.index.roster.users:
        woken.store.handle(Observed(probe, Observation(True, 100.0, 0.0, "ok")))
    assert len(woken.store.verdicts) == 3
    web = replace(GIVEN.pools["web"], members=GIVEN.pools["web"].members[:1])
    woken.store.handle(Index(replace(GIVEN, pools={"web": web}), woken.store.director))
    assert len(woken.store.verdicts) == 1
    assert len(woken.store.assessment.members["web"]) == 1
    assert woken.store.dirty.everything
