"""Intents on disk: a line is appended and synced before a wish takes effect, so none is lost in a crash."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clusterlb.model.intent import LATEST, LONGEST, Intent, IntentKind

COMPACT = 1000  # lines; beyond them the file is written anew with what still stands


class JournalError(Exception):
    """The wish could not be recorded, so it was not carried out; the text says why and what to do."""


class Journal:
    """Intents that stand, in ``path``. Each line sets or clears one; the last word on a name counts.

    A line that a crash or a full disk cut off is the last one and was never acknowledged: it is dropped.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = 0
        self.intents: dict[tuple[IntentKind, str], Intent] = {}
        self.dropped = 0
        self._load()

    def set(self, intent: Intent) -> None:
        """Record an intent; raise JournalError and change nothing when that is impossible."""
        self._append({"set": {**asdict(intent), "kind": intent.kind.value}})
        self.intents[intent.name] = intent

    def clear(self, name: tuple[IntentKind, str]) -> Intent | None:
        """Take an intent back and return it, None when there is none; raise JournalError."""
        if name not in self.intents:
            return None
        self._append({"clear": [name[0].value, name[1]]})
        return self.intents.pop(name)

    def _load(self) -> None:
        try:
            data = self._path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be read: {error.strerror}") from error
        whole, _, torn = data.rpartition(b"\n")
        self.dropped += bool(torn)
        for line in whole.splitlines():
            self._lines += 1
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                self.dropped += 1
        if torn or self._lines > COMPACT:
            with suppress(JournalError):  # a full disk; it is tried again at the next start
                self._rewrite()

    def _take(self, record: dict[str, Any]) -> None:
        if "set" in record:
            values = {"until": None, "begins": 0.0, **record["set"]}
            _check_times(values)
            intent = Intent(**{**values, "kind": IntentKind(values["kind"])})
            self.intents[intent.name] = intent
        else:
            kind, target = record["clear"]
            self.intents.pop((IntentKind(kind), target), None)

    def _append(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(fd).st_size
                try:
                    _write(fd, line)
                    os.fsync(fd)
                except OSError:
                    os.ftruncate(fd, size)  # half a line must not become the beginning of the next
                    raise
            finally:
                os.close(fd)
        except OSError as error:
            raise JournalError(
                f"{self._path}: cannot be written: {error.strerror}; nothing was changed. Free some space, "
                "or choose another --state-dir"
            ) from error
        self._lines += 1

    def _rewrite(self) -> None:
        new = self._path.with_suffix(".new")
        try:
            with new.open("wb") as file:
                for intent in self.intents.values():
                    record = {"set": {**asdict(intent), "kind": intent.kind.value}}
                    file.write(json.dumps(record, separators=(",", ":")).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            new.replace(self._path)
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be written: {error.strerror}") from error
        self._lines = len(self.intents)


def _check_times(values: dict[str, Any]) -> None:
    """Let what ends after every calendar have no end; raise ValueError for what no clock will ever show."""
    begins, until = values["begins"], values["until"]
    if not 0 <= begins <= LATEST:
        raise ValueError(f"it begins {begins} s after 1970")
    if until is not None and not until >= 0:
        raise ValueError(f"it ends {until} s after 1970")
    if until is not None and until > LATEST + LONGEST:
        values["until"] = None


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
