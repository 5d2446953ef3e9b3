"""Trees of all files -> the items of each section."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from clusterlb.config.hints import clip, odd_character
from clusterlb.config.item import Item
from clusterlb.config.nodes import Entry, Mapping, Node, Scalar, Sequence, find
from clusterlb.config.report import Report
from clusterlb.config.source import Position, Source
from clusterlb.config.wording import describe, one_of

NAMES = ("cluster", "directors", "pools", "vips", "snat_pools", "maintenance")


@dataclass
class Sections:
    """The items of all files, not yet validated.

    ``whole`` is False when a part could not be read, or may stand under a misspelt name. ``strange``: a
    section has an unknown name.
    """

    cluster: Item | None = None
    directors: dict[str, Item] = field(default_factory=dict)
    pools: dict[str, Item] = field(default_factory=dict)
    vips: dict[str, Item] = field(default_factory=dict)
    snat_pools: dict[str, Item] = field(default_factory=dict)
    maintenance: list[Item] = field(default_factory=list)
    whole: bool = True
    strange: bool = False


def gather(trees: list[tuple[Source, Node]], report: Report) -> Sections:
    """Merge the sections of all files. Of two items with one name, keep the first and report both places."""
    sections = Sections()
    for source, tree in trees:
        if not isinstance(tree, Mapping):
            place = Position(source, tree.line, tree.column)
            report.error(place, "needs the sections of an inventory", f"one of: {', '.join(NAMES)}")
            sections.whole = False
            continue
        for name, entry in tree.entries.items():
            _section(sections, Item(name, Position(source, entry.line, entry.column), entry.node), report)
    absent = not (sections.cluster and sections.directors and sections.pools and sections.vips)
    sections.whole = sections.whole and not (sections.strange and absent)
    return sections


def _section(sections: Sections, section: Item, report: Report) -> None:
    if section.name not in NAMES:
        hint = odd_character(section.name) or one_of(section.name, NAMES)
        report.error(section.place, f"unknown key `{clip(section.name)}`", hint)
        sections.strange = True
    elif section.name == "cluster":
        if sections.cluster is None:
            sections.cluster = section
        else:
            _twice("section `cluster`", sections.cluster, section, report)
    elif section.name == "maintenance":
        if isinstance(section.node, Sequence):
            sections.maintenance.extend(_windows(section, section.node.items))
        else:
            _wrong_shape(sections, section, "a list", "[]", "begin each window with `- name:`", report)
    elif isinstance(section.node, Mapping):
        _entries(getattr(sections, section.name), section, section.node.entries, report)
    else:
        _wrong_shape(sections, section, "a mapping", "{}", "each name as a key, its settings below", report)


def _wrong_shape(
    sections: Sections, section: Item, needed: str, nothing: str, otherwise: str, report: Report
) -> None:
    empty = isinstance(section.node, Scalar) and section.node.value is None
    report.error(
        section.place if empty else section.at(),
        f"`{section.name}` needs {needed}, but is {describe(section.node)}",
        f"write `{section.name}: {nothing}` when there are none, else {otherwise}",
    )
    sections.whole = False


def _windows(section: Item, windows: list[Node]) -> Iterator[Item]:
    """Yield the windows of a list, each under its ``name``, or else under its number."""
    for number, node in enumerate(windows, 1):
        found = find(node, ("name",))
        name = found.value if isinstance(found, Scalar) else None
        text = name if isinstance(name, str) else f"window {number}"
        yield Item(text, Position(section.place.source, node.line, node.column), node)


def _entries(known: dict[str, Item], section: Item, entries: dict[str, Entry], report: Report) -> None:
    for name, entry in entries.items():
        item = Item(name, Position(section.place.source, entry.line, entry.column), entry.node)
        if name in known:
            _twice(f"key `{clip(name)}` in `{section.name}`", known[name], item, report)
        else:
            known[name] = item


def _twice(what: str, first: Item, second: Item, report: Report) -> None:
    report.error(second.place, f"duplicate {what}", f"first written at {first.place}; keep one of them")
