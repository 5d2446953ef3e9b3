"""What we want, as a script for ``nft -f``: one script is one transaction.

Each element has a line of its own, so that an error names it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clusterlb.model.rules import Element, NamedSet, Rules, SetChange

TABLE = "inet clusterlb"
WATCH = "inet clusterlb_watch"
"""The table that is there for moments, to see who speaks to whom."""

LOADED = "loaded"
"""The name of a chain without a hook, which tells what was loaded (``seal``)."""


def load(rules: Rules) -> str:
    """Return what puts a whole table in the place of ours; without a digest it only deletes.

    ValueError for rules that were read: they have no text.
    """
    if rules.digest and not rules.chains:
        raise ValueError("rules that were read cannot be loaded")
    return _replace(TABLE, rules, f"\n  chain {LOADED} {{\n  }}\n")


def watch(rules: Rules) -> str:
    """Return what puts these rules in the place of the table that watches; NO_RULES only deletes it."""
    return _replace(WATCH, rules)


def seal(digest: str, fingerprint: str) -> str:
    """Return what notes in our table which rules were loaded and what the kernel has made of them."""
    return f'add rule {TABLE} {LOADED} continue comment "{digest} {fingerprint}"\n'


def change(changes: Iterable[SetChange]) -> str:
    """Return what makes the changes; the removals come first, so that a key can get another value."""
    lines = []
    for each in changes:
        if each.remove:
            lines.append(f"delete element {TABLE} {each.name} {_block(map(_key, each.remove))}\n")
        if each.add:
            lines.append(f"add element {TABLE} {each.name} {_block(_entries(each.add))}\n")
    return "".join(lines)


def _replace(table: str, rules: Rules, rest: str = "") -> str:
    gone = f"table {table}\ndelete table {table}\n"  # the first makes the second no error
    if not rules.digest:
        return gone
    sets = "".join(_definition(name, each) for name, each in rules.sets.items())
    return f"{gone}table {table} {{\n{sets}{rules.chains}{rest}}}\n"


def _definition(name: str, each: NamedSet) -> str:
    kind = each.type if each.type.startswith("typeof ") else f"type {each.type}"
    lines = [f"{kind} : {each.value}" if each.value else kind]
    if each.interval:
        lines.append("flags interval")
    if each.elements:
        lines.append(f"elements = {_block(_entries(each.elements))}")
    body = "".join(f"    {line}\n" for line in lines)
    return f"  {'map' if each.value else 'set'} {name} {{\n{body}  }}\n"


def _block(entries: Iterable[str]) -> str:
    return "{\n" + ",\n".join(entries) + "\n}"


def _entries(elements: Mapping[Element, str]) -> Iterable[str]:
    return (f"{_key(key)} : {value}" if value else _key(key) for key, value in elements.items())


def _key(key: Element) -> str:
    return " . ".join(key)
