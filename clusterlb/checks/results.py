"""The probes' results: observations, probes that could not be sent, and the counts of both."""

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
    """Collects results until they are taken. Reports a trouble once, until the probe has a result again."""

    def __init__(self) -> None:
        self.counters = Counters()
        self._seen: list[tuple[Name, Observation]] = []
        self._troubles: list[tuple[Name, str]] = []
        self._printed: set[str] = set()

    def observe(self, entry: Entry[Name], result: Result, now: float) -> None:
        """Add the result of a run."""
        ok, detail, share, warning, phases = result
        seen = Observation(ok, now, now - entry.since, detail, share, warning, phases)
        self._seen.append((entry.name, seen))
        entry.trouble = ""
        if ok:
            self.counters.passed += 1
        else:
            self.counters.failed += 1

    def unsent(self, entry: Entry[Name], error: UnsentError) -> None:
        """Count a probe that the director could not send."""
        self.counters.unsent[error.name] = self.counters.unsent.get(error.name, 0) + 1
        self.complain(entry, error.name)

    def broken(self, entry: Entry[Name], error: Exception) -> None:
        """Count a run that an error in the kind's code has ended."""
        self.complain(entry, self.report(entry.kind, error))

    def unmade(self, name: Name, kind: CheckType, error: Exception) -> None:
        """Count a probe that could not be made because of an error in the kind's code."""
        self._troubles.append((name, self.report(kind, error)))

    def complain(self, entry: Entry[Name], trouble: str) -> None:
        """Report a trouble, unless the probe's last report was the same."""
        if entry.trouble != trouble:
            entry.trouble = trouble
            self._troubles.append((entry.name, trouble))

    def report(self, kind: CheckType, error: Exception) -> str:
        """Count an error, print the first traceback of its kind and type, and return a short text."""
        self.counters.broken += 1
        error_type = f"{kind.value} {type(error).__name__}"
        if error_type not in self._printed:
            self._printed.add(error_type)
            traceback.print_exception(error, file=sys.stderr)
        return f"an error in the check itself, {type(error).__name__}"

    def take(self) -> list[tuple[Name, Observation]]:
        """Return the observations since the last call."""
        seen, self._seen = self._seen, []
        return seen

    def take_troubles(self) -> list[tuple[Name, str]]:
        """Return the probes that could not be sent since the last call, and why."""
        troubles, self._troubles = self._troubles, []
        return troubles
