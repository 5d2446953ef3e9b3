"""Directors to which has happened whatever verdicts and wishes make of one, and starts that adopt them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from pathlib import Path
from random import Random

from fake_director import FakeDirector, inventory, take_over

from clusterlb.controller.daemon import Controller
from clusterlb.controller.store.events import Observed
from clusterlb.model.check import CheckSpec, Need, ProbeSpec, TcpOptions, VerdictState, Via
from clusterlb.model.health import CheckKey, Observation
from clusterlb.model.inventory import (
    Amount,
    AnnounceWhen,
    Inventory,
    Member,
    OnDown,
    Pool,
    Quorum,
    QuorumOf,
    Service,
    ServiceName,
    Sorry,
    Vip,
)
from clusterlb.model.ipvs import Protocol
from tests.support import intents

SETTLES_IN = 30  # cycles at most
ASKS = (25, 50, 75, 100, 100, 100)


def random_inventory(dice: Random, *, plain: bool = False) -> Inventory:
    """Return an inventory of one to three pools with every kind of state that verdicts make.

    ``plain``: all checks of a member and all pools of a VIP are needed.
    """
    pools = {
        name: _pool(name, number, dice, plain=plain)
        for number, name in enumerate("abc"[: dice.randint(1, 3)])
    }
    names = list(pools)
    vips = {}
    for last in range(1, dice.randint(1, 3) + 1):
        address = ip_address(f"10.100.0.{last}")
        services = tuple(
            Service(
                Protocol.TCP,
                80 + port,
                dice.choice(names),
                scheduler=dice.choice(["mh", "mh", "wrr", "sh"]),
            )
            for port in range(dice.randint(1, 3))
        )
        when = AnnounceWhen.ALL if plain else dice.choice(list(AnnounceWhen))
        vips[address] = Vip(address, services, when, frozenset({ServiceName(Protocol.TCP, 80)}))
    given = inventory()
    return replace(given, pools=pools, vips=vips, digest=str(dice.random()))


def _pool(name: str, number: int, dice: Random, *, plain: bool) -> Pool:
    count = dice.randint(1, 5)
    members = tuple(
        Member(ip_address(f"10.2.{number}.{100 + n}"), 80, dice.choice([1, 2, 4, 4, 8])) for n in range(count)
    )
    percent = dice.random() < 0.3
    up = Amount(dice.randint(1, 100), True) if percent else Amount(dice.randint(1, count))
    down = Amount(dice.randint(0, up.value - 1), percent)
    return Pool(
        name,
        members,
        tuple(_check(dice, n) for n in range(dice.choice([1, 1, 2]))),
        need=Need.ALL if plain else dice.choice(list(Need)),
        quorum=Quorum(up, down, dice.choice(list(QuorumOf))),
        on_down=dice.choice(list(OnDown)),
        slow_start=dice.choice([0.0, 0.0, 100000.0]),
        panic=dice.choice([0, 0, 30, 60, 90]),
        sorry=dice.choice([None, Sorry(ip_address(f"10.2.{number}.250"), 80)]),
    )


def _check(dice: Random, number: int) -> CheckSpec:
    return CheckSpec(
        ProbeSpec(interval=1.0 + number, options=TcpOptions()),
        rise=1,
        fall=1,
        initial=dice.choice([VerdictState.UNKNOWN, VerdictState.UNKNOWN, *VerdictState]),
        via=dice.choice([Via.MEMBER, Via.MEMBER, Via.VIP]),
    )


@dataclass
class Story:
    """What happens to one director, cycle by cycle."""

    host: FakeDirector
    dice: Random
    controller: Controller = field(init=False)

    async def begin(self) -> int:
        """Start a controller that has no verdict; return how many steps that took it."""
        self.controller = self.host.controller()
        await self.controller.adopt()
        before = self.steps
        await self.rest()
        return self.steps - before

    @property
    def steps(self) -> int:
        return self.controller.store.counts["steps"]

    async def rest(self) -> None:
        """Have the controller do all that it wants to, with what the survey of the counters brings."""
        controller = self.controller
        for _ in range(SETTLES_IN):
            before = self.steps
            controller.store.mark_all()
            await controller.reconciler.cycle()
            await controller.reconciler.configured()
            await controller.counters.look()
            await controller.drains.look()
            if self.steps == before and not controller.reconciler.plan():
                return
        raise AssertionError(f"it never comes to rest: {controller.reconciler.plan()}")

    async def live(self, events: int) -> None:
        """Have so many things happen, then all checks speak, and come to rest."""
        for _ in range(events):
            await self.dice.choice(self._events())()
            if self.dice.random() < 0.7:
                await self.rest()
        await self.speak()
        await self.rest()

    def _events(self) -> list[Callable]:
        return [self.check, self.check, self.check, self.check, self.speak, self.pin, self.drain, self.unwish]

    def keys(self) -> list[CheckKey]:
        users = self.controller.store.index.roster.users
        return [use.key for uses in users.values() for use in uses]

    def _observe(self, key: CheckKey, *, ok: bool) -> None:
        now = self.controller.store.clock()
        share = self.dice.choice(ASKS) if ok else None
        observation = Observation(ok, now, 0.0, "", share)
        self.controller.store.handle(Observed(key.probe, observation))

    async def check(self) -> None:
        for key in self.dice.sample(self.keys(), 1):
            self._observe(key, ok=self.dice.random() < 0.5)

    async def speak(self) -> None:
        """Have every check that has not spoken do so."""
        good = self.dice.random()
        for key in self.keys():
            known = self.controller.store.verdicts.get(key)
            if known is None or known.state is VerdictState.UNKNOWN:
                self._observe(key, ok=self.dice.random() < good)

    def _member(self) -> str:
        pool = self.dice.choice(list(self.controller.store.inventory.pools.values()))
        return f"{pool.name}/{self.dice.choice(pool.members).endpoint}"

    async def pin(self) -> None:
        state = self.dice.choice(["up", "down"])
        await self.controller.intents.set(intents.pin(self._member(), state))

    async def drain(self) -> None:
        vip = self.dice.choice(list(self.controller.store.inventory.vips))
        target = self.dice.choice([f"member/{self._member()}", f"vip/{vip}"])
        # by force: a guard would ask who else announces the VIP, and the story has this director alone
        await self.controller.intents.set(intents.drain(target, force=True))

    async def unwish(self) -> None:
        for intent in self.controller.intents.standing[:1]:
            self.controller.intents.clear(*intent.name)

    async def end(self) -> None:
        """End the controller; the data path stays as it is."""
        self.controller.reconciler.stop()
        await self.controller.reconciler.kernel.close()

    def reload(self, given: Inventory) -> None:
        """Take over another inventory as a reload does."""
        take_over(self.controller.store, given)


async def lived(
    root: Path,
    dice: Random,
    *,
    events: int = 8,
    plain: bool = False,
    host: Callable[[Path, Inventory], FakeDirector] = FakeDirector,
) -> Story:
    """Return a director at rest after so many events."""
    story = Story(host(root, random_inventory(dice, plain=plain)), dice)
    await story.begin()
    await story.speak()
    await story.live(events)
    return story


def more_checks(given: Inventory) -> Inventory:
    """Return an inventory in which each pool has one check more that no member has passed yet."""
    fresh = CheckSpec(ProbeSpec(interval=7.0), rise=1, fall=1)
    pools = {name: replace(pool, checks=(*pool.checks, fresh)) for name, pool in given.pools.items()}
    return replace(given, pools=pools, digest=given.digest + "checks")


def more_members(given: Inventory) -> Inventory:
    """Return an inventory in which each pool has one member more, at its end."""
    pools = {
        name: replace(pool, members=(*pool.members, Member(ip_address(f"10.3.{number}.1"), 80)))
        for number, (name, pool) in enumerate(given.pools.items())
    }
    return replace(given, pools=pools, digest=given.digest + "members")
