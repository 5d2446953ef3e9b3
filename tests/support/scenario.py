"""Scenarios: an inventory, what happens when, and what the controller does about it, on a fake clock.

::

    A member that fails is taken out of the table, and its VIP stays.

    -- inventory --
    cluster: {name: edge, vip_prefixes: [10.100.0.0/24]}
    ...
    -- story --
    > start
    > 5 s
       0.00  do  add service tcp 10.100.0.1:80 scheduler mh
    ...

A line that begins with ``>`` happens, the others are what came of it: at which second of the story, and
``do`` for a step that took effect, ``no`` for one that failed, else a line of the log. The controller, its
loop and its schedule are the real ones; the kernel, FRR and the checks are fakes that behave; time passes
where the story says so, and nowhere else. ``pytest --update`` writes the answers.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address, ip_address
from pathlib import Path
from typing import Any

import structlog
from fake_director import Crash, FakeDirector, FakeEngine, Fuse
from intents import drain, pause, pin
from virtual_time import Clock, run

from clusterlb.config.load import load
from clusterlb.controller.apply import Applier, Outcome
from clusterlb.controller.daemon import Controller
from clusterlb.controller.intents import RefusedError
from clusterlb.model.address import IPAddress
from clusterlb.model.intent import Intent, IntentKind, target_of
from clusterlb.model.ipvs import Counters, DestinationStatistics
from clusterlb.model.lsdb import Databases, HostRoute, Lsdb, RouterLink, RouterLsa
from clusterlb.model.ospf import Lane
from clusterlb.model.plan import LoadRules, Plan
from clusterlb.model.rules import NO_RULES
from tests.support.fake_frr import ADJACENT

HAPPENS = "> "
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)  # a Sunday
SWITCH = IPv4Address("10.1.0.254")
COSTS = {Lane.ACTIVE: 10, Lane.STANDBY: 1000, Lane.DRAINED: 10000}
UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0}


def databases(lanes: dict[int, dict[IPAddress, Lane]]) -> Databases:
    """Return what FRR's database holds when these routers announce VIPs in these lanes; d1 is there too."""
    routers = sorted({IPv4Address(f"10.1.0.{number}") for number in (1, *lanes)})
    links = [RouterLsa("0.0.0.0", router, (RouterLink(SWITCH, 10),), 1) for router in routers]
    links.append(RouterLsa("0.0.0.0", SWITCH, tuple(RouterLink(router, 10) for router in routers), 1))
    routes = [
        HostRoute("0.0.0.0", IPv4Address(f"10.1.0.{number}"), vip, COSTS[lane], False, 1)
        for number, seen in lanes.items()
        for vip, lane in seen.items()
    ]
    return Databases(Lsdb(tuple(links), (), tuple(routes)))


class TimedEngine(FakeEngine):
    """Observes each probe at its interval."""

    async def _run(self) -> None:
        loop, due = asyncio.get_running_loop(), dict[Any, float]()
        while True:
            for probe in sorted(self.probes, key=str):
                if not self.silent and due.setdefault(probe, loop.time()) <= loop.time():
                    due[probe] = loop.time() + probe.spec.interval
                    self.look(probe)
            await asyncio.sleep(0.1)


class Applied(Applier):
    """An applier that says what became of each plan."""

    told: Callable[[Outcome], None]

    async def apply(self, plan: Plan) -> Outcome:
        outcome = await super().apply(plan)
        self.told(outcome)
        return outcome


