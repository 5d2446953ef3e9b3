"""The last good inventory, as files in the state directory: what a start serves if today's is not good."""

from __future__ import annotations

import shutil
from pathlib import Path

import structlog

from clusterlb.config.aside import load_aside
from clusterlb.config.error import InventoryError
from clusterlb.config.files import files
from clusterlb.config.problem import Problem
from clusterlb.config.render import render_some
from clusterlb.config.source import UnusableFileError
from clusterlb.core.brake import too_much
from clusterlb.model.inventory import Inventory

NAME = "last-good"

log = structlog.get_logger()


class LastGood:
    """Copies of the files at ``path``, in ``state_dir``."""

    def __init__(self, path: Path, state_dir: Path) -> None:
        self._path = path
        self._folder = state_dir / NAME
        self._complaint = ""

    def keep(self) -> None:
        """Copy the files; a copy that fails leaves the one before."""
        fresh, old = self._folder.with_suffix(".new"), self._folder.with_suffix(".old")
        try:
            if self._kept() == self._there():
                return
            for folder in (fresh, old):
                shutil.rmtree(folder, ignore_errors=True)
            fresh.mkdir(mode=0o700, parents=True)
            for file in files(self._path):
                (fresh / _name(file)).write_bytes(file.read_bytes())
            if self._folder.exists():
                self._folder.rename(old)
            fresh.rename(self._folder)
            shutil.rmtree(old, ignore_errors=True)
        except (OSError, UnusableFileError) as error:
            complaint = f"{self._folder}: cannot keep the last good inventory: {error}"
            if complaint != self._complaint:
                log.warning("inventory", problem=complaint)
            self._complaint = complaint
        else:
            self._complaint = ""

    def load(self, director: str) -> tuple[Inventory, tuple[Problem, ...], str]:
        """Return the inventory to start with, its warnings, and why it is not the one at the path, if so.

        Raises InventoryError when neither is good.
        """
        good = self._good()
        try:
            inventory, warnings = load_aside(self._path)
        except InventoryError as error:
            if good is None:
                raise
            return good, (), render_some(error.problems)
        why = ""
        if good is not None and director in good.directors:
            why = too_much(good, inventory)
            if director not in inventory.directors:
                why = f"the inventory has no director {director!r} any more. To take it out: clusterlb down"
        return (good, (), why) if good is not None and why else (inventory, warnings, "")

    def _good(self) -> Inventory | None:
        """Return the inventory that was kept; None when there is none, or today's is the same."""
        kept = self._kept()
        if not kept or kept == self._there():
            return None
        try:
            return load_aside(self._folder)[0]
        except InventoryError as error:
            log.warning("inventory", problem=f"the last good one is good no more: {error}")
            return None

    def _kept(self) -> dict[str, bytes]:
        return _contents(self._folder)

    def _there(self) -> dict[str, bytes]:
        return _contents(self._path)


def _contents(path: Path) -> dict[str, bytes]:
    """Return the files of an inventory by their names in the copy; none where they cannot be read."""
    try:
        return {_name(file): file.read_bytes() for file in files(path) if file.is_file()}
    except (OSError, UnusableFileError):
        return {}


def _name(file: Path) -> str:
    return file.name if file.name.endswith((".yaml", ".yml")) else f"{file.name}.yaml"
