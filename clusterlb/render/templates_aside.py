"""Render an operator's own template in a process of its own: it may loop for ever, or want all memory.

``python -m clusterlb.render.templates_aside`` reads a pickled (folder of overrides, name, values) from its
standard input, and writes what came of it as JSON: ``{"text": ...}`` or ``{"error": ...}``.
"""

from __future__ import annotations

import json
import pickle
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from clusterlb import fresh
from clusterlb.render import templates

PATIENCE = 10.0  # seconds: ours take a hundredth of one, and a small machine is slow to start an interpreter
MEMORY = 1 << 30  # bytes of address space
LONGEST = 4 << 20  # characters; a configuration of 10,000 lines has a tenth


def fill(name: str, /, **values: Any) -> str:
    """Return what a template renders to, aside where an operator has his own; raise RenderError."""
    folder = name.partition("/")[0]
    if not templates.overridden(folder, templates.OVERRIDES):
        return templates.fill(templates.environment(templates.OVERRIDES), name, **values)
    try:
        done = fresh.run(
            "clusterlb.render.templates_aside",
            data=pickle.dumps((str(templates.OVERRIDES), name, values)),
            seconds=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        where = templates.OVERRIDES / name
        raise templates.RenderError(
            f"{where}: does not end within {PATIENCE:g} s: is there a loop?"
        ) from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        text = f"the process that was to render this ended with {done.returncode}"
        raise templates.RenderError(f"{templates.OVERRIDES / name}: {text}") from error
    if "error" in answer:
        raise templates.RenderError(str(answer["error"]))
    return str(answer["text"])


def main() -> None:
    """Render what the controller asks for, within bounds."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    overrides, name, values = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by fill() a moment ago
    try:
        answer = {"text": templates.fill(templates.environment(Path(overrides)), name, **values)}
    except templates.RenderError as error:
        answer = {"error": str(error)}
    if (length := len(answer.get("text", ""))) > LONGEST:
        answer = {"error": f"{Path(overrides, name)}: renders to {length:,} characters"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
