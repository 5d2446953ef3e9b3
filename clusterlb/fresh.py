"""A module of this very package in a fresh interpreter."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def argv(module: str, *arguments: str) -> list[str]:
    """Return the argv; -P keeps the current directory, whoever may write there, out of sys.path."""
    return [sys.executable, "-P", "-m", module, *arguments]


def environment() -> dict[str, str]:
    """Return the environment: ours, and the place where this very package was found."""
    root = str(Path(__file__).resolve().parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
