"""One member that changes among 1,000 services of 10: messages sent, and its cycle against the full one.

The controller's own reconciler on the kernel's IPVS; lanes and FRR are the in-memory ones, for no VIP
comes or goes. Needs root and IPVS.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

from clusterlb.config.load import load
from clusterlb.controller.daemon import Controller, Settings
from clusterlb.controller.kernel import Drivers
from clusterlb.controller.store.events import Observed
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.drivers.sysctl import KernelSysctl
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.ipvs import DestinationKey
from clusterlb.render.frr import render_config
from tests.bench.figures import Figure, main
from tests.kernel.conftest import fresh_namespace
from tests.support.big_inventory import big_inventory
from tests.support.fake_conntrack import FakeConntrack
from tests.support.fake_director import FakeEngine
from tests.support.fake_frr import ADJACENT, FakeFrr
from tests.support.fake_links import FakeLinks

ROUNDS = 10


def measure() -> list[Figure]:
    """Return the figures of one controller."""
    with tempfile.TemporaryDirectory() as root, fresh_namespace():
        return asyncio.run(_measure(Path(root)))


async def _measure(root: Path) -> list[Figure]:
    path = root / "inventory.yaml"
    path.write_text(big_inventory())
    inventory, _ = load(path)
    ipvs = KernelIpvs()
    controller = Controller(
        Settings(path, "d1", root / "state"),
        inventory,
        inventory.directors["d1"],
        Drivers(
            ipvs,
            FakeLinks(("e0",)),
            KernelSysctl(),
            FakeFrr(neighbors=(ADJACENT,)),
            KernelRules(),
            FakeConntrack(),
        ),
        lambda cluster, director: parse(render_config(cluster, director)),
        FakeEngine,
    )
    reconciler = controller.reconciler
    await controller.adopt()
    full = await _timed(reconciler.cycle())
    store = controller.store
    assert len(store.actual.services) == 1000
    store.mark_all()
    idle = await _timed(reconciler.cycle())
    times, messages = [], []
    for number in range(ROUNDS):
        pool = inventory.pools[f"p{number * 90}"]
        (check,) = pool.checks
        probe = ProbeKey(pool.members[3].endpoint, check.probe)
        for _ in range(check.fall):
            store.handle(Observed(probe, Observation(False, time.monotonic(), 0.0, "refused")))
        before = ipvs.messages_sent
        times.append(await _timed(reconciler.cycle()))
        messages.append(ipvs.messages_sent - before)
        (key,) = store.index.keys[pool.name]
        found = {d.key: d.weight for d in ipvs.read([key])[key].destinations}
        assert found[DestinationKey(*probe.endpoint)] == 0
        assert sum(found.values()) == len(pool.members) - 1
    reconciler.stop()
    await reconciler.kernel.close()
    one = statistics.median(times)
    return [
        Figure("ipvs_one_change_messages", max(messages), "messages", 5),
        Figure("reconcile_one_vs_full", one / full, "ratio", 0.05, max(times) / full),
        Figure("reconcile_one_vs_idle_full", one / idle, "ratio"),
    ]


async def _timed(work) -> float:
    began = time.perf_counter()
    await work
    return time.perf_counter() - began


if __name__ == "__main__":
    main(measure)
