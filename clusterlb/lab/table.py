"""The demo's live table."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text


class TableView:
    """A table that stays at the bottom, with lines of text above it."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, markup=False, emoji=False)
        self._live = Live(Text("starting the lab..."), console=self._console, refresh_per_second=4)

    def __enter__(self) -> TableView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def text(self, line: str) -> None:
        """Print a line above the table."""
        self._console.print(Text(line, style="bold" if line.startswith("==>") else ""))

    def status(self, event: dict[str, Any]) -> None:
        """Redraw the table."""
        self._live.update(render_status(event))


def render_status(event: dict[str, Any]) -> Group:
    """Draw a status: who is a next hop, who holds how many connections, and how the client fares."""
    table = Table(title=f"next hops at the switch: {len(event['next_hops'])}", title_justify="left")
    table.add_column("director")
    table.add_column("next hop")
    table.add_column("connections", justify="right")
    table.add_column("")
    most = max((count or 0 for count in event["connections"].values()), default=0)
    for name, count in event["connections"].items():
        announced = name in event["next_hops"]
        bar = "#" * round(30 * (count or 0) / most) if most else ""
        style = "green" if announced else "red"
        table.add_row(
            name, Text("yes" if announced else "no", style=style), "-" if count is None else str(count), bar
        )
    flows, requests = event["flows"], event["requests"]
    return Group(
        table,
        Text(
            f"connections kept {flows['open']} of {flows['wanted']}, lost {flows['lost']}, "
            f"slowest answer {flows['worst_s']:.2f} s"
        ),
        Text(f"requests ok {requests['ok']}, failed {requests['failed']}, under way {requests['in_flight']}"),
    )
