"""A configuration file as FRR parses it: the context of each line, found with FRR's own parser.

FRR ignores indentation: it tries to parse a line in the open context, then in each context around it
(lib/command.c, command_config_read_one_line). For a line that parses nowhere, ``vtysh -C`` prints the node of
the open context. So a probe, a line that never parses, is put after every line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from clusterlb.drivers.frr.contexts import keyword, opens_context, spelt_out
from clusterlb.drivers.frr.text import ConfigEntry, Kind, final_end, rows_of

_PROBE = "clusterlb-asks-where-it-is"
_REFUSED = re.compile(r"^line (\d+): % [^\[]+\[(\d+)\]", re.MULTILINE)
# bytes of a line: below vtysh's limit (lib/vty.h, VTY_BUFSIZ)
_LONGEST = 4000


def probed(text: str) -> str:
    """Return the text with a probe before the first line and after every line."""
    return "".join(f"{row}\n" for row in [_PROBE, *(each for row in rows_of(text) for each in (row, _PROBE))])


def understood(text: str, said: str) -> list[ConfigEntry] | None:
    """Return a text's entries as FRR parses them; None where the answer to ``probed`` does not tell.

    ``said``: the output of ``vtysh -C`` for the probed text. Lines that FRR refuses or no longer reads are
    NOTHING; END is the line at which FRR leaves its configuration mode for good.
    """
    rows = rows_of(text)
    nodes = {int(number): int(node) for number, node in _REFUSED.findall(said)}
    if 1 not in nodes or any(len(row) > _LONGEST for row in rows):
        return None
    reader = _Reader(nodes[1])
    entries = [reader.take(row, nodes.get(2 * n + 3), 2 * n + 2 in nodes) for n, row in enumerate(rows)]
    final = final_end(rows)
    if final is not None:
        entries[final] = ConfigEntry(rows[final], Kind.END, ())
    return entries


@dataclass(slots=True)
class _Reader:
    """FRR's state: the open contexts, each with its header and its node, FRR's number for the kind."""

    top: int
    open: list[tuple[str, int]] = field(default_factory=list)
    ended: bool = False

    def take(self, row: str, after: int | None, refused: bool) -> ConfigEntry:
        """Return the entry of a row after which FRR is at node ``after``; None: FRR reads no more."""
        path = self._path()
        words = row.split()
        if self.ended or not words or words[0][0] in "!#" or words == ["end"] or refused:
            return ConfigEntry(row, Kind.NOTHING, path)
        if after is None or after < self.top:
            self.ended = True
            self.open.clear()
            return ConfigEntry(row, Kind.END, ())
        text = spelt_out(" ".join(words))
        if words[0] in {"exit", "quit"} or words[0].startswith("exit-"):
            self._leave(after)
            return ConfigEntry(row, Kind.EXIT if self._path() != path else Kind.NOTHING, path)
        depth = self._opened_at(text, after)
        if depth is None:
            self._leave(after)
            return ConfigEntry(row, Kind.LINE, self._path(), text)
        del self.open[depth:]
        entry = ConfigEntry(row, Kind.HEADER, self._path(), text)
        self.open.append((text, after))
        return entry

    def _path(self) -> tuple[str, ...]:
        return tuple(header for header, _ in self.open)

    def _nodes(self) -> list[int]:
        return [self.top, *(node for _, node in self.open)]

    def _leave(self, node: int) -> None:
        nodes = self._nodes()
        if node in nodes:
            del self.open[len(nodes) - 1 - nodes[::-1].index(node) :]

    def _opened_at(self, text: str, node: int) -> int | None:
        """Return the depth of the context that a line opens; None for a line that opens none."""
        path, nodes = self._path(), self._nodes()
        for depth in reversed(range(len(nodes))):
            if not opens_context(path[:depth], text) or node == nodes[depth]:
                continue
            beside = depth < len(path) and keyword(path[:depth], path[depth]) == keyword(path[:depth], text)
            if beside or node not in nodes:
                return depth
        # a context that is not in our table
        return None if node in nodes else len(path)
