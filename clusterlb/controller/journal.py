"""Intents on disk: a line is appended and synced before a wish takes effect, so none is lost in a crash."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from clusterlb.controller import private
from clusterlb.controller.recorded import Malformed, a_list, a_mapping, a_number, a_text, maybe_a_number
from clusterlb.model.intent import DIRECTOR, LATEST, LONGEST, VALUES, Intent, IntentKind

COMPACT = 1000  # lines; beyond them the file is written anew with what still stands


class JournalError(Exception):
    """The wish could not be recorded, so it was not carried out; the text says why and what to do."""


class Journal:
    """Intents that stand, in ``path``. Each line sets or clears one; the last word on a name counts.

    A line that a crash or a full disk cut off is the last one and was never acknowledged: it is dropped. So
    is a line that says nothing that could be meant, and ``dropped`` counts them. What cannot be read at all
    is a JournalError. A controller that is to run all the same says ``go_on``: then it is put aside, the
    journal begins empty, and ``problem`` says so.
    """

    def __init__(self, path: Path, *, go_on: bool = False) -> None:
        self._path = path
        self._go_on = go_on
        self._lines = 0
        self.intents: dict[tuple[IntentKind, str], Intent] = {}
        self.dropped = 0
        self.problem = ""
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
            data = private.read(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            problem = f"{self._path}: cannot be read: {error.strerror}"
            if not self._go_on:
                raise JournalError(problem) from error
            self.problem = f"{problem}; no wish in it stands. {self._aside()}"
            return
        whole, _, torn = data.rpartition(b"\n")
        self.dropped += bool(torn)
        for line in whole.splitlines():
            self._lines += 1
            try:
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError, RecursionError, Malformed):
                self.dropped += 1
        if torn or self._lines > COMPACT:
            with suppress(JournalError):  # a full disk; it is tried again at the next start
                self._rewrite()

    def _take(self, record: Any) -> None:
        if "set" in a_mapping(record):
            intent = _intent(a_mapping(record["set"]))
            self.intents[intent.name] = intent
        else:
            kind, target = a_list(record["clear"], 2)
            self.intents.pop((IntentKind(kind), a_text(target)), None)

    def _aside(self) -> str:
        try:
            return f"It is now {private.set_aside(self._path)}"
        except OSError as error:
            return f"It cannot be put aside ({error.strerror}), and no new one recorded"

    def _append(self, record: dict[str, Any]) -> None:
        line = json.dumps(record, separators=(",", ":")).encode() + b"\n"
        try:
            private.folder(self._path.parent)
            fd = private.open_file(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
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
        records = [{"set": {**asdict(intent), "kind": intent.kind.value}} for intent in self.intents.values()]
        lines = [json.dumps(record, separators=(",", ":")) + "\n" for record in records]
        try:
            private.replace(self._path, "".join(lines).encode())
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be written: {error.strerror}") from error
        self._lines = len(self.intents)


def _intent(values: dict[str, Any]) -> Intent:
    """Return a recorded wish; raise KeyError, ValueError or Malformed for what cannot be meant.

    What ends after every calendar has no end; what no clock will ever show is malformed.
    """
    kind = IntentKind(values["kind"])
    value = a_text(values["value"])
    if value not in VALUES[kind]:
        raise Malformed(f"{value!r} is no value of a {kind.value}")
    target = a_text(values["target"])
    if kind is IntentKind.PAUSE and target != DIRECTOR:
        raise Malformed(f"{target!r} cannot be paused")
    until, patience = maybe_a_number(values.get("until")), maybe_a_number(values.get("patience"))
    return Intent(
        kind,
        target,
        value,
        who=a_text(values["who"]),
        reason=a_text(values["reason"]),
        made=a_number(values["made"], most=LATEST),
        until=None if until is not None and until > LATEST + LONGEST else until,
        begins=a_number(values.get("begins", 0.0), most=LATEST),
        patience=None if patience is not None and patience > LONGEST else patience,
    )


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
