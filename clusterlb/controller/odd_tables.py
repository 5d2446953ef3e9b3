"""Tables that most directors have otherwise: the director says in what, and leaves the VIP to the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import structlog

from clusterlb.controller.background import spawn
from clusterlb.controller.peering import Peering
from clusterlb.controller.store.events import Withheld
from clusterlb.controller.store.store import Store
from clusterlb.controller.strays import WAIT
from clusterlb.core.census import uncountable
from clusterlb.core.digest import table_digest, table_rows
from clusterlb.core.peer_tables import apart, difference, odd, patience
from clusterlb.model.address import IPAddress
from clusterlb.model.inventory import Vrrp
from clusterlb.model.ipvs import ServiceKey, ServiceState
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Because, Reason

UNKNOWN = "most directors have it otherwise"

log = structlog.get_logger()


@dataclass(slots=True)
class OddTables:
    """Shows the peers this director's tables, compares theirs, and says which VIPs to withhold."""

    store: Store
    peering: Peering
    _since: dict[str, float] = field(default_factory=dict)
    _digests: dict[str, tuple[ServiceState, str]] = field(default_factory=dict)  # worked out once a state
    _found: dict[str, str] = field(default_factory=dict)  # in what a table differs, by the service's name

    async def look(self) -> None:
        """Compare the tables as they are now."""
        self.peering.board.show_tables(self._tables())
        self._compare(self.store.clock())
        self._withhold()

    def texts(self) -> tuple[str, ...]:
        """Return the services whose table most directors have otherwise, and in what they differ."""
        return tuple(f"{name}: {why}" for name, why in sorted(self._found.items()))

    def _keys(self) -> dict[str, ServiceKey]:
        """Return the services to compare, by name.

        One of whose pool an operator has pinned or drains a member is left out: that is decided for one
        director at a time, and is no mistake.
        """
        store = self.store
        willed = {pool for pool, _ in (*store.in_force.pins, *store.in_force.members)}
        return {
            str(key): key for key, (_, service) in store.index.served.items() if service.pool not in willed
        }

    def _tables(self) -> dict[str, str]:
        """Return the digests of the tables that place flows alike everywhere."""
        if not self.peering.open:
            return {}
        there = ((name, self.store.actual.services.get(key)) for name, key in self._keys().items())
        before, self._digests = self._digests, {}
        for name, state in there:
            if state is not None and not uncountable(state):
                known = before.get(name)
                same = known is not None and (known[0] is state or known[0] == state)
                self._digests[name] = known if known and same else (state, table_digest(state))
        return {name: digest for name, (_, digest) in self._digests.items()}

    def _compare(self, now: float) -> None:
        """Note which tables are odd, since when, and once that is for too long, in what."""
        found = odd(self.peering.board.tables, self.peering.heard().values())
        for name in self._since.keys() - found:
            del self._since[name]
            if self._found.pop(name, ""):
                log.info("a table is again as most directors have it", service=name)
        for name in found - self._since.keys():
            self._since[name] = now
            self.store.mark_all()
        counting = WAIT if self.peering.anchoring.on else 0.0
        for name, key in self._keys().items():
            since = self._since.get(name)
            if since is None or name in self._found:
                continue
            _, service = self.store.index.served[key]
            if now - since >= patience(self.store.inventory, [service.pool]) + counting:
                self._found[name] = UNKNOWN
                spawn(self._find_out(name, key))

    async def _find_out(self, name: str, key: ServiceKey) -> None:
        """Have a peer that has the table otherwise say what its rows are."""
        state = self.store.actual.services.get(key)
        mine = self.peering.board.tables.get(name)
        for peer, tables in self.peering.heard().items():
            if tables.get(name, mine) == mine or state is None:
                continue
            rows = await self.peering.rows_of(peer, name)
            if rows and name in self._found:
                self._found[name] = difference(table_rows(state), rows, peer)
                break
        if name in self._found:
            log.error("most directors have another table", service=name, because=self._found[name])

    def _withhold(self) -> None:
        """Say which VIPs are not to be announced, before this director has joined or for an odd table.

        An odd table withdraws a VIP only where enough others announce the VIP.
        """
        store = self.store
        around = store.around()
        vips = dict(self._not_joined())
        keys = self._keys()
        for name, why in self._found.items():
            for vip in store.index.vips(keys[name]) if name in keys else ():
                others = sum(lane is Lane.ACTIVE for lane in around.others(vip).values())
                enough = around.knows() and others >= max(1, store.inventory.cluster.min_announcers)
                if enough and not isinstance(store.inventory.vips[vip].ha, Vrrp):
                    text = f"most directors have another table for {name}: {why}"
                    vips[vip] = Because(Reason.TABLE_DIFFERS, text, {"service": name})
        if vips != store.withheld:
            store.handle(Withheld(vips))

    def _not_joined(self) -> Iterator[tuple[IPAddress, Because]]:
        """Yield the VIPs that are not announced, and for whose flows the other directors know better yet.

        That is so until the peers have told of their anchors, and while a table is not as theirs because
        members have no verdict yet: for as long as checks take, and no longer.
        """
        store = self.store
        new = store.inventory.vips.keys() - store.announced().keys()
        if not new or not self.peering.open or store.adopted_at is None:
            return
        if not self.peering.joined:
            because = Because(Reason.JOINING, "the other directors are telling of their anchored flows")
            yield from ((vip, because) for vip in new)
            return
        keys = self._keys()
        for name in sorted(apart(keys, self.peering.board.tables, self.peering.heard().values())):
            _, service = store.index.served[keys[name]]
            if store.clock() < store.adopted_at + patience(store.inventory, [service.pool]):
                text = f"the table of {name} is not yet as the other directors have it"
                yield from (
                    (vip, Because(Reason.JOINING, text)) for vip in new & store.index.vips(keys[name])
                )
