"""Take in a changed inventory; a bad one never replaces a good one, and is told of."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from clusterlb.config.aside import load_aside
from clusterlb.config.error import InventoryError
from clusterlb.config.files import files
from clusterlb.config.render import render_some
from clusterlb.config.source import UnusableFileError
from clusterlb.controller.reconcile import Reconciler
from clusterlb.controller.store.index import Index
from clusterlb.core.brake import too_much
from clusterlb.drivers.interface import DriverError
from clusterlb.model.inventory import Director, Inventory
from clusterlb.model.state import FrrLine
from clusterlb.render.templates import OVERRIDES, RenderError

log = structlog.get_logger()

RenderFrr = Callable[[Inventory, Director], tuple[FrrLine, ...]]
Signature = tuple[tuple[str, int, int, int], ...]


class UnknownDirectorError(Exception):
    """The inventory does not name this director."""


class UnusableError(Exception):
    """An inventory cannot be in force on this director; the text says why, and what to do."""


def director_of(inventory: Inventory, name: str) -> Director:
    """Return the director of this name, or raise UnknownDirectorError saying which there are."""
    try:
        return inventory.directors[name]
    except KeyError:
        known = ", ".join(inventory.directors)
        raise UnknownDirectorError(
            f"the inventory has no director {name!r}; it has {known}. Name this one with --director NAME, "
            f"or add it under `directors:`"
        ) from None


def signature(path: Path) -> Signature:
    """Return what changes when a file of the inventory, or an operator's own template, does.

    That is the name, the inode, the size and the time of change of each.
    """
    try:
        found = files(path)
    except UnusableFileError:
        found = []
    return tuple(_signature_of(file) for file in (*found, *sorted(OVERRIDES.rglob("frr/*"))))


def _signature_of(file: Path) -> tuple[str, int, int, int]:
    """Return a file's part; one that cannot be looked at hides no change of the others."""
    try:
        stat = file.stat()
    except OSError:
        return str(file), 0, 0, 0
    return str(file), stat.st_ino, stat.st_size, stat.st_mtime_ns


@dataclass(slots=True)
class Reloader:
    """Watches the inventory at ``path`` for one director.

    ``keep`` keeps the files of one that is good. ``error``: why the last one was not taken over;
    ``unconfirmed``: because it removes much, and nobody has said that this is meant.
    """

    path: Path
    director: str
    render_frr: RenderFrr
    reconciler: Reconciler
    changed: Callable[[Inventory], None]
    keep: Callable[[], None] = lambda: None
    seen: Signature = ()
    error: str = ""
    unconfirmed: bool = False
    _looked: Signature | None = None
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def watch(self) -> None:
        """Reload when the files have changed, and have stood still from one look to the next.

        A file that is being written may be a good inventory of a smaller cluster at any moment.
        """
        now = await asyncio.to_thread(signature, self.path)
        before, self._looked = self._looked, now
        if now != self.seen and now == before:
            await self.reload()

    async def reload(self, *, yes: bool = False) -> bool:
        """Load the inventory and take it over by difference; say whether it was.

        ``yes``: also if it removes more than ``cluster.max_removed``.
        """
        async with self._busy:
            self.seen = await asyncio.to_thread(signature, self.path)
            self.unconfirmed = False
            store = self.reconciler.store
            try:
                index = await self._load(self.path)
                inventory = index.inventory
                if not yes and (much := too_much(store.inventory, inventory)):
                    self.unconfirmed = True
                    return self._rejected(much)
                changed = inventory.digest != store.inventory.digest or index.frr != store.index.frr
                if changed:
                    await self._check(index)
            except UnusableError as error:
                return self._rejected(str(error))
            self.error = ""
            await asyncio.to_thread(self._keep)
            if not changed:
                return True
            async with self.reconciler.lock:
                store.handle(index)
                await self.reconciler.kernel.announce_as_routes(inventory.cluster.ospf.external)
            store.count("reloads")
            log.info("inventory reloaded", digest=inventory.digest[:12], vips=len(inventory.vips))
            self.changed(inventory)
            return True

    async def candidate(self, path: Path) -> Index:
        """Return what follows from an inventory that is not in force, or raise UnusableError."""
        index = await self._load(path)
        await self._check(index)
        return index

    async def _load(self, path: Path) -> Index:
        try:
            inventory, _ = await asyncio.to_thread(load_aside, path)
            director = director_of(inventory, self.director)
            return Index(inventory, director, await asyncio.to_thread(self.render_frr, inventory, director))
        except InventoryError as error:
            raise UnusableError(render_some(error.problems)) from error
        except RenderError as error:
            raise UnusableError(str(error)) from error
        except UnknownDirectorError as error:
            raise UnusableError(f"{error}. To take this director out of service: clusterlb down") from error

    async def _check(self, index: Index) -> None:
        """Have nftables say whether it would take the table."""
        try:
            await self.reconciler.kernel.check_rules(self.reconciler.store.table(index))
        except DriverError as error:
            raise UnusableError(str(error)) from error

    def take_for_rejected(self, text: str) -> None:
        """Say that the files as they are were rejected before the start."""
        self.seen, self.error = signature(self.path), text

    def _keep(self) -> None:
        """Keep what was taken over, unless the files have changed meanwhile."""
        if signature(self.path) == self.seen:
            self.keep()

    def _rejected(self, text: str) -> bool:
        self.reconciler.store.count("reload_failures")
        if text == self.error:
            log.warning("inventory rejected again, for the same reasons")
        else:
            log.error("inventory rejected, the last good one stays in force", problems=text)
        self.error = text
        return False
