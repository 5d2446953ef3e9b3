"""Merge our lines into FRR's configuration, beside foreign lines: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from clusterlb.drivers.frr.contexts import opens_context, slot, starts_ospf, stays_in
from clusterlb.drivers.frr.text import (
    ConfigEntry,
    Kind,
    exit_of,
    left_open,
    lines_of,
    scan,
    serialise,
    text_of,
)
from clusterlb.model.state import FrrLine


def merge(
    running: Sequence[FrrLine], add: Iterable[FrrLine], remove: Collection[FrrLine]
) -> tuple[FrrLine, ...]:
    """Return the running lines without ``remove`` and with ``add``; all other lines keep their positions.

    A line of ``add`` replaces a line with the same slot (see ``contexts.slot``). A context's header in
    ``remove`` is removed only if its context is empty; a foreign header stays, empty or not.
    """
    return lines_of(_edit(scan(serialise(running)), add, remove))


def merge_text(
    text: str,
    add: Iterable[FrrLine],
    remove: Collection[FrrLine],
    entries: list[ConfigEntry] | None = None,
) -> str:
    """Do the same as ``merge`` to a file's text, and keep its comments, order and indentation.

    ``entries``: the text as FRR parses it, if that is known (``reading``).
    """
    entries = scan(text) if entries is None else entries
    edited = _edit(entries, add, remove)
    return text if edited == entries else text_of(edited)


def needed(running: Collection[FrrLine], wanted: Iterable[FrrLine]) -> tuple[FrrLine, ...]:
    """Return the wanted lines that are not running, in their order."""
    have = frozenset(running)
    return tuple(line for line in wanted if line not in have)


def displaced(before: Iterable[FrrLine], after: Collection[FrrLine]) -> tuple[FrrLine, ...]:
    """Return the lines of ``before`` whose value was replaced in ``after``, for restoring them later."""
    have = frozenset(after)
    slots = {(line.context, slot(line.text)) for line in after}
    return tuple(line for line in before if line not in have and (line.context, slot(line.text)) in slots)


def _edit(
    entries: list[ConfigEntry], add: Iterable[FrrLine], remove: Collection[FrrLine]
) -> list[ConfigEntry]:
    add = tuple(add)
    edited = list(entries)
    # additions first, so that a line that replaces a removed one takes its position
    for line in add:
        _put(edited, line)
    return _without(edited, frozenset(remove) - frozenset(add))


def _without(entries: Iterable[ConfigEntry], gone: frozenset[FrrLine]) -> list[ConfigEntry]:
    kept = [e for e in entries if e.kind is not Kind.LINE or e.line not in gone]
    headers = {e.path for e in kept if e.kind is Kind.HEADER and e.line in gone}
    for path in sorted(headers, key=len, reverse=True):
        is_used = any(e.kind in {Kind.LINE, Kind.HEADER} and e.context[: len(path)] == path for e in kept)
        if not is_used:
            kept = [e for e in kept if not _frames(e, path)]
    return kept


def _frames(entry: ConfigEntry, path: tuple[str, ...]) -> bool:
    """Say whether an entry opens or closes the context, or is a comment inside it."""
    if entry.kind is Kind.HEADER:
        return entry.path == path
    return entry.context[: len(path)] == path


def _put(entries: list[ConfigEntry], line: FrrLine, opens: bool = False) -> None:
    opens = opens or opens_context(line.context, line.text)
    wanted = (line.context, slot(line.text))
    # of two lines with one slot, FRR uses the later
    for index in reversed(range(len(entries))):
        entry = entries[index]
        if entry.kind not in {Kind.LINE, Kind.HEADER}:
            continue
        present = entry.line
        if present == line:
            if opens and entry.kind is Kind.LINE:
                entries[index : index + 1] = _block(line, opens)
            return
        if (present.context, slot(present.text)) == wanted:
            indent = entry.raw[: len(entry.raw) - len(entry.raw.lstrip())]
            entries[index] = ConfigEntry(indent + line.text, entry.kind, entry.context)
            return
    if line.context:
        _put(entries, FrrLine(line.context[:-1], line.context[-1]), opens=True)
    index = _index_for_context(entries, line) if opens else _index_for_line(entries, line)
    entries[index:index] = [*_left(entries[:index], line), *_block(line, opens)]


def _left(before: Sequence[ConfigEntry], line: FrrLine) -> Iterator[ConfigEntry]:
    """Close the contexts in which FRR would take a header for a line of theirs, as ``interface`` in LDP."""
    open_now = left_open(before)
    inner = [n for n in range(len(line.context) + 1, len(open_now) + 1) if stays_in(open_now[:n], line.text)]
    for depth in range(len(open_now), len(line.context), -1) if inner else ():
        yield ConfigEntry(" " * (depth - 1) + exit_of(open_now[depth - 1]), Kind.EXIT, open_now[:depth])


def _block(line: FrrLine, opens: bool) -> list[ConfigEntry]:
    indent = " " * len(line.context)
    if not opens:
        return [ConfigEntry(indent + line.text, Kind.LINE, line.context)]
    return [
        ConfigEntry(indent + line.text, Kind.HEADER, line.context),
        ConfigEntry(indent + exit_of(line.text), Kind.EXIT, (*line.context, line.text)),
    ]


def _index_for_context(entries: Sequence[ConfigEntry], header: FrrLine) -> int:
    """Return the index for a new context: OSPF's own context before the first interface.

    FRR reads its file line by line, and OSPF starts on an interface even before its router id is set.
    """
    if not header.context and header.text.startswith("router ospf"):
        for index, entry in enumerate(entries):
            if entry.kind is Kind.HEADER and entry.line.text.startswith("interface ") and not entry.context:
                return index
    return _index_for_line(entries, header)


def _index_for_line(entries: Sequence[ConfigEntry], line: FrrLine) -> int:
    """Return the index after the context's own last line, and before its inner contexts, which may stay open.

    On an interface, return the index of the line that starts OSPF: later lines miss the first hello.
    """
    context = line.context
    if not context:
        ends = [index for index, entry in enumerate(entries) if entry.kind is Kind.END]
        return ends[0] if ends else len(entries)
    own = [
        index
        for index, entry in enumerate(entries)
        if (entry.kind is Kind.LINE and entry.context == context)
        or (entry.kind is Kind.HEADER and entry.path == context)
    ]
    starts = [index for index in own if starts_ospf(entries[index].line.text)]
    return starts[0] if starts and not starts_ospf(line.text) else own[-1] + 1
