"""What is ours on this director, written down before it is touched.

A crash between any two steps must leave enough to tell our services and lines from foreign ones, and to
put back what we changed. Lanes, VIPs on them and local routes need no entry: their names and route
protocol say whose they are. Kernel state does not survive a reboot, FRR's configuration does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from clusterlb.drivers.frr.merge import displaced, merge
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import KEEP_TIMEOUTS, Protocol, ProtocolTimeouts, ServiceKey
from clusterlb.model.state import FrrLine

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LedgerError(Exception):
    """The ledger could not be read or written; nothing was changed on the director."""


class Ledger:
    """The record at ``path``; changes are in memory until ``save``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.services: set[ServiceKey] = set()
        self.sysctls: dict[str, str] = {}
        self.timeouts = KEEP_TIMEOUTS
        self.frr_lines: dict[FrrLine, None] = {}
        self.frr_displaced: dict[FrrLine, None] = {}
        self._saved = ""
        self._load()

    def save(self) -> None:
        """Write what changed since the last save, durably; LedgerError (the old record stays) if it fails."""
        text = json.dumps(self._record(), indent=1)
        if text == self._saved:
            return
        fresh = self.path.with_suffix(".new")
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with fresh.open("w") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self.path)
            directory = os.open(self.path.parent, os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        except OSError as error:
            reason = error.strerror or str(error)
            raise LedgerError(
                f"{self.path}: cannot record what is ours ({reason}); what needs a record is not done. "
                f"Free the disk or mend the directory's permissions, the controller tries again by itself"
            ) from error
        self._saved = text

    def forget(self) -> None:
        """Remove the record: nothing here is ours any more."""
        self.services.clear()
        self.sysctls.clear()
        self.timeouts = KEEP_TIMEOUTS
        self.frr_lines.clear()
        self.frr_displaced.clear()
        self._saved = ""
        self.path.unlink(missing_ok=True)

    def own_services(self, keys: Iterable[ServiceKey]) -> None:
        """Record services that are about to be created."""
        self.services.update(keys)

    def own_sysctls(self, before: Mapping[str, str]) -> None:
        """Record the values that settings had before us; the first record of a setting stays."""
        for name, value in before.items():
            self.sysctls.setdefault(name, value)

    def abandoned_sysctls(self, needed: Collection[str]) -> dict[str, str]:
        """Return the settings that nothing needs any more, with the values that they had before us."""
        return {name: value for name, value in self.sysctls.items() if name not in needed}

    def own_timeouts(self, before: ProtocolTimeouts) -> None:
        """Record the timeouts that IPVS had before us; the first record stays."""
        if self.timeouts == KEEP_TIMEOUTS:
            self.timeouts = before

    def own_lines(
        self, running: Sequence[FrrLine], add: Sequence[FrrLine], remove: Collection[FrrLine] = ()
    ) -> None:
        """Record what a change of this configuration makes ours, and the foreign lines that it replaces."""
        self.frr_lines.update(dict.fromkeys(line for line in add if line not in running))
        replaced = displaced(running, merge(running, add, remove))
        self.frr_displaced.update(dict.fromkeys(line for line in replaced if line not in self.frr_lines))

    def _record(self) -> dict[str, Any]:
        return {
            "boot_id": _boot_id(),
            "services": [_key_out(key) for key in sorted(self.services, key=str)],
            "sysctls": self.sysctls,
            "timeouts": asdict(self.timeouts),
            "frr_lines": [[list(line.context), line.text] for line in self.frr_lines],
            "frr_displaced": [[list(line.context), line.text] for line in self.frr_displaced],
        }

    def _load(self) -> None:
        try:
            text = self.path.read_text()
        except FileNotFoundError:
            return
        except OSError as error:
            raise LedgerError(f"{self.path}: cannot be read: {error.strerror}") from error
        try:
            record = json.loads(text)
            self.frr_lines = dict.fromkeys(FrrLine(tuple(c), t) for c, t in record["frr_lines"])
            self.frr_displaced = dict.fromkeys(FrrLine(tuple(c), t) for c, t in record["frr_displaced"])
            if record["boot_id"] == _boot_id():
                self.services = {_key_in(key) for key in record["services"]}
                self.sysctls = dict(record["sysctls"])
                self.timeouts = ProtocolTimeouts(**record.get("timeouts", {}))
                self._saved = text
        except (ValueError, KeyError, TypeError) as error:
            raise LedgerError(
                f"{self.path}: is damaged ({error}); it says which services and FRR lines are clusterlb's. "
                f"Move it away to start without: what the inventory names is adopted, nothing else is touched"
            ) from error


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()


def _key_out(key: ServiceKey) -> list[Any]:
    return [int(key.family), int(key.protocol), str(key.address or ""), key.port, key.fwmark]


def _key_in(record: list[Any]) -> ServiceKey:
    family, protocol, address, port, fwmark = record
    return ServiceKey(
        AddressFamily(family), Protocol(protocol), ip_address(address) if address else None, port, fwmark
    )
