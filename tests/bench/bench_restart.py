"""What a start changes that adopts: steps on 200 directors in states that random verdicts have made."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path
from random import Random

import structlog

from tests.bench.figures import Figure, main

sys.path.append(str(Path(__file__).parents[1] / "support"))

STATES = 200


def measure() -> list[Figure]:
    """Return the figure; the kernel is the fake that keeps the contract of the real one."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    return [Figure("restart_edits", asyncio.run(_measure()), "messages", 0)]


async def _measure() -> int:
    from restart_story import lived

    edits = 0
    for seed in range(STATES):
        with tempfile.TemporaryDirectory() as root:
            story = await lived(Path(root), Random(seed))
            await story.end()
            edits += await story.begin()
            await story.end()
    return edits


if __name__ == "__main__":
    main(measure)
