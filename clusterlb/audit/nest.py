"""Parse indented lines into blocks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

Row = tuple[int, str]
_CONTEXT = re.compile(r"(?:interface|router|route-map|vrf) |bfd$")
# lines that exist only in a context: FRR also reads files without indentation
_IN_CONTEXT = re.compile(
    r"(?:no )?(?:ip ospf |ipv6 ospf6 |network \S+ area |ospf6? router-id |passive-interface |area \S+ |"
    r"timers (?:lsa|throttle) |maximum-paths |match |on-match |shutdown$|bandwidth |description )"
)


@dataclass(slots=True)
class Block:
    """A line and the lines indented under it."""

    line: int
    text: str
    indent: int
    body: list[Block] = field(default_factory=list)

    def rows(self) -> list[Row]:
        """Return the lines directly under this one, each with its number."""
        return [(block.line, block.text) for block in self.body]

    def under(self, text: str) -> Iterator[Row]:
        """Yield the lines of each block with this text directly under this one."""
        for block in self.body:
            if block.text == text:
                yield from block.rows()


def nest(rows: Sequence[str]) -> tuple[list[Block], dict[int, tuple[int, ...]]]:
    """Return the outermost blocks, and for each line the line numbers of the blocks around it.

    Comments, ``exit`` and ``end`` are left out; runs of blanks become one. A context that is entered twice is
    one block, as it is for the system; ``no`` before a context removes it.
    """
    top: list[Block] = []
    stack: list[Block] = []
    contexts: dict[str, Block] = {}
    above: dict[int, tuple[int, ...]] = {}
    for number, row in enumerate(rows, 1):
        text = " ".join(row.split())
        if not text or text[0] in "!#" or text == "end" or text.startswith("exit"):
            continue
        indent = len(row) - len(row.lstrip())
        if not indent and stack and _IN_CONTEXT.match(text) and _CONTEXT.match(stack[0].text):
            indent = stack[0].indent + 1
        while stack and stack[-1].indent >= indent:
            stack.pop()
        above[number] = tuple(block.line for block in stack)
        if not stack and text.startswith("no ") and (gone := contexts.pop(text[3:], None)):
            top.remove(gone)
            continue
        block = contexts.get(text) if not stack else None
        if block is None:
            block = Block(number, text, indent)
            (stack[-1].body if stack else top).append(block)
            if not stack and _CONTEXT.match(text):
                contexts[text] = block
        stack.append(block)
    return top, above
