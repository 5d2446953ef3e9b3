"""The steps from one nftables table to another: what VIPs that go still use goes last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clusterlb.core.nft.guard import is_guarded
from clusterlb.model.plan import ChangeSets, LoadRules, RuleStep
from clusterlb.model.rules import ALTERED, Element, NamedSet, Rules, SetChange

# Changes in interval sets beyond which the whole table is loaded. nft compares each with all that is there:
# 1,000 in 10,000 take 50 s, where the load takes 0.2 s.
BULK = 50


def rule_steps(want: Rules, have: Rules) -> Iterator[RuleStep]:
    """Yield the steps from one table to another.

    An element that only goes, and names an address that is guarded, goes in a step of its own that tidies:
    the address's packets keep mark and guard until they go elsewhere, or another service takes them.
    Where whole sets with such elements go, the load tidies, unless other kinds of sets come with it.
    """
    kept = {name: found for name in want.sets if (found := _kept(name, want, have))}
    same = want.digest == have.digest
    tidying_load = not same and have.digest != ALTERED and _loses_sets(want, have)
    if same or tidying_load:
        changes = (_change(name, want, have, kept.get(name, {})) for name in want.sets)
        yield from _steps([change for change in changes if change is not None], want)
    else:
        yield LoadRules(want.changed(SetChange(name, found) for name, found in kept.items()))
    if tidying_load:
        yield LoadRules(want, tidies=True)
    else:
        going = [SetChange(name, remove=tuple(found)) for name, found in kept.items()]
        yield from _steps(going, want, tidies=True)


def _steps(changes: Sequence[SetChange], want: Rules, *, tidies: bool = False) -> Iterator[RuleStep]:
    slow = sum(len(c.add) + len(c.remove) for c in changes if want.sets[c.name].interval)
    if slow > BULK:
        yield LoadRules(want, tidies)
    elif changes:
        yield ChangeSets(tuple(changes), tidies)


def _change(name: str, want: Rules, have: Rules, kept: Mapping[Element, str]) -> SetChange | None:
    wanted, there = want.sets[name].elements, have.sets[name].elements
    if wanted is there:
        return None  # law: one member's change costs no look at every element
    add = {key: value for key, value in wanted.items() if there.get(key) != value}
    remove = tuple(key for key, value in there.items() if wanted.get(key) != value and key not in kept)
    return SetChange(name, add, remove) if add or remove else None


def _kept(name: str, want: Rules, have: Rules) -> dict[Element, str]:
    """Return the elements of a set that only go, and that name an address which is guarded."""
    wanted, there = want.sets[name], have.sets.get(name)
    if there is None or _kind(there) != _kind(wanted) or wanted.elements is there.elements:
        return {}
    going = {
        key: value
        for key, value in there.elements.items()
        if key not in wanted.elements and _names_guarded(key, value, have)
    }
    if going and wanted.interval:
        # nft refuses intervals that overlap: where a VIP gets others, the old ones go before
        renewed = {key[0] for key in wanted.elements if key not in there.elements}
        going = {key: value for key, value in going.items() if key[0] not in renewed}
    return going


def _loses_sets(want: Rules, have: Rules) -> bool:
    """Say whether sets go that have a guarded address, and no other kind of set comes."""
    lost = (named for name, named in have.sets.items() if name not in want.sets)
    return all(
        name in have.sets and _kind(have.sets[name]) == _kind(named) for name, named in want.sets.items()
    ) and any(_names_guarded(key, value, have) for named in lost for key, value in named.elements.items())


def _names_guarded(key: Element, value: str, rules: Rules) -> bool:
    """Say whether an element is about an address that the kernel must not speak for."""
    return is_guarded(key[0], rules) or is_guarded(value, rules)


def _kind(named: NamedSet) -> tuple[str, str, bool]:
    return named.type, named.value, named.interval
