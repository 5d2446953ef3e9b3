"""One figure: how it is printed, and what it is held against."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A measured value, its unit, the bound and the floor it should keep (None: printed only), its spread."""

    name: str
    value: float
    unit: str
    bound: float | None = None
    spread: float | None = None
    spread_is: str = "worst"
    floor: float | None = None

    @property
    def ok(self) -> bool:
        """Say whether the bound and the floor are kept."""
        above = self.bound is not None and self.value > self.bound
        below = self.floor is not None and self.value < self.floor
        return not (above or below)

    def line(self) -> str:
        """Return ``BENCH name value unit`` and, after a #, the bound and the spread."""
        notes = []
        for name, limit in (("bound", self.bound), ("floor", self.floor)):
            if limit is not None:
                notes.append(f"{name} {limit:g}{'' if self.ok else ' MISSED'}")
        if self.spread is not None:
            notes.append(f"{self.spread_is} {self.spread:.4g}")
        value = f"{self.value:.4g}" if self.value < 10_000 else f"{self.value:.0f}"
        return f"BENCH {self.name} {value} {self.unit}" + (f"  # {', '.join(notes)}" if notes else "")


def main(measure: Callable[[], Iterable[Figure]]) -> None:
    """Print figures for a person, and for the program that collects them."""
    for figure in measure():
        print(figure.line(), flush=True)
        print("FIGURE " + json.dumps(asdict(figure)), flush=True)


def parse(line: str) -> Figure | None:
    """Return the figure of a FIGURE line, or None."""
    return Figure(**json.loads(line[7:])) if line.startswith("FIGURE ") else None
