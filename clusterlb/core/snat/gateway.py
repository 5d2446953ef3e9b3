"""FRR's lines that make a director the default route of the inside."""

from __future__ import annotations

from collections.abc import Iterable

from clusterlb.model.state import FrrLine

ORIGINATE = "default-information originate"


def is_gateway(line: FrrLine) -> bool:
    """Say whether a line makes FRR announce the default route."""
    return line.text.startswith(ORIGINATE)


def without_gateway(lines: Iterable[FrrLine]) -> tuple[FrrLine, ...]:
    """Return the lines of a director that is not the default route: it drains, or is unfit."""
    return tuple(line for line in lines if not is_gateway(line))
