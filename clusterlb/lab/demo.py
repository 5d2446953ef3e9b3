"""The demo as a person sees it: a live table on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from clusterlb.lab.netns import end

_PLAIN_EVERY = 5.0  # seconds between two lines where there is no terminal
_PATIENCE = 20.0


class View(Protocol):
    """Shows what the scenario tells."""

    def text(self, line: str) -> None:
        """Show a line of text."""
        ...

    def status(self, event: dict[str, Any]) -> None:
        """Show how things are."""
        ...


class PlainView:
    """A line every few seconds."""

    def __init__(self) -> None:
        self._due = 0.0

    def text(self, line: str) -> None:
        """Print a line."""
        sys.stdout.write(line + "\n")
        sys.stdout.flush()

    def status(self, event: dict[str, Any]) -> None:
        """Print a line if the last one is old enough."""
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + _PLAIN_EVERY
            self.text(status_line(event))


def watch_demo(argv: Sequence[str]) -> int:
    """Run the lab with the scenario (``argv``), show it, and return its exit status."""
    with _view() as view:
        process = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        try:
            summary = _show(process, view)
            status = process.wait()
        except KeyboardInterrupt:
            # the lab got the Ctrl-C too, and takes itself down
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


def _show(process: subprocess.Popen[bytes], view: View) -> dict[str, Any]:
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
    """Return what a line of the scenario says; None for a line of text."""
    with contextlib.suppress(ValueError):
        event = json.loads(line)
        if isinstance(event, dict) and event.get("kind") in {"phase", "status", "summary"}:
            return event
    return None


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield the lines of both outputs as they come."""
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


@contextlib.contextmanager
def _view() -> Iterator[View]:
    if not sys.stdout.isatty():
        yield PlainView()
        return
    from clusterlb.lab.table import TableView

    with TableView() as view:
        yield view


def _number(count: int | None) -> str:
    return "-" if count is None else str(count)
