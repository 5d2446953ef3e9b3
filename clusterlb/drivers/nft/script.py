"""Changes as scripts for ``nft -f``; one script is one transaction.

Each element is on its own line, so that an error names the element.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from clusterlb.model.rules import Element, NamedSet, Rules, SetChange

TABLE = "inet clusterlb"
WATCH = "inet clusterlb_watch"
"""The watching table, which exists while hairpins are looked for."""

LOADED = "loaded"
"""The name of a chain without a hook; its comment holds the seal (``seal``)."""


def load(rules: Rules) -> str:
    """Return the script that replaces our table; for rules without a digest it deletes the table.

    ValueError for rules that were read from the kernel: they have no text of chains.
    """
    if rules.digest and not rules.chains:
        raise ValueError("rules that were read cannot be loaded")
    return _replace(TABLE, rules, f"\n  chain {LOADED} {{\n  }}\n")


def watch(rules: Rules) -> str:
    """Return the script that replaces the watching table; for NO_RULES it deletes the table."""
    return _replace(WATCH, rules)


def seal(digest: str, fingerprint: str) -> str:
    """Return the script that notes in our table the rules' digest and the listing's fingerprint."""
    return f'add rule {TABLE} {LOADED} continue comment "{digest} {fingerprint}"\n'


def change(changes: Iterable[SetChange]) -> str:
    """Return the script of the changes; removals come first, so that a key can get another value."""
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
