"""Our nftables tables without a kernel; the contract suite runs on this fake and on nft."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.nft.fields import BITS, canonical, span
from clusterlb.drivers.nft.script import LOADED, load
from clusterlb.model.plan import ChangeSets, LoadRules, RuleStep
from clusterlb.model.rules import ALTERED, NO_RULES, Element, NamedSet, Rules

_USED = re.compile(r"@([a-z_]\w*)(?![\w,])")  # @th,16,16 is a payload
_DEFINED = re.compile(r"(?:set|map) (\w+) \{")


class FakeRules:
    """Implements ``RulesDriver``.

    ``rules``: our table, which tests may edit as another program would. ``watching``: the watching table;
    ``heard``: the elements of its sets. ``notes``: what the kernel has put into sets of our table.
    ``applied``: the steps that took effect. Keys that nft prints in another form are refused, as they would
    not read back as they were written. All overlaps of intervals are refused; the kernel refuses some.
    """

    def __init__(self, rules: Rules = NO_RULES) -> None:
        self.rules = rules
        self.watching = NO_RULES
        self.heard: dict[str, set[Element]] = {}
        self.notes: dict[str, set[Element]] = {}
        self.applied: list[RuleStep] = []
        self._failures: list[str] = []

    def fail_next(self, message: str) -> None:
        """Refuse the next step or check with this message, without effect."""
        self._failures.append(message)

    def alter_chains(self) -> None:
        """Change the chains as another program would."""
        self.rules = Rules(sets=self.rules.sets, digest=ALTERED)

    def read(self) -> Rules:
        """Return our table, without the text of the chains."""
        return Rules(sets=dict(self.rules.sets), digest=self.rules.digest)

    def apply(self, step: RuleStep) -> None:
        """Carry out one step as one transaction."""
        match step:
            case LoadRules(rules):
                self._try("load our nftables table", rules)
                self.rules = rules if rules.digest else NO_RULES
            case ChangeSets(changes):
                self._fail()
                sets = dict(self.rules.sets)
                try:
                    for each in changes:
                        sets[each.name] = _changed(each.name, sets.get(each.name), each.remove, each.add)
                except ValueError as error:
                    raise DriverError(f"cannot change our nftables sets: {error}") from error
                self.rules = replace(self.rules, sets=sets)
        self.applied.append(step)

    def check(self, rules: Rules) -> None:
        """Raise DriverError for rules that cannot be loaded."""
        self._try("use these nftables rules", rules)

    def watch(self, rules: Rules) -> None:
        """Replace the watching table; the elements of the old one are lost."""
        self._try("watch packets with nftables", rules)
        self.watching = rules
        self.heard.clear()

    def noted(self, name: str) -> frozenset[Element]:
        """Return the keys of a set in ``notes``."""
        return frozenset(self.notes.get(name, ()))

    def seen(self, name: str) -> frozenset[Element]:
        """Return the keys of a set in ``heard``, if the watching table has such a set."""
        is_defined = f"set {name} " in self.watching.chains
        return frozenset(self.heard.get(name, ())) if is_defined else frozenset()

    def _try(self, what: str, rules: Rules) -> None:
        self._fail()
        load(rules)
        try:
            _check_chains(rules)
            for name, each in rules.sets.items():
                _changed(name, replace(each, elements={}), (), each.elements)
        except ValueError as error:
            raise DriverError(f"cannot {what}: {error}") from error

    def _fail(self) -> None:
        if self._failures:
            raise DriverError(self._failures.pop(0))


def _check_chains(rules: Rules) -> None:
    defined = {*rules.sets, *_DEFINED.findall(rules.chains)}
    for name in _USED.findall(rules.chains):
        if name not in defined:
            raise ValueError(f"there is no set {name}")
    if f"chain {LOADED} " in rules.chains:
        raise ValueError(f"the chain {LOADED} is the driver's")


def _changed(
    name: str, named: NamedSet | None, remove: Iterable[Element], add: Mapping[Element, str]
) -> NamedSet:
    """Return a set with its changes; ValueError for changes that the kernel refuses."""
    if named is None:
        raise ValueError(f"there is no set {name}")
    elements = dict(named.elements)
    kinds = tuple(named.type.split(" . "))
    for key in remove:
        if elements.pop(key, None) is None:
            raise ValueError(f"set {name} has no {_text(key)}")
    for key, value in add.items():
        _check_spelling(kinds, key)
        _check_spelling(tuple(named.value.split(" . ")), tuple(value.split(" . ")))
        if elements.get(key, value) != value:
            raise ValueError(f"set {name} has another value for {_text(key)}")
        if not named.interval and any(len(_span(*field)) > 1 for field in zip(kinds, key, strict=True)):
            raise ValueError(f"set {name} takes no intervals: {_text(key)}")
        if named.interval and key not in elements:
            for other in elements:
                if _overlap(kinds, key, other):
                    raise ValueError(f"in set {name} {_text(key)} overlaps {_text(other)}")
        elements[key] = value
    return replace(named, elements=elements)


def _check_spelling(kinds: tuple[str, ...], fields: tuple[str, ...]) -> None:
    """Raise ValueError for fields that nft refuses, or prints in another form."""
    if len(kinds) != len(fields):
        raise ValueError(f"{_text(fields)} is no {_text(kinds)}")
    printed = tuple(map(canonical, kinds, fields))
    if printed != fields:
        raise ValueError(f"write {_text(fields)} as nft prints it: {_text(printed)}")


def _overlap(kinds: tuple[str, ...], one: Element, other: Element) -> bool:
    return all(
        left == right if kind not in BITS else _meet(_span(kind, left), _span(kind, right))
        for kind, left, right in zip(kinds, one, other, strict=True)
    )


def _span(kind: str, text: str) -> range:
    """Return the values that a field covers; a field of a type outside BITS counts as one value."""
    first, last = span(kind, text) if kind in BITS else (0, 0)
    return range(first, last + 1)


def _meet(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop


def _text(fields: Iterable[str]) -> str:
    return " . ".join(fields)
