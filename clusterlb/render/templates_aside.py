"""Render an operator's template in a separate process: the template may loop for ever, or use all memory.

``python -m clusterlb.render.templates_aside`` reads a pickled (folder of overrides, name, values) from its
standard input, and writes the result as JSON: ``{"text": ...}`` or ``{"error": ...}``.
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

PATIENCE = 10.0  # seconds: the package's templates take 0.01; a small machine starts interpreters slowly
MEMORY = 1 << 30  # bytes of address space
TEXT_LIMIT = 4 << 20  # characters; a configuration of 10,000 lines has a tenth


def fill(name: str, /, **values: Any) -> str:
    """Return a template's text, from a separate process if an operator has templates. Raises RenderError."""
    folder = name.partition("/")[0]
    if not templates.overridden(folder):
        return templates.fill(name, **values)
    try:
        done = fresh.run(
            "clusterlb.render.templates_aside",
            data=pickle.dumps((str(templates.OVERRIDES), name, values)),
            seconds=PATIENCE,
        )
    except subprocess.TimeoutExpired as error:
        text = f"does not end within {PATIENCE:g} s: is there a loop?"
        raise templates.RenderError(f"{templates.OVERRIDES / name}: {text}") from error
    try:
        answer = json.loads(done.stdout)
    except ValueError as error:
        text = f"the process that was to render this ended with {done.returncode}"
        raise templates.RenderError(f"{templates.OVERRIDES / name}: {text}") from error
    if "error" in answer:
        raise templates.RenderError(str(answer["error"]))
    return str(answer["text"])


def main() -> None:
    """Render the template that the controller asks for, with a limit of memory and of text."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    overrides, name, values = pickle.load(sys.stdin.buffer)  # noqa: S301 - written by fill()
    templates.OVERRIDES = Path(overrides)
    try:
        answer = {"text": templates.fill(name, **values)}
    except templates.RenderError as error:
        answer = {"error": str(error)}
    if (length := len(answer.get("text", ""))) > TEXT_LIMIT:
        answer = {"error": f"{templates.OVERRIDES / name}: renders to {length:,} characters"}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
