"""The demo's output: a live table on a terminal, else a plain line every few seconds."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from clusterlb.lab.netns import end

_PLAIN_EVERY = 5.0  # seconds between two lines where there is no terminal
_PATIENCE = 20.0  # seconds that the lab may take to end


class PlainView:
    """Prints a line every few seconds."""

    def __init__(self) -> None:
        self._due = 0.0

    def text(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def status(self, event: dict[str, Any]) -> None:
        """Print a status unless the last one is too recent."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _PLAIN_EVERY
            self.text(status_line(event))


class TableView:
    """Shows a table at the bottom of the terminal, and lines of text above the table."""

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


def watch_demo(argv: Sequence[str]) -> int:
    """Run the lab with the scenario (``argv``), show it, and return its exit status."""
    with TableView() if sys.stdout.isatty() else contextlib.nullcontext(PlainView()) as view:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            summary = _show(process, view)
            status = process.wait()
        except KeyboardInterrupt:
            # the lab's process got the SIGINT too, and takes the lab down
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_PATIENCE)
            status = 130
        finally:
            end(process, _PATIENCE)
    for line in summary_lines(summary) if status in (0, 1) and summary else []:
        sys.stdout.write(line + "\n")
    return status


def status_line(event: dict[str, Any]) -> str:
    """Write a status in one line."""
    flows, requests = event["flows"], event["requests"]
    each = " ".join(f"{name}:{_number(count)}" for name, count in event["connections"].items())
    return (
        f"next hops {len(event['next_hops'])}/{len(event['connections'])} | connections {each} | "
        f"kept {flows['open']}/{flows['wanted']} lost {flows['lost']} | "
        f"requests ok {requests['ok']} failed {requests['failed']}"
    )


def summary_lines(summary: dict[str, Any]) -> list[str]:
    """Write the summary as lines of text."""
    lines = ["", "What was lost, and how long it took:"]
    for figure in summary["figures"]:
        value = f"{figure['value']:g} {figure['unit']}".strip()
        bound = ""
        if figure["bound"] is not None:
            verdict = "ok" if figure["holds"] else "NOT MET"
            bound = f"  [{verdict}: {figure['why'] or 'at most {:g}'.format(figure['bound'])}]"
        lines.append(f"  {figure['text']}: {value}{bound}")
    return [*lines, "The numbers hold." if summary["holds"] else "The numbers do NOT hold."]


def _show(process: subprocess.Popen[bytes], view: PlainView | TableView) -> dict[str, Any]:
    summary: dict[str, Any] = {}
    for line in _lines(process):
        event = _event(line)
        if event is None:
            view.text(line)
        elif event["kind"] == "phase":
            view.text(f"==> {event['text']}")
        elif event["kind"] == "status":
            view.status(event)
        else:
            summary = event
    return summary


def _event(line: str) -> dict[str, Any] | None:
    """Return the event that a line of the scenario holds; None for a line of text."""
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict) and event.get("kind") in {"phase", "status", "summary"}:
            return event
    return None


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines of standard output and standard error as they come."""
    assert process.stdout is not None
    assert process.stderr is not None
    rest = {process.stdout.fileno(): b"", process.stderr.fileno(): b""}
    with process.stdout, process.stderr, selectors.DefaultSelector() as selector:
        for stream in rest:
            selector.register(stream, selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 65536)
                if not data:
                    selector.unregister(key.fd)
                *whole, rest[key.fd] = (rest[key.fd] + data).split(b"\n")
                yield from (line.decode(errors="replace").rstrip("\r") for line in whole)


def render_status(event: dict[str, Any]) -> Group:
    """Draw a status: which directors are next hops, their connections, and the client's counts."""
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
        table.add_row(name, Text("yes" if announced else "no", style=style), _number(count), bar)
    flows, requests = event["flows"], event["requests"]
    return Group(
        table,
        Text(
            f"connections kept {flows['open']} of {flows['wanted']}, lost {flows['lost']}, "
            f"slowest answer {flows['worst_s']:.2f} s"
        ),
        Text(f"requests ok {requests['ok']}, failed {requests['failed']}, under way {requests['in_flight']}"),
    )


def _number(count: int | None) -> str:
    return "-" if count is None else str(count)
