"""Our nftables tables in the kernel, read and changed with nft."""

from __future__ import annotations

import os
import subprocess

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.nft import errors, listing, monitor, script
from clusterlb.model.plan import ChangeSets, LoadRules, RuleStep
from clusterlb.model.rules import NO_RULES, Element, Rules

_LIMIT = 60.0  # seconds; a thousand changes of ten thousand intervals take as long (nft 1.0.6)
_ABSENT = "No such file or directory"
_LIST = ("--json", "--numeric", "--stateless", "list")


class KernelRules:
    """Implements ``RulesDriver`` in the network namespace of the thread that calls.

    Listing a table is slow, so it is listed only when the ruleset's generation has changed. ``program``: nft.
    """

    def __init__(self, program: str = "nft") -> None:
        self._program = program
        self._known: tuple[int, Rules] | None = None  # a generation, and our table in it

    def read(self) -> Rules:
        """Return our table, NO_RULES when it does not exist."""
        number = monitor.generation()
        known = NO_RULES if number == monitor.FIRST_GENERATION else self._known_at(number)
        if known is None:
            found = self._listed()
            known = NO_RULES if found is None else found.rules()
            # a change during the listing has raised the generation, so the next call reads again
            self._known = None if number is None else (number, known)
        return known

    def apply(self, step: RuleStep) -> None:
        """Carry out one step; DriverError leaves the old table in force."""
        number = monitor.generation()
        known, self._known = self._known_at(number), None
        match step:
            case LoadRules(rules):
                self._run("load our nftables table", script.load(rules))
                if rules.digest:
                    self._seal(rules.digest)
            case ChangeSets(changes):
                self._run("change our nftables sets", script.change(changes))
                self._keep(None if known is None else known.changed(changes), number)

    def check(self, rules: Rules) -> None:
        """Check with nft and the kernel that rules can be loaded; DriverError when they cannot."""
        self._run("use these nftables rules", script.load(rules), "--check")

    def watch(self, rules: Rules) -> None:
        """Replace the watching table; NO_RULES deletes it."""
        number = monitor.generation()
        if number == monitor.FIRST_GENERATION and not rules.digest:
            return
        known, self._known = self._known_at(number), None
        self._run("watch packets with nftables", script.watch(rules))
        self._keep(known, number)

    def noted(self, name: str) -> frozenset[Element]:
        """Return the keys that the kernel has put into a dynamic set of our table; empty without one."""
        return self._keys(script.TABLE, name)

    def seen(self, name: str) -> frozenset[Element]:
        """Return the keys of a set in the watching table; empty when there is no such set."""
        return self._keys(script.WATCH, name)

    def _keys(self, table: str, name: str) -> frozenset[Element]:
        text = self._list(f"read the nftables set {name}", "set", *table.split(), name)
        return frozenset() if text is None else listing.keys(text)

    def _keep(self, known: Rules | None, number: int | None) -> None:
        """Remember these rules after our own change, so that the change does not cost a listing.

        The generation is ``number`` + 1 unless another change came in between.
        """
        if known is not None and number is not None and monitor.generation() == number + 1:
            self._known = (number + 1, known)

    def _known_at(self, number: int | None) -> Rules | None:
        return self._known[1] if self._known and self._known[0] == number else None

    def _seal(self, digest: str) -> None:
        """Note the rules' digest in the table; a table without it reads as altered, and is loaded again."""
        found = self._listed()
        if found is not None:
            self._run(
                "note which nftables rules were loaded (they are in force)",
                script.seal(digest, found.fingerprint),
            )

    def _listed(self) -> listing.Listing | None:
        text = self._list("read our nftables table", "table", "inet", "clusterlb")
        if text is None:
            return None
        try:
            return listing.parse(text)
        except (ValueError, LookupError, TypeError) as error:
            raise DriverError(
                f"cannot read our nftables table: nft's listing has an unknown form ({error!r}); please "
                "report the output of 'nft -j list table inet clusterlb'"
            ) from error

    def _list(self, what: str, *words: str) -> str | None:
        """Return a listing; None when the table or set does not exist."""
        done = self._nft(what, (*_LIST, *words))
        if done.returncode and f"Error: {_ABSENT}" in done.stderr:
            return None
        if done.returncode:
            raise DriverError(errors.meaning(what, done.returncode, done.stderr))
        return done.stdout

    def _run(self, what: str, text: str, *options: str) -> None:
        if not text:
            return
        done = self._nft(what, (*options, "--file", "-"), text)
        if done.returncode:
            raise DriverError(errors.meaning(what, done.returncode, done.stderr, text))

    def _nft(self, what: str, words: tuple[str, ...], text: str = "") -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [self._program, *words],
                input=text,
                capture_output=True,
                text=True,
                timeout=_LIMIT,
                check=False,
                env={**os.environ, "LC_ALL": "C"},
            )
        except FileNotFoundError as error:
            raise DriverError(errors.missing(what)) from error
        except subprocess.TimeoutExpired as error:
            raise DriverError(errors.late(what, _LIMIT)) from error
        except OSError as error:
            raise DriverError(f"cannot {what}: nft does not start: {error.strerror}") from error