class Stage:
    """What a story is played on: one director, d1, beside others that the story tells of."""

    def __init__(self, clock: Clock, root: Path, inventory: str) -> None:
        self.clock = clock
        self.began = clock.monotonic()
        self.lines: list[str] = []
        self.others: dict[int, dict[IPAddress, Lane]] = {}
        self.down_members: set[str] = set()
        self.silent = False
        self.fuse = Fuse()
        self.path = root / "inventory.yaml"
        self.path.write_text(inventory)
        self.host = FakeDirector(root, load(self.path)[0], TimedEngine)
        self.controller: Controller | None = None
        self._task: asyncio.Task[None] | None = None

    def say(self, text: str) -> None:
        """Note a line, with the second of the story."""
        self.lines.append(f"{self.clock.monotonic() - self.began:8.2f}  {text}")

    def logged(self, _: Any, __: str, line: MutableMapping[str, Any]) -> Any:
        """Note a line of the log; a processor of structlog."""
        facts = " ".join(f"{name}={value}" for name, value in sorted(line.items()) if name != "event")
        text = f"{line['event']}: {facts}" if facts else str(line["event"])
        self.say(text.replace(f"{self.path.parent}/", "").rstrip())
        raise structlog.DropEvent

    def applied(self, outcome: Outcome) -> None:
        """Note what became of a plan."""
        for step in outcome.done:
            self.say(f"do  {step}")
        for error in outcome.errors:
            self.say(f"no  {error}")

    def start(self) -> None:
        """Start a controller on what is there."""
        self.host.frr.lsdb = databases(self.others)
        controller = self.host.controller(self.fuse, wall=self.clock.time)
        old = controller.reconciler.applier
        applier = Applied(
            controller.reconciler.kernel,
            controller.drivers.frr,
            pace=lambda: controller.store.inventory.cluster.ospf.pace,
            vips_of=controller.store.vips_of,
        )
        applier.told = self.applied
        applier.lock_patience = old.lock_patience
        controller.reconciler.applier = applier
        assert self.host.engine is not None
        self.host.engine.down, self.host.engine.silent = self.down_members, self.silent
        self.controller = controller
        self._task = asyncio.create_task(controller.run())

    async def run(self) -> None:
        """Start a controller, and say nothing of what the start does: another story has that."""
        said = len(self.lines)
        self.start()
        await self.wait("10", "s")
        del self.lines[said:]

    async def stop(self) -> None:
        """End the controller; the data path stays."""
        if self.controller is not None and self._task is not None:
            self.controller.stop()
            await self._end()

    async def _end(self) -> None:
        assert self._task is not None
        try:
            await self._task
        except Crash:
            self.say("killed")
        self.controller = self._task = None

    async def happen(self, event: str) -> None:
        """Do what a line of the story says."""
        for pattern, does in EVENTS:
            if found := re.fullmatch(pattern, event):
                answer = does(self, *found.groups())
                if answer is not None:
                    await answer
                return
        raise ValueError(f"nobody knows what happens at {event!r}; see EVENTS in {__file__}")

    async def wait(self, number: str, unit: str) -> None:
        """Let time pass."""
        ends = self.clock.monotonic() + float(number) * UNITS[unit]
        while self.clock.monotonic() < ends:
            await asyncio.sleep(min(0.1, ends - self.clock.monotonic()))
            if self._task is not None and self._task.done():
                await self._end()

    async def drain(self, target: str, patience: str | None, force: str | None) -> None:
        """Drain a target, for flows that may take so many seconds."""
        await self._set(drain(target, patience=float(patience) if patience else None, force=bool(force)))

    async def pin(self, member: str, verdict: str, minutes: str | None) -> None:
        """Pin a member, for so many minutes."""
        await self._set(pin(member, verdict), 60.0 * float(minutes) if minutes else None)

    async def pause(self) -> None:
        """Have the controller watch and change nothing."""
        await self._set(pause())

    async def _set(self, intent: Intent, seconds: float | None = None) -> None:
        assert self.controller is not None
        try:
            await self.controller.intents.set(intent, seconds)
        except RefusedError as refused:
            self.say(f"refused: {refused.because.text}")

    def fall_silent(self) -> None:
        """Have the checks say nothing, those of the next controller neither."""
        self.silent = True
        if self.host.engine is not None:
            self.host.engine.silent = True

    def take_back(self, what: str, target: str) -> None:
        """Take an intent back."""
        assert self.controller is not None
        kind = IntentKind(what)
        self.controller.intents.clear(kind, target_of(kind, target))

    async def down(self, how: str) -> None:
        """Take the director down."""
        assert self.controller is not None
        try:
            problems = await self.controller.down(force=bool(how))
        except RefusedError as refused:
            self.say(f"refused: {refused.because.text}")
            return
        self.say(f"down: {problems or 'nothing is left'}")
        await self._end()

    def announce(self, number: str, vip: str, lane: str) -> None:
        """Have another director announce a VIP in a lane, or not at all."""
        seen = self.others.setdefault(int(number), {})
        seen.pop(ip_address(vip), None)
        if lane != "nothing":
            seen[ip_address(vip)] = Lane(lane)
        self.host.frr.lsdb = databases(self.others)

    def packets(self, member: str, count: str) -> None:
        """Have a member's services count more packets, and as many connections be open."""
        for key, state in self.host.ipvs.read().items():
            for each in state.destinations:
                if str(each.key) == member:
                    counted = self.host.ipvs.statistics([key])[key].counters.in_packets + int(count)
                    numbers = DestinationStatistics(active=int(count), counters=Counters(in_packets=counted))
                    self.host.ipvs.set_statistics(key, each.key, numbers)

    def show(self) -> None:
        """Say what clients meet: the lanes of the VIPs, and the members' weights."""
        links, decided = self.host.links.read(), self.controller.store.decided if self.controller else {}
        for vip in sorted({*links.announced, *links.local_routes, *decided}, key=str):
            lanes = ",".join(sorted(lane.value for lane in links.announced.get(vip, ()))) or "not announced"
            why = f"  ({decided[vip].because.text})" if vip in decided else ""
            self.lines.append(f"          {vip} {lanes}{why}")
        for key, state in sorted(self.host.ipvs.read().items(), key=lambda one: str(one[0])):
            members = ", ".join(f"{each.key} weight {each.weight}" for each in state.destinations)
            self.lines.append(f"          {key}: {members or 'no members'}")


