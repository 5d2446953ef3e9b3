"""Which files of the package run, one call after the other."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import clusterlb

PACKAGE = Path(clusterlb.__file__).parent


@contextmanager
def traced() -> Iterator[list[str]]:
    """Collect the files, relative to the package, of the functions that this thread calls in the block."""
    found: list[str] = []

    def called(frame: FrameType, event: str, _: Any) -> None:
        path = frame.f_code.co_filename
        if event == "call" and path.startswith(f"{PACKAGE}/") and frame.f_code.co_name != "<module>":
            name = path.removeprefix(f"{PACKAGE}/")
            if name not in found[-1:]:
                found.append(name)

    before = sys.getprofile()
    sys.setprofile(called)
    try:
        yield found
    finally:
        sys.setprofile(before)
