"""What ten hostile members cost the others' checks: the share of these that are on time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from clusterlb.checks.quarantine import CheckEngines
from clusterlb.checks.schedule import phase
from clusterlb.model.health import Observation, ProbeKey
from tests.bench.figures import Figure, main
from tests.bench.hostile import keys, members

EACH = 100  # healthy members of each of three kinds
WARM = 5.0  # seconds before it counts
SECONDS = 40.0
LATE = 0.1  # of its interval: a probe that begins later than that after its slot is late


def on_time(key: ProbeKey, seen: Observation) -> bool:
    """Say whether a probe passed, and began soon after its slot."""
    interval = key.spec.interval
    late = (seen.at - seen.took - phase(key)) % interval
    return seen.ok and late <= LATE * interval


async def share(good: Sequence[ProbeKey], bad: Sequence[ProbeKey]) -> tuple[float, int]:
    """Return the share of the healthy members' slots that had a probe on time, and the hostile's results."""
    counting = False
    punctual, others = 0, 0
    why: Counter[str] = Counter()
    healthy = frozenset(good)

    def note(key: ProbeKey, seen: Observation) -> None:
        nonlocal punctual, others
        if not counting:
            return
        if key not in healthy:
            others += 1
        elif on_time(key, seen):
            punctual += 1
        else:
            why[seen.detail.split(" in ")[0]] += 1

    engines = CheckEngines(note, lambda text, facts: print(f"# {text} {facts}"))
    await engines.start()
    engines.set_probes([*good, *bad])
    await asyncio.sleep(WARM)
    counting = True
    await asyncio.sleep(SECONDS)
    counting = False
    stats = engines.stats
    await engines.close()
    print(
        f"# {len(bad)} hostile members: {others} results of theirs; {stats.stalls} stalls; "
        f"not on time: {dict(why)}"
    )
    slots = sum(SECONDS / key.spec.interval for key in good)
    return min(1.0, punctual / slots), others


def measure() -> list[Figure]:
    """Return the share beside the hostile members; its spread is the share without them."""
    with members() as ports:
        bad, good = keys(ports, EACH)
        alone, _ = asyncio.run(share(good, []))
        beside, results = asyncio.run(share(good, bad))
    assert results, "the hostile members were not probed"
    return [Figure("engine_hostile_share", beside, "share", floor=0.999, spread=alone, spread_is="alone")]


if __name__ == "__main__":
    main(measure)
