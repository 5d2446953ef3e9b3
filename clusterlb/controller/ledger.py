"""What is ours on this director, written down before it is touched.

A crash between any two steps must leave enough to tell our services and lines from foreign ones, and to
put back what we changed. Lanes, VIPs on them and local routes need no entry: their names and route
protocol say whose they are. Kernel state does not survive a reboot, FRR's configuration does.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from clusterlb.controller import private
from clusterlb.controller.recorded import Malformed, a_list, a_mapping, a_number, a_text
from clusterlb.drivers.frr.merge import displaced, merge
from clusterlb.model.address import AddressFamily, family_of
from clusterlb.model.ipvs import KEEP_TIMEOUTS, Protocol, ProtocolTimeouts, ServiceKey
from clusterlb.model.state import FrrLine

_WITHOUT = (
    "it says which services and FRR lines are clusterlb's. Moved away, what the inventory names is adopted "
    "and nothing else is touched"
)
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class LedgerError(Exception):
    """The ledger could not be read or written; nothing was changed on the director."""


class Ledger:
    """The record at ``path``; changes are in memory until ``save``.

    A record that cannot be used is a LedgerError. A controller that is to run all the same says ``go_on``:
    then the record is put aside, it begins with none, and ``problem`` says so. What the inventory names it
    adopts; what was ours and is not named any more it takes for others', and leaves it alone.
    """

    def __init__(self, path: Path, *, go_on: bool = False) -> None:
        self.path = path
        self.problem = ""
        self.services: set[ServiceKey] = set()
        self.sysctls: dict[str, str] = {}
        self.timeouts = KEEP_TIMEOUTS
        self.frr_lines: dict[FrrLine, None] = {}
        self.frr_displaced: dict[FrrLine, None] = {}
        self._saved = ""
        try:
            self._load()
        except LedgerError as error:
            if not go_on:
                raise
            self._start_anew(str(error))

    def save(self) -> None:
        """Write what changed since the last save, durably; LedgerError (the old record stays) if it fails."""
        text = json.dumps(self._record(), indent=1)
        if text == self._saved:
            return
        try:
            private.replace(self.path, text.encode())
        except OSError as error:
            reason = f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(error)
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
            data = private.read(self.path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise LedgerError(f"{self.path}: cannot be read: {error.strerror}; {_WITHOUT}") from error
        try:
            record = a_mapping(json.loads(data))
            lines, displaced_lines = _lines_in(record["frr_lines"]), _lines_in(record["frr_displaced"])
            if a_text(record["boot_id"]) == _boot_id():
                self.services = {_key_in(key) for key in a_list(record["services"])}
                self.sysctls = {a_text(k): a_text(v) for k, v in a_mapping(record["sysctls"]).items()}
                self.timeouts = _timeouts_in(record.get("timeouts", {}))
                self._saved = data.decode()
            self.frr_lines, self.frr_displaced = lines, displaced_lines
        except (ValueError, KeyError, TypeError, RecursionError, Malformed) as error:
            raise LedgerError(
                f"{self.path}: is damaged ({error or type(error).__name__}); {_WITHOUT}"
            ) from error

    def _start_anew(self, problem: str) -> None:
        self.services, self.sysctls, self.timeouts = set(), {}, KEEP_TIMEOUTS
        self.frr_lines, self.frr_displaced, self._saved = {}, {}, ""
        try:
            place = f"it is now {private.set_aside(self.path)}"
        except OSError as error:
            place = f"it cannot be put aside ({error.strerror}), so nothing new can be recorded"
        self.problem = f"{problem}; {place}"


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()


def _key_out(key: ServiceKey) -> list[Any]:
    return [int(key.family), int(key.protocol), str(key.address or ""), key.port, key.fwmark]


def _key_in(record: Any) -> ServiceKey:
    family, protocol, address, port, fwmark = a_list(record)
    key = ServiceKey(
        AddressFamily(int(a_number(family, most=255))),
        Protocol(int(a_number(protocol, most=255))),
        ip_address(a_text(address)) if address else None,
        int(a_number(port, most=65535)),
        int(a_number(fwmark, most=2**32 - 1)),
    )
    if key.address is not None and family_of(key.address) is not key.family:
        raise Malformed(f"{address} is not of family {family}")
    return key


def _lines_in(record: Any) -> dict[FrrLine, None]:
    rows = [a_list(row, 2) for row in a_list(record)]
    return {FrrLine(tuple(a_text(line) for line in a_list(c)), a_text(t)): None for c, t in rows}


def _timeouts_in(record: Any) -> ProtocolTimeouts:
    values = a_mapping(record)
    return ProtocolTimeouts(**{k: int(a_number(v, most=2**32 - 1)) for k, v in values.items()})
