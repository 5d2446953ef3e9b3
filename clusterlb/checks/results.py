"""What the probes came to: observations, what could not be probed, and the counts of both."""

from __future__ import annotations

import sys
import traceback
from typing import Generic

from clusterlb.checks.entry import Entry, Name
from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.stats import Counters
from clusterlb.model.check import CheckType
from clusterlb.model.health import Observation


class Results(Generic[Name]):
    """Gathers results until they are taken. A trouble is told once, until the probe has a result again."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._seen: list[tuple[Name, Observation]] = []
        self._troubles: list[tuple[Name, str]] = []
        self._printed: set[str] = set()

    def observe(self, entry: Entry[Name], result: Result, now: float) -> None:
        """Take in the end of a run."""
        ok, detail, share, warning, phases = result
        seen = Observation(ok, now, now - entry.since, detail, share, warning, phases)
        self._seen.append((entry.name, seen))
        entry.trouble = ""
        if ok:
            self.counters.passed += 1
        else:
            self.counters.failed += 1

    def unsent(self, entry: Entry[Name], error: UnsentError) -> None:
        """Take in that the director could not probe."""
        self.counters.unsent[error.name] = self.counters.unsent.get(error.name, 0) + 1
        self.complain(entry, error.name)

    def broken(self, entry: Entry[Name], error: Exception) -> None:
        """Take in an error of a kind's own code."""
        self.complain(entry, self.report(entry.kind, error))

    def unmade(self, name: Name, kind: CheckType, error: Exception) -> None:
        """Take in that there is no probe at all, for an error of a kind's own code."""
        self._troubles.append((name, self.report(kind, error)))

    def complain(self, entry: Entry[Name], trouble: str) -> None:
        """Tell of a trouble, unless it is the one that was told of last."""
        if entry.trouble != trouble:
            entry.trouble = trouble
            self._troubles.append((entry.name, trouble))

    def report(self, kind: CheckType, error: Exception) -> str:
        """Count an error, print the first of its sort, and return a word for it."""
        self.counters.broken += 1
        sort = f"{kind.value} {type(error).__name__}"
        if sort not in self._printed:
            self._printed.add(sort)
            traceback.print_exception(error, file=sys.stderr)
        return f"an error in the check itself, {type(error).__name__}"

    def take(self) -> list[tuple[Name, Observation]]:
        """Return what was observed since the last call."""
        seen, self._seen = self._seen, []
        return seen

    def take_troubles(self) -> list[tuple[Name, str]]:
        """Return what cannot be probed since the last call, and why."""
        troubles, self._troubles = self._troubles, []
        return troubles
