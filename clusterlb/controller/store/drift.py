"""What others have changed of ours: logged, and named where somebody does it again and again."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import structlog

from clusterlb.core.foreign import not_understood
from clusterlb.core.rivalry import Rivalry
from clusterlb.model.ipvs import ServiceKey, ServiceState

RARELY = 60.0  # seconds between two lines of the log while others go on and on

log = structlog.get_logger()


@dataclass(slots=True)
class Drift:
    """``clock`` is the loop's, in seconds; ``rivals`` says what is going on in IPVS."""

    clock: Callable[[], float]
    rivals: str = ""
    _rivalry: Rivalry = field(default_factory=Rivalry)
    _strangers: frozenset[str] = frozenset()
    _quiet_until: float = float("-inf")

    def services(
        self,
        changed: Collection[ServiceKey],
        found: Mapping[ServiceKey, ServiceState],
        mine: Collection[ServiceKey],
    ) -> None:
        """Take in which services of ours others have changed, if any, and what IPVS has now."""
        self._name_strangers(found, mine)
        now = self.clock()
        if changed:
            self._rivalry.changed(tuple(map(str, changed)), now)
        before = self.rivals
        self.rivals = self._rivalry.text(now, tuple(map(str, found.keys() - set(mine))))
        if self.rivals and not before:
            log.error("others keep changing IPVS", what=self.rivals)
        elif before and not self.rivals:
            log.info("others have left IPVS alone for a while")

    def put_right(self, what: Collection[str]) -> None:
        """Say what is about to be put right; rarely while it is the same again and again."""
        now = self.clock()
        if now < self._quiet_until:
            return
        self._quiet_until = now + RARELY if self.rivals else now
        shown = ", ".join(sorted(what)[:5]) + (f" and {len(what) - 5} more" if len(what) > 5 else "")
        log.warning("changed by others, putting it right", what=shown)

    def _name_strangers(self, found: Mapping[ServiceKey, ServiceState], mine: Collection[ServiceKey]) -> None:
        """Say once which services of others are not understood."""
        strangers = frozenset(not_understood(found, mine))
        if new := sorted(strangers - self._strangers):
            log.warning("others' services that are not understood are left alone", which=", ".join(new[:5]))
        self._strangers = strangers
