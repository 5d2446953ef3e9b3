"""Intents on disk: a line is synced before its intent takes effect, so a crash loses none."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from clusterlb.controller import private
from clusterlb.controller.intent_record import from_record, to_record
from clusterlb.controller.recorded import Malformed, a_list, a_mapping, a_text
from clusterlb.model.intent import Intent, IntentKind, target_of
from clusterlb.model.target import Target

COMPACT = 1000  # lines; beyond them the file is written anew with what still stands


class JournalError(Exception):
    """The intent could not be recorded, so it was not carried out; the text says why and what to do."""


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
        self.intents: dict[tuple[IntentKind, Target], Intent] = {}
        self.dropped = 0
        self.problem = ""
        self._load()

    def set(self, intent: Intent) -> None:
        """Record an intent; raise JournalError and change nothing when that is impossible."""
        self._append({"set": to_record(intent)})
        self.intents[intent.name] = intent

    def clear(self, name: tuple[IntentKind, Target]) -> Intent | None:
        """Take an intent back and return it, None when there is none; raise JournalError."""
        if name not in self.intents:
            return None
        self._append({"clear": [name[0].value, str(name[1])]})
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
            self.problem = f"{problem}; no intent in it stands. {self._aside()}"
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
            intent = from_record(a_mapping(record["set"]))
            self.intents[intent.name] = intent
        else:
            name, target = a_list(record["clear"], 2)
            kind = IntentKind(name)
            self.intents.pop((kind, target_of(kind, a_text(target))), None)

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
        records = [{"set": to_record(intent)} for intent in self.intents.values()]
        lines = [json.dumps(record, separators=(",", ":")) + "\n" for record in records]
        try:
            private.replace(self._path, "".join(lines).encode())
        except OSError as error:
            raise JournalError(f"{self._path}: cannot be written: {error.strerror}") from error
        self._lines = len(self.intents)


def _write(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data) :]
