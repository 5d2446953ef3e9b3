"""One figure: how it is printed, and what it is held against."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, its unit, the upper bound it should keep (None: printed only), and its spread."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    spread: float | None = None
    spread_is: str = "worst"

    @property
    def ok(self) -> bool:
        """Say whether the bound is kept."""
        return self.bound is None or self.value <= self.bound

    def line(self) -> str:
        """Return ``BENCH name value unit`` and, after a #, the bound and the spread."""
        notes = []
        if self.bound is not None:
            notes.append(f"bound {self.bound:g}{'' if self.ok else ' MISSED'}")
        if self.spread is not None:
            notes.append(f"{self.spread_is} {self.spread:.4g}")
        return f"BENCH {self.name} {self.value:.4g} {self.unit}" + (
            f"  # {', '.join(notes)}" if notes else ""
        )


def main(measure: Callable[[], Iterable[Figure]]) -> None:
    """Print figures for a person, and for the program that collects them."""
    for figure in measure():
        print(figure.line(), flush=True)
        print("FIGURE " + json.dumps(asdict(figure)), flush=True)


def parse(line: str) -> Figure | None:
    """Return the figure of a FIGURE line, or None."""
    return Figure(**json.loads(line[7:])) if line.startswith("FIGURE ") else None