def _fails(stage: Stage, member: str, how: str) -> None:
    (stage.down_members.add if how == "fails" else stage.down_members.discard)(member)


def _carrier(stage: Stage, uplink: str, how: str) -> None:
    stage.host.links.carrier[uplink] = how == "has its carrier again"


def _falls_silent(stage: Stage, what: str) -> None:
    stage.host.frr.stuck = "ospfd" if what == "falls silent" else None


def _neighbour(stage: Stage, what: str) -> None:
    stage.host.frr.adjacent = () if what == "goes" else (ADJACENT,)


def _write(stage: Stage, old: str, new: str) -> None:
    text = stage.path.read_text()
    assert old in text, f"the inventory has no {old!r}"
    stage.path.write_text(text.replace(old, new))


def _burn(stage: Stage, steps: str) -> None:
    stage.fuse.left = int(steps)


EVENTS: Sequence[tuple[str, Callable[..., Any]]] = (
    (r"start", Stage.start),
    (r"the director runs", Stage.run),
    (r"stop", Stage.stop),
    (r"show", Stage.show),
    (r"([\d.]+) (s|min|h)", Stage.wait),
    (r"(\S+) (fails|recovers)", _fails),
    (r"drain (\S+)(?: with (\d+) s of patience)?( by force)?", Stage.drain),
    (r"pin (\S+) (up|down)(?: for (\d+) min)?", Stage.pin),
    (r"pause director", Stage.pause),
    (r"take back the (drain|pin|pause) of (\S+)", Stage.take_back),
    (r"down( by force)?", Stage.down),
    (r"d(\d) announces (\S+) (active|standby|drained|nothing)", Stage.announce),
    (r"(\S+) has (\d+) connections", Stage.packets),
    (r"FRR (falls silent|answers)", _falls_silent),
    (r"the checks fall silent", Stage.fall_silent),
    (r"(\S+) (loses its carrier|has its carrier again)", _carrier),
    (r"the neighbour (goes|comes)", _neighbour),
    (r"somebody empties IPVS", lambda stage: stage.host.ipvs.flush()),
    (r"somebody deletes our nftables table", lambda stage: stage.host.rules.apply(LoadRules(NO_RULES))),
    (r"the inventory says `(.*)` for `(.*)`", lambda stage, new, old: _write(stage, old, new)),
    (r"the next controller is killed after (\d+) steps", _burn),
    (r"the next controller lives", lambda stage: setattr(stage, "fuse", Fuse())),
)


@contextmanager
def _logged(stage: Stage) -> Iterator[None]:
    processors = structlog.get_config()["processors"]
    before = list(processors)
    processors[:] = [stage.logged]
    try:
        yield
    finally:
        processors[:] = before


def play(text: str, root: Path) -> str:
    """Play a scenario, and return it as it is now."""
    head, rest = text.split("-- inventory --\n")
    inventory, story = rest.split("-- story --\n")

    async def whole(clock: Clock) -> list[str]:
        stage = Stage(clock, root, inventory)
        with _logged(stage):
            try:
                for line in story.splitlines():
                    if line.startswith(HAPPENS):
                        stage.lines.append(line)
                        await stage.happen(line.removeprefix(HAPPENS))
                said = len(stage.lines)
            finally:
                await stage.stop()
        return stage.lines[:said]

    lines = run(whole, START)
    return f"{head}-- inventory --\n{inventory}-- story --\n" + "".join(
        f"{line.rstrip()}\n" for line in lines
    )
