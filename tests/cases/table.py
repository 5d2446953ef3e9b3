"""The table of every kind of fault with its test: ``python -m tests.cases.table`` writes docs/cases.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CASES = Path(__file__).parent
TABLE = CASES.parents[1] / "docs" / "cases.md"
HEAD = """# Faults that were found, and their tests

Each row is a kind of fault. Its directory in `tests/cases` has the inputs on which the fault was found and
a test that fails where it is back; `tox -e cases` runs them all. `python -m tests.cases.table` writes this
page.

| kind of fault | what must happen | case |
|---|---|---|
"""


class Case(NamedTuple):
    """What a case's README says."""

    name: str
    title: str
    kind: str
    must: str


def cases() -> Iterator[Case]:
    """Read every case directory; a README without a title, ``Kind:`` or ``Must:`` is a ValueError."""
    for readme in sorted(CASES.glob("*/README.md")):
        text = readme.read_text()
        title = re.match(r"# (.+)\n", text)
        if not title:
            raise ValueError(f"{readme}: the first line must be a title: '# what goes wrong'")
        yield Case(readme.parent.name, title[1], *(_said(readme, text, word) for word in ("Kind", "Must")))


def table() -> str:
    """Write docs/cases.md, as text."""
    rows = sorted(cases(), key=lambda case: (case.kind, case.name))
    return HEAD + "".join(
        f"| {case.kind} | {case.must} | [{case.title}](../tests/cases/{case.name}) |\n" for case in rows
    )


def _said(readme: Path, text: str, word: str) -> str:
    """Return the paragraph that starts with ``word:``, as one line without its full stop."""
    found = re.search(rf"^{word}: (.+?)(?:\n\n|\n(?:Kind|Must): |\Z)", text, re.MULTILINE | re.DOTALL)
    if not found:
        raise ValueError(f"{readme}: a line '{word}: ...' is missing")
    return " ".join(found[1].split()).removesuffix(".").replace("|", "\\|")


if __name__ == "__main__":
    TABLE.write_text(table())
