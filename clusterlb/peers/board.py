"""What a director has to tell: each peer reads at its own pace, and a slow one costs no memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from clusterlb.model.anchor import Sighting
from clusterlb.model.flow import Flow


@dataclass(slots=True)
class PeerReader:
    """How far one peer has read. Of each flow only the last word waits to be sent."""

    pending: dict[Flow, Sighting] = field(default_factory=dict)
    tables_sent: int = -1
    sent: int = 0
    taken: int = 0
    wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def behind(self) -> bool:
        """Say whether the peer has not taken in everything yet."""
        return bool(self.pending) or self.taken < self.sent


@dataclass(slots=True)
class Board:
    """Keeps what peers are told. ``everything``: what a peer that has just connected is told first."""

    everything: Callable[[], Iterable[Sighting]]
    tables: Mapping[str, str] = field(default_factory=dict)
    tables_number: int = 0
    joined: bool = False
    readers: dict[str, PeerReader] = field(default_factory=dict)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    def read_by(self, peer: str) -> PeerReader:
        """Return a new reader, in the place of one that the peer had before."""
        reader = self.readers[peer] = PeerReader({each.flow: each for each in self.everything()})
        reader.wake.set()
        return reader

    def forget(self, peer: str, reader: PeerReader) -> None:
        """Forget a reader, unless the peer has another one by now."""
        if self.readers.get(peer) is reader:
            del self.readers[peer]
        self._answered.set()

    def show_tables(self, tables: Mapping[str, str]) -> None:
        """Have the peers told of these tables, where they are others than before."""
        if tables != self.tables:
            self.tables, self.tables_number = dict(tables), self.tables_number + 1
            self._wake()

    def join(self) -> None:
        """Have the peers told that this director has heard everything itself."""
        if not self.joined:
            self.joined = True
            self._wake()

    def tell(self, seen: Iterable[Sighting]) -> None:
        """Have the peers told of sightings."""
        news = {each.flow: each for each in seen}
        if news:
            for reader in self.readers.values():
                reader.pending.update(news)
            self._wake()

    def behind(self) -> list[str]:
        """Return the peers that read and have not taken in everything yet."""
        return [peer for peer, reader in self.readers.items() if reader.behind]

    def answer(self, reader: PeerReader, number: int) -> None:
        """Note that a peer has taken in what came up to this number."""
        reader.taken = max(reader.taken, min(number, reader.sent))
        self._answered.set()

    async def next_answer(self) -> None:
        """Wait until some peer has taken something in, or is gone."""
        self._answered.clear()
        await self._answered.wait()

    def _wake(self) -> None:
        for reader in self.readers.values():
            reader.wake.set()
