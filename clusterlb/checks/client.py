"""The controller's side of the check engine: start the engine, send it probes, receive its observations."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from asyncio.subprocess import PIPE, Process
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

from clusterlb import fresh
from clusterlb.checks.handed import Reader, named
from clusterlb.checks.mark import VARIABLE, Mark, Watcher
from clusterlb.checks.news import News, names
from clusterlb.checks.wire import NOBODY, decode_row, encode_key, lines, refuse_times
from clusterlb.model.health import Observation, ProbeKey
from clusterlb.model.status import EngineStatus

LONGEST_LINE = 1 << 20
MISSED_BEATS = 5
STARTUP = 6
FIRST_DELAY = 0.2
LONGEST_DELAY = 5.0
SETTLED = 10  # heartbeats after which a child counts as sound and the back-off starts again at FIRST_DELAY
FAREWELL = 1.0  # seconds that a child gets to end by itself


def engine_command(beat: float, user: str = NOBODY) -> list[str]:
    """Return the engine's argv; an engine that root starts becomes ``user``."""
    return fresh.argv("clusterlb.checks.engine", str(beat), user)


class EngineClient:
    """Keeps one engine process running and exchanges messages with it.

    The engine is a fresh interpreter (exec), not a fork of the controller. A fork would be quicker by some
    50 ms, but would carry the controller's sockets, event loop and memory along, and a restart, which
    happens while loop and worker threads are running, could not fork safely. With exec the first start and
    the restart are one path. Nothing waits for the engine: until its first message every verdict stays as it
    was. The child has the network namespace of the thread that started it, and only its standard
    descriptors.

    ``on_observation(key, observation)`` is called in the event loop, one call per observation, in order;
    ``on_event(text, facts)`` when the engine starts, ends, falls silent or cannot be started. A dead or
    silent engine makes no observations, and is restarted with a growing delay.
    ``silence`` is how many seconds may pass without a heartbeat, of which the engine sends one every ``beat``
    seconds; a child that has sent none yet gets STARTUP times as long, because interpreters start slowly on
    small machines. ``on_stuck(key)``: the engine fell silent in this probe.
    """

    def __init__(
        self,
        on_observation: Callable[[ProbeKey, Observation], None],
        on_event: Callable[[str, dict[str, Any]], None],
        silence: float = 5.0,
        beat: float = 1.0,
        command: list[str] | None = None,
        on_stuck: Callable[[ProbeKey], None] | None = None,
        user: str = NOBODY,
    ) -> None:
        self._on_observation = on_observation
        self._on_event = on_event
        self._silence = silence
        self._command = command or engine_command(beat, user)
        self._files = Reader()
        self._named: set[str] = set()
        self._on_stuck = on_stuck
        self._news = News(on_event)
        self._recovered: list[ProbeKey] = []
        self._numbers: dict[ProbeKey, int] = {}
        self._keys: dict[int, ProbeKey] = {}
        self._last_number = 0
        self._process: Process | None = None
        self._spoken = False
        self._supervisor: asyncio.Task[None] | None = None
        self._beats = 0
        self._missed = 0
        self._counters: dict[str, Any] = {}
        self.restarts = 0
        self.last_heartbeat: float | None = None

    @property
    def alive(self) -> bool:
        """Say whether an engine runs that has sent a heartbeat and is not silent."""
        return self.state == "running"

    @property
    def state(self) -> str:
        """Return the engine's state: starting, running, silent, restarting or dead."""
        if self._supervisor is None:
            return "dead"
        if self._process is None:
            return "restarting" if self.restarts or self._spoken else "starting"
        if self.last_heartbeat is None:
            return "restarting" if self._spoken else "starting"
        return "silent" if self._missed >= MISSED_BEATS - 1 else "running"

    @property
    def pid(self) -> int | None:
        """Return the running engine's process id."""
        return self._process.pid if self._process is not None else None

    @property
    def stats(self) -> EngineStatus:
        """Return the engine's counters of the latest heartbeat (``stats.Counters``) and this client's."""
        return EngineStatus(**self._counters, restarts=self.restarts, alive=self.alive, state=self.state)

    def unprobed(self) -> dict[ProbeKey, str]:
        """Return the keys that should be probed and are not, each with since when and why."""
        return self._news.unprobed(self._keys, self.state if self.state != "running" else "behind")

    async def start(self) -> None:
        """Start the engine and keep it running until ``close``; a failure is reported and tried again."""
        self.begin()

    def begin(self) -> None:
        """Do the same as ``start``; for callers that cannot await."""
        if self._supervisor is None:
            self._supervisor = asyncio.create_task(self._supervise(), name="check engine")

    def set_probes(self, keys: Iterable[ProbeKey]) -> None:
        """Have exactly these keys probed; send the difference only. Raises ValueError for times <= 0."""
        wanted = dict.fromkeys(keys)
        added = [key for key in wanted if key not in self._numbers]
        for key in added:
            refuse_times(key)
        removed = [number for key, number in self._numbers.items() if key not in wanted]
        for number in removed:
            del self._numbers[self._keys.pop(number)]
            self._news.forget(number)
        for key in added:
            self._last_number += 1
            self._numbers[key] = self._last_number
            self._keys[self._last_number] = key
            self._news.begin(self._last_number)
        self._named = named(self._numbers)
        self._send("remove", removed)
        self._hand_over()
        self._send("add", ((self._numbers[key], encode_key(key)) for key in added))

    def check_now(self, key: ProbeKey) -> None:
        """Have one key probed at once, in addition to its schedule; ignore a key that is not probed."""
        if key in self._numbers:
            self._send("now", [self._numbers[key]])

    async def close(self) -> None:
        """End the engine."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is not None:
            supervisor.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await supervisor

    def _hand_over(self) -> None:
        """Send the changed ones of the files that the engine's user may not read."""
        if self._process is not None:
            changed = self._files.changed(self._named)
            self._send("files", ((path, b64encode(data).decode()) for path, data in changed))

    def _send(self, word: str, rows: Iterable[Any]) -> None:
        pipe = self._process.stdin if self._process is not None else None
        if pipe is not None and not pipe.is_closing():
            pipe.writelines(lines(word, rows))

    async def _supervise(self) -> None:
        delay = FIRST_DELAY
        while True:
            self._beats = 0
            try:
                with contextlib.closing(Mark()) as mark:
                    await self._run_child(mark)
            except OSError as error:
                self._on_event("the check engine could not be started", {"error": str(error)})
            except ValueError as error:
                self._on_event("the check engine talks nonsense: ended", {"error": str(error)})
            if self._beats >= SETTLED:
                delay = FIRST_DELAY
            await asyncio.sleep(delay)
            delay = min(delay * 2, LONGEST_DELAY)
            self.restarts += 1

    async def _run_child(self, mark: Mark) -> None:
        """Run one child from its start to its end."""
        process = await asyncio.create_subprocess_exec(
            *self._command,
            stdin=PIPE,
            stdout=PIPE,
            env={**fresh.environment(), VARIABLE: str(mark.fd)},
            pass_fds=(mark.fd,),
            limit=LONGEST_LINE,
        )
        self._process = process
        self._missed = 0
        watcher = asyncio.create_task(self._watch(process, mark), name="check engine watcher")
        try:
            self._on_event("the check engine started", {"pid": process.pid})
            self._files.forget()
            self._hand_over()
            self._send("add", ((number, encode_key(key)) for number, key in self._keys.items()))
            await self._listen(process)
        finally:
            self._process = None
            self.last_heartbeat = None
            watcher.cancel()
            await self._bury(process)
        self._on_event("the check engine ended", {"pid": process.pid, "returncode": process.returncode})

    async def _listen(self, process: Process) -> None:
        """Pass on the child's messages until its output ends."""
        loop = asyncio.get_running_loop()
        pipe = process.stdout
        while pipe is not None and (text := await pipe.readline()).endswith(b"\n"):
            message = json.loads(text)
            for row in message.get("seen", ()):
                # Called by the loop, so that the callee's exception does not end the engine.
                loop.call_soon(self._pass_on, *decode_row(row))
            if "unsent" in message:
                loop.call_soon(self._news.trouble, [tuple(row) for row in message["unsent"]], self._keys)
            if "beat" in message:
                self._spoken = True
                self._hand_over()
                self._counters = message["beat"]
                self.last_heartbeat = time.monotonic()
                self._beats += 1
                self._missed = 0

    def _pass_on(self, number: int, seen: Observation) -> None:
        """Report an observation, unless its key was removed while the observation was in the pipe."""
        key = self._keys.get(number)
        if key is not None:
            if self._news.result(number, seen.at):
                if not self._recovered:
                    asyncio.get_running_loop().call_soon(self._tell_recovered)
                self._recovered.append(key)
            self._on_observation(key, seen)

    def _tell_recovered(self) -> None:
        recovered, self._recovered = self._recovered, []
        self._on_event("probes are sent again", {"members": names(recovered)})

    async def _watch(self, process: Process, mark: Mark) -> None:
        """Kill a child that has fallen silent.

        Silence is counted in ticks of this loop and not on the clock: when the controller itself stood still,
        heartbeats that it has not read yet do not count as missed.
        """
        watcher = Watcher(process.pid, mark)
        while self._missed < MISSED_BEATS * (1 if self._beats else STARTUP):
            await asyncio.sleep(self._silence / MISSED_BEATS)
            self._missed += 1
            watcher.look()
        looks = MISSED_BEATS - 1  # the first look may have come before the child got stuck
        stuck = self._keys.get(watcher.stuck(looks, self._silence * (looks - 1) / MISSED_BEATS))
        self._on_event("the check engine is silent: killed", {"pid": process.pid, "silence": self._silence})
        process.kill()
        if stuck is not None and self._on_stuck is not None:
            self._on_stuck(stuck)

    async def _bury(self, process: Process) -> None:
        """Close the child's input, which ends the child, and kill a child that does not end."""
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), FAREWELL)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
