"""1,000 members that go down at once: how long until the last has its DOWN verdict."""

from __future__ import annotations

import asyncio
import subprocess
import time

from clusterlb.checks.client import EngineClient
from clusterlb.core.verdict import first, judge
from clusterlb.model.check import CheckSpec, ProbeSpec, VerdictState
from clusterlb.model.health import Observation, ProbeKey
from tests.bench.figures import Figure, main
from tests.bench.members import keys_of, listening

MEMBERS = 1000
CHECK = CheckSpec(ProbeSpec(interval=1.0, timeout=1.0), rise=2, fall=3)
ROUNDS = 3
PATIENCE = 60.0  # seconds without a change of any verdict that end the wait


def measure() -> list[Figure]:
    """Return the time beyond fall x interval + timeout, the worst of the rounds."""
    allowed = CHECK.fall * CHECK.probe.interval + CHECK.probe.timeout
    took = []
    for _ in range(ROUNDS):
        with listening() as (server, port):
            took.append(asyncio.run(_until_all_are_down(server, port)))
    print(f"# last verdicts after {', '.join(f'{one:.2f}' for one in took)} s; {allowed:g} s allowed")
    return [Figure("mass_down_extra_ms", (max(took) - allowed) * 1000, "ms", 500)]


async def _until_all_are_down(server: subprocess.Popen[str], port: int) -> float:
    """Return the seconds from the server's end to the last DOWN."""
    keys = keys_of("127.2.0.0", MEMBERS, port, CHECK.probe)
    verdicts = dict.fromkeys(keys, first(CHECK))
    changed = asyncio.Event()
    changed_at = 0.0

    def observe(key: ProbeKey, observation: Observation) -> None:
        nonlocal changed_at
        before = verdicts[key]
        verdicts[key] = judge(before, observation, CHECK)
        if verdicts[key].state is not before.state:
            changed_at = time.monotonic()
            changed.set()

    async def all_are(state: VerdictState) -> None:
        while any(verdict.state is not state for verdict in verdicts.values()):
            changed.clear()
            await asyncio.wait_for(changed.wait(), PATIENCE)

    client = EngineClient(observe, lambda text, facts: None)
    await client.start()
    client.set_probes(keys)
    await all_are(VerdictState.UP)
    closed = time.monotonic()
    server.kill()
    await all_are(VerdictState.DOWN)
    await client.close()
    return changed_at - closed


if __name__ == "__main__":
    main(measure)
