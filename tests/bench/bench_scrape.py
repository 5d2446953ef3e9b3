"""How long a scrape of 10,000 members keeps the controller's loop from its work."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import structlog

from clusterlb.config.load import load
from tests.bench.figures import Figure, main
from tests.support.big_inventory import big_inventory

SCRAPES = 10
PORT = 19117


def measure() -> list[Figure]:
    """Return the figure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as root:
        return asyncio.run(_measure(Path(root)))


async def _measure(root: Path) -> list[Figure]:
    sys.path.append(str(Path(__file__).parents[1] / "support"))
    from fake_director import FakeDirector

    from clusterlb.api import scrape
    from clusterlb.api.server import Server
    from clusterlb.service import exempt_from_collection

    (root / "inventory.yaml").write_text(big_inventory())
    inventory, _ = load(root / "inventory.yaml")
    controller = FakeDirector(root, inventory).controller()
    await controller.adopt()
    await controller.reconciler.cycle()
    await controller.reconciler.configured()
    exempt_from_collection()
    server = Server(controller, root / "run", ("127.0.0.1", PORT))
    await server.start()
    idle = await _stalls(asyncio.sleep(1.0))
    worst = []
    for _ in range(SCRAPES):
        await asyncio.sleep(scrape.FRESH)
        worst.append(await _stalls(_scrape()))
    await server.close()
    controller.reconciler.stop()
    await controller.reconciler.kernel.close()
    return [
        Figure("scrape_stall_ms", 1000 * statistics.median(worst), "ms", 20, 1000 * max(worst)),
        Figure("scrape_idle_stall_ms", 1000 * idle, "ms"),
    ]


async def _scrape() -> None:
    """Read the metrics from another process, which does not share this loop."""
    process = await asyncio.create_subprocess_exec(
        "curl", "-fsS", "-o", "/dev/null", "-w", "%{size_download}", f"http://127.0.0.1:{PORT}/metrics",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert int(out) > 1_000_000


async def _stalls(work) -> float:
    """Return the longest time that the loop was late while it did some work, in seconds.

    What counts is the time that this process had a processor: while others have it, nothing here is late.
    """
    worst = 0.0

    async def tick() -> None:
        nonlocal worst
        while True:
            before = time.process_time()
            await asyncio.sleep(0.001)
            worst = max(worst, time.process_time() - before)

    ticking = asyncio.create_task(tick())
    try:
        await work
    finally:
        ticking.cancel()
    return worst


if __name__ == "__main__":
    main(measure)
