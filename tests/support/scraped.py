"""What a scraper gets of a director with an inventory, and what is wrong with it."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

from fake_director import FakeDirector
from prometheus_client.parser import text_string_to_metric_families

from clusterlb.api.metrics import exposition
from clusterlb.controller.status import status
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import DestinationStatistics

Series = tuple[str, tuple[tuple[str, str], ...]]


def scrape(inventory: Inventory, live: DestinationStatistics | None = None) -> str:
    """Return the metrics of a fake director that is d1; ``live``: what every destination counts."""

    async def served() -> str:
        with TemporaryDirectory() as root:
            host = FakeDirector(Path(root), inventory)
            controller = host.controller()
            for name in controller.store.index.sysctls:
                (host.proc / name).parent.mkdir(parents=True, exist_ok=True)
                (host.proc / name).write_text("0\n")
            await controller.adopt()
            await controller.reconciler.cycle()
            await controller.reconciler.configured()
            for key, state in host.ipvs.read().items():
                for destination in state.destinations if live is not None else ():
                    assert live is not None
                    host.ipvs.set_statistics(key, destination.key, live)
            text = exposition(await status(controller)).decode()
            controller.reconciler.stop()
            await controller.reconciler.kernel.close()
            return text

    return asyncio.run(served())


def series(text: str) -> list[Series]:
    """Return every series, as Prometheus' own parser reads them."""
    return [
        (sample.name, tuple(sorted(sample.labels.items())))
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]


def twice(text: str) -> set[Series]:
    """Return the series that an answer has more than once."""
    return {one for one, count in Counter(series(text)).items() if count > 1}


def families_twice(text: str) -> set[str]:
    """Return the families that an answer declares more than once."""
    declared = [row.split()[2] for row in text.splitlines() if row.startswith("# TYPE ")]
    return {name for name, count in Counter(declared).items() if count > 1}
