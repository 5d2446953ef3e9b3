"""Which checks concern which members, worked out once an inventory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from clusterlb.core.marks import ProbeService, probe_services
from clusterlb.model.address import Endpoint
from clusterlb.model.check import Via
from clusterlb.model.director_checks import DirectorProbe
from clusterlb.model.health import CheckKey, ProbeKey
from clusterlb.model.inventory import Inventory, Member, Pool
from clusterlb.model.ipvs import ServiceKey

MemberKey = tuple[str, Endpoint]  # a member: its pool's name, its endpoint


class Use(NamedTuple):
    """A verdict, and the names of the pools that hang on it."""

    key: CheckKey
    pools: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Roster:
    """``checks``: each member's checks, and of each the keys that all have to pass: one, or one a way.

    ``users``: the verdicts that a probe's observations come to, each with its pools. ``probe_services``: the
    private services that lead probes through IPVS.
    """

    checks: dict[MemberKey, tuple[tuple[CheckKey, ...], ...]] = field(default_factory=dict)
    users: dict[ProbeKey, tuple[Use, ...]] = field(default_factory=dict)
    probe_services: dict[ServiceKey, ProbeService] = field(default_factory=dict)


def roster(inventory: Inventory) -> Roster:
    """Return the roster of the pools that services use."""
    used = {service.pool for vip in inventory.vips.values() for service in vip.services}
    by_member: dict[MemberKey, list[ProbeService]] = defaultdict(list)
    through = tuple(probe_services(inventory))
    for each in through:
        by_member[each.pool, each.member.endpoint].append(each)
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
        probe: tuple(Use(key, tuple(dict.fromkeys(pools))) for key, pools in found.items())
        for probe, found in users.items()
    }
    return Roster(checks, frozen, {each.key: each for each in through})


def director_key(probe: DirectorProbe) -> CheckKey:
    """Return the key of a check of the director's own."""
    return CheckKey(ProbeKey(probe.target, probe.check.probe), probe.check)


def _checks(
    pool: Pool, member: Member, endpoint: Endpoint, through: Iterable[ProbeService]
) -> Iterator[tuple[CheckKey, ...]]:
    for check in pool.checks_of(member):
        port = endpoint.port if check.port is None else check.port
        target = Endpoint(check.address or endpoint.address, port)
        if check.via is Via.VIP:
            yield tuple(CheckKey(ProbeKey(target, check.probe, way.through), check) for way in through)
        else:
            yield (CheckKey(ProbeKey(target, check.probe), check),)
