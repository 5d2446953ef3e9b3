"""What VRRP has elected: who is master here, and whether another director may be, too."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import structlog

from clusterlb.controller.readings import SHARE
from clusterlb.controller.store.events import Elected
from clusterlb.controller.store.store import Store
from clusterlb.core.vrrp import ElectionFinding, Key, elected, thin, two_masters
from clusterlb.drivers.bond import Bond, bond_of
from clusterlb.drivers.interface import DriverError, FrrDriver
from clusterlb.model.vrrp import VrrpRouter

EVERY = 2.0  # seconds between two looks; more than it takes two directors to decide who is master

log = structlog.get_logger()


class Elections:
    """Looks at vrrpd, where the inventory has VIPs that VRRP moves.

    ``error`` is why nobody knows, empty when vrrpd answers. ``findings`` say which VIPs may have two masters,
    ``warnings`` which have a heartbeat over one cable alone.
    """

    def __init__(
        self,
        store: Store,
        frr: FrrDriver,
        bond_of: Callable[[str], Bond | None] = bond_of,
    ) -> None:
        self._store = store
        self._bond_of = bond_of
        self._frr = frr
        self._not_before = float("-inf")
        self._before: Mapping[Key, VrrpRouter] = {}
        self.error = ""
        self.findings: tuple[ElectionFinding, ...] = ()
        self.warnings: tuple[str, ...] = ()

    async def look(self, *, at_once: bool = False) -> None:
        """Ask vrrpd, when it is time or ``at_once``; what it says goes to the store."""
        groups, started = self._store.index.groups, self._store.clock()
        if not groups:
            self._take({}, "")
            return
        if started < self._not_before and not at_once:
            return
        try:
            routers = await self._frr.virtual_routers()
        except DriverError as error:
            self._take({}, str(error))
        else:
            self._take({((one.interface, one.vrid), one.version): one for one in routers}, "")
        bonds = {name: self._bond_of(name) for name in {group.interface for group in groups}}
        links = {name: (bond.up, len(bond.carrier)) if bond else None for name, bond in bonds.items()}
        self.warnings = tuple(thin(groups, links))
        self._not_before = self._store.clock() + max(EVERY, SHARE * (self._store.clock() - started))

    def _take(self, now: Mapping[Key, VrrpRouter], error: str) -> None:
        store = self._store
        if error and error != self.error:
            log.error("vrrp", error=error)
        before, self._before, self.error = self._before, now, error
        states = elected(store.index.groups, now)
        for vip, state in states.items():
            if state != store.elected.get(vip):
                log.info("vrrp", vip=str(vip), state=state.value)
        store.handle(Elected(states))
        found = tuple(two_masters(store.index.groups, now, before))
        for one in found:
            if one not in self.findings:
                log.error("two masters", vip=str(one.vip), finding=one.text)
        self.findings = found
