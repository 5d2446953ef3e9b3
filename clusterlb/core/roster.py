"""Which checks concern which members, worked out once an inventory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from clusterlb.core.marks import Way, ways
from clusterlb.model.address import Endpoint
from clusterlb.model.check import Via
from clusterlb.model.director_checks import DirectorProbe
from clusterlb.model.health import CheckKey, ProbeKey
from clusterlb.model.inventory import Inventory, Member, Pool
from clusterlb.model.ipvs import ServiceKey

MemberKey = tuple[str, Endpoint]  # a member: its pool's name, its endpoint


@dataclass(frozen=True, slots=True)
class Roster:
    """``checks``: each member's checks, and of each the keys that all have to pass: one, or one a way.

    ``users``: the pools that hang on a probe's verdicts, by verdict. ``ways``: the private services that lead
    probes through IPVS.
    """

    checks: dict[MemberKey, tuple[tuple[CheckKey, ...], ...]] = field(default_factory=dict)
    users: dict[ProbeKey, dict[CheckKey, tuple[str, ...]]] = field(default_factory=dict)
    ways: dict[ServiceKey, Way] = field(default_factory=dict)


def roster(inventory: Inventory) -> Roster:
    """Return the roster of the pools that services use."""
    used = {service.pool for vip in inventory.vips.values() for service in vip.services}
    by_member: dict[MemberKey, list[Way]] = defaultdict(list)
    every_way = tuple(ways(inventory))
    for way in every_way:
        by_member[way.pool, way.member.endpoint].append(way)
    checks: dict[MemberKey, tuple[tuple[CheckKey, ...], ...]] = {}
    users: dict[ProbeKey, dict[CheckKey, list[str]]] = defaultdict(lambda: defaultdict(list))
    for pool in inventory.pools.values():
        if pool.name in used:
            for member in pool.members:
                who = (pool.name, member.endpoint)
                checks[who] = tuple(_checks(pool, member, who[1], by_member[who]))
                for key in {key for keys in checks[who] for key in keys}:
                    users[key.probe][key].append(pool.name)
    frozen = {
        probe: {key: tuple(dict.fromkeys(names)) for key, names in found.items()}
        for probe, found in users.items()
    }
    return Roster(checks, frozen, {way.key: way for way in every_way})


def director_key(probe: DirectorProbe) -> CheckKey:
    """Return the key of a check of the director's own."""
    return CheckKey(ProbeKey(probe.target, probe.check.probe), probe.check)


def _checks(
    pool: Pool, member: Member, endpoint: Endpoint, through: Iterable[Way]
) -> Iterator[tuple[CheckKey, ...]]:
    for check in pool.checks_of(member):
        port = endpoint.port if check.port is None else check.port
        target = Endpoint(check.address or endpoint.address, port)
        if check.via is Via.VIP:
            yield tuple(CheckKey(ProbeKey(target, check.probe, way.through), check) for way in through)
        else:
            yield (CheckKey(ProbeKey(target, check.probe), check),)
