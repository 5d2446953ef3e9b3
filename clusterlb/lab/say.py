"""What the lab says while it works: a line on standard error."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Print a line, at once."""
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()
