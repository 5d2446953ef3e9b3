"""What this director tells its peers and hears of them: anchors, taken in and told, and tables."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import structlog

from clusterlb.controller.anchoring import Anchoring
from clusterlb.controller.store.store import Store
from clusterlb.core.digest import table_rows
from clusterlb.core.peer_tables import differing
from clusterlb.core.sightings import worth_telling
from clusterlb.model.address import Endpoint, IPAddress
from clusterlb.model.anchor import Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.readable import printable
from clusterlb.model.status import PeerStatus
from clusterlb.peers.board import Board
from clusterlb.peers.credentials import Credentials
from clusterlb.peers.publisher import Publisher
from clusterlb.peers.subscriber import Subscriber
from clusterlb.peers.wire import VERSION, Complete, Hello, Message, PeerTables, Sightings

GATHER = 0.1  # seconds in which sightings are gathered: the rules are worked out once for all of them
JOIN = 6.0  # seconds that a director waits to be told of anchors before it announces anything new
AGAIN = 5.0  # seconds until listening is tried again

log = structlog.get_logger()


class _Ends(NamedTuple):
    """What the channel is made of; where that changes it is made anew."""

    me: Hello
    at: Endpoint
    peers: Mapping[str, IPAddress]
    credentials: Credentials


@dataclass(slots=True)
class _Heard:
    """What one peer has said since it connected. ``complete``: whether it had heard all others itself."""

    tables: Mapping[str, str] = field(default_factory=dict)
    complete: bool | None = None


@dataclass(slots=True)
class Peering:
    """Keeps the peer channel open, and what it says in the store. Without ``cluster.peers`` it does nothing.

    ``joined``: all anchors have been taken from a peer, or nobody was there to say. ``why_not``: why this
    director does not listen. ``publish`` and ``subscribe`` make the two ends of the channel.
    """

    store: Store
    anchoring: Anchoring
    publish: type[Publisher] = Publisher
    subscribe: type[Subscriber] = Subscriber
    joined: bool = False
    why_not: str = ""
    board: Board = field(init=False)
    _ends: _Ends | None = None
    _publisher: Publisher | None = None
    _subscribers: dict[str, Subscriber] = field(default_factory=dict)
    _heard: dict[str, _Heard] = field(default_factory=dict)
    _inbox: list[Sighting] = field(default_factory=list)
    _timer: asyncio.TimerHandle | None = None
    _told: dict[Flow, Sighting] = field(default_factory=dict)
    _turned_away: dict[str, str] = field(default_factory=dict)
    _complaints: dict[str, str] = field(default_factory=dict)  # the last one that was logged, by peer
    _retry_at: float = 0.0
    _join_by: float | None = None

    def __post_init__(self) -> None:
        self.board = Board(self.anchoring.known)
        self.anchoring.tell = self.tell

    async def look(self) -> None:
        """Open the channel as the inventory says, and note when this director has joined."""
        now = self.store.clock()
        ends = self._wanted()
        if ends != self._ends:
            await self._open(ends)
        elif self.why_not and ends is not None and now >= self._retry_at:
            await self._listen(ends)
        if self._join_by is None and self.store.health.adjacent:
            # before that a peer may be out of reach: OSPF alone may know the way
            self._join_by = now + JOIN
        self._join(now)
        if self.joined:
            self.board.join()

    async def close(self) -> None:
        """Close the channel."""
        if self._timer is not None:
            self._timer.cancel()
        subscribers, self._subscribers = self._subscribers, {}
        for subscriber in subscribers.values():
            await subscriber.close()
        if self._publisher is not None:
            await self._publisher.close()
            self._publisher = None

    def tell(self, seen: Collection[Sighting]) -> None:
        """Have the peers told of what this director has seen, as far as that is news to them."""
        memory = self.store.inventory.cluster.flow_memory
        news = [each for each in seen if worth_telling(each, self._told.get(each.flow), memory)]
        self._told.update((each.flow, each) for each in news)
        if len(self._told) > 2 * len(self.store.anchors) + 1000:
            there = self.store.anchors.keys() | self.anchoring.over.keys()
            self._told = {flow: each for flow, each in self._told.items() if flow in there}
        self.board.tell(news)

    async def told(self, patience: float) -> list[str]:
        """Wait until the connected peers have taken in all anchors; return those that have not in time."""
        with suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.untold():
                    await self.board.next_answer()
        return self.untold()

    def untold(self) -> list[str]:
        """Return the peers that are connected and have not taken in all of this director's anchors yet."""
        return self.board.behind() if self.anchoring.on else []

    def status(self) -> tuple[PeerStatus, ...]:
        """Return how each peer is."""
        now = self.store.clock()
        behind, heard = self.untold(), self.heard()
        return tuple(
            PeerStatus(
                peer=name,
                address=each.at.address,
                state=each.state,
                age=round(now - each.since, 1),
                because=each.error,
                reads=name in self.board.readers,
                turned_away="" if name in self.board.readers else self._turned_away.get(name, ""),
                behind=name in behind,
                tables_differ=tuple(sorted(differing(self.board.tables, heard.get(name, {})))),
            )
            for name, each in self._subscribers.items()
        )

    def uncovered(self) -> tuple[str, ...]:
        """Return what a change of directors would cost because peers are not told."""
        store = self.store
        others = len(store.inventory.directors) - 1
        if not others or not self.anchoring.on:
            return ()
        if store.inventory.cluster.peers is None:
            text = "anchors stay on this director: `cluster.peers` is not set"
            return (f"{text}, so an anchored flow is lost when another director takes it over",)
        if self.why_not:
            return (f"no peer hears of this director's anchors: {self.why_not}",)
        silent = [name for name in self._subscribers if name not in self.board.readers]
        if not silent:
            return ()
        return (
            f"{', '.join(silent)} not told of this director's anchors: flows that move there may be lost",
        )

    def heard(self) -> dict[str, Mapping[str, str]]:
        """Return the digests of each peer that is heard, by the peer's name."""
        return {name: heard.tables for name, heard in self._heard.items()}

    async def rows_of(self, peer: str, service: str) -> tuple[str, ...]:
        """Return the rows of a service's table at a peer, none where the peer does not say."""
        there = self._subscribers.get(peer)
        return await there.table(service) if there is not None else ()

    @property
    def open(self) -> bool:
        """Say whether directors speak with each other at all."""
        return self._ends is not None

    # the channel

    def _wanted(self) -> _Ends | None:
        """Return what the channel is to be made of, None for no channel."""
        inventory, me = self.store.inventory, self.store.director
        channel = inventory.cluster.peers
        if channel is None or me.speaks_at is None:
            return None
        peers = {
            name: director.speaks_at
            for name, director in inventory.directors.items()
            if name != me.name and director.speaks_at is not None
        }
        paths = (channel.authority, channel.certificate, channel.key)
        authority, certificate, key = (Path(path.replace("{director}", me.name)) for path in paths)
        return _Ends(
            Hello(VERSION, inventory.cluster.name, me.name),
            Endpoint(me.speaks_at, channel.port),
            peers,
            Credentials(authority, certificate, key),
        )

    async def _open(self, ends: _Ends | None) -> None:
        await self.close()
        self._ends, self.why_not, self._heard, self._turned_away = ends, "", {}, {}
        if ends is None:
            return
        await self._listen(ends)
        clock = self.store.clock
        for name, address in ends.peers.items():
            at = Endpoint(address, ends.at.port)
            subscriber = self.subscribe(
                name, at, ends.at.address, ends.me, ends.credentials, clock, self._hear, self._lost
            )
            self._subscribers[name] = subscriber
            subscriber.start()

    async def _listen(self, ends: _Ends) -> None:
        """Have the peers hear this director, or say why they cannot."""
        before, clock = self.why_not, self.store.clock
        publisher = self.publish(self.board, ends.me, ends.credentials, clock, self._rows, self._turn_away)
        try:
            await publisher.start(*ends.at, {address: name for name, address in ends.peers.items()})
        except OSError as error:
            self.why_not, self._retry_at = error.strerror or str(error), clock() + AGAIN
            if self.why_not != before:
                log.error("peers", problem=self.why_not)  # noqa: TRY400 - the text says what to do
        else:
            self.why_not, self._publisher = "", publisher

    def _rows(self, service: str) -> Collection[str]:
        found = {str(key): state for key, state in self.store.actual.services.items()}.get(service)
        return table_rows(found) if found is not None else ()

    def _turn_away(self, peer: str, text: str) -> None:
        why = printable(text)
        if self._turned_away.get(peer) != why:
            log.warning("a peer was turned away", peer=peer, because=why)
        self._turned_away[peer] = why

    def _hear(self, peer: str, message: Message) -> None:
        heard = self._heard.get(peer)
        if heard is None:
            heard = self._heard[peer] = _Heard()
            self._complaints.pop(peer, None)
            log.info("a peer is heard", peer=peer)
        match message:
            case PeerTables(digests):
                heard.tables = digests
            case Sightings(_, seen):
                self._inbox += seen
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(GATHER, self._take_in)
            case Complete(joined):
                self._take_in()
                heard.complete = joined
            case _:
                pass

    def _lost(self, peer: str) -> None:
        self._heard.pop(peer, None)
        why = self._subscribers[peer].error if peer in self._subscribers else ""
        if why != self._complaints.get(peer):
            log.warning("a peer is not heard", peer=peer, because=why)
            self._complaints[peer] = why

    def _take_in(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        seen, self._inbox = self._inbox, []
        if seen and (unusable := self.anchoring.receive(seen)):
            self.store.count("sightings_unusable", unusable)

    # what follows

    def _join(self, now: float) -> None:
        """Note that all anchors have been taken that there are.

        A peer that had joined itself knows them all. When nobody has, as where all start at once, everybody
        is heard.
        """
        if self.joined or self.store.adopted_at is None:
            return
        complete = {name: each.complete for name, each in self._heard.items() if each.complete is not None}
        everybody = complete.keys() == self._subscribers.keys()
        late = self._join_by is not None and now >= self._join_by
        if not self.anchoring.on or everybody or any(complete.values()) or late:
            self.joined = True
            if self._subscribers:
                log.info("joined", peers=len(self._heard), anchors=len(self.store.anchors))
