"""Take in what checks observe."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from clusterlb.controller.world import World
from clusterlb.core.verdict import first, judge
from clusterlb.model.health import CheckKey, Observation, ProbeKey

log = structlog.get_logger()


@dataclass(slots=True)
class Judge:
    """Turns observations into verdicts in the world."""

    world: World

    def observe(self, probe: ProbeKey, observation: Observation) -> None:
        """Take in one observation; wake the loop when it changes a verdict."""
        index = self.world.index
        for key, pools in index.roster.users.get(probe, {}).items():
            if self._judged(key, observation, ",".join(pools)):
                self.world.mark_pools(pools)
        for name, key in index.own_checks.get(probe, {}).items():
            if self._judged(key, observation, f"director check {name}"):
                verdict = self.world.verdicts[key]
                self.world.health_changed(probes={**self.world.health.probes, name: verdict})

    def _judged(self, key: CheckKey, observation: Observation, users: str) -> bool:
        """Judge one check; say whether that changes what its users do."""
        before = self.world.verdicts.get(key) or first(key.check)
        verdict = self.world.verdicts[key] = judge(before, observation, key.check)
        facts = {"member": str(key.probe.endpoint), "check": key.check.probe.type.value, "pools": users}
        if key.probe.through is not None:
            facts["through"] = str(key.probe.through.vip)
        if verdict.warning and verdict.warning != before.warning:
            log.warning("check", warning=verdict.warning, **facts)
        if verdict.state is not before.state:
            was, now = before.state.value, verdict.state.value
            log.info("verdict", was=was, now=now, because=observation.detail, **facts)
            return True
        if verdict.share != before.share:
            log.info("weight", was=f"{before.share}%", now=f"{verdict.share}%", **facts)
            return True
        return False
