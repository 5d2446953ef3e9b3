"""One session in a lab: bring it up, run a command, serve the command's requests, take the lab down."""

from __future__ import annotations

import os
import selectors
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clusterlb.lab.control import ENVIRONMENT, open_socket, read_request, write_answer
from clusterlb.lab.lab import Lab
from clusterlb.lab.netns import LabError, end
from clusterlb.lab.process import SIGNALS, InterruptError, interruptible, say

_PATIENCE = 5.0  # seconds that a command has to end once it was asked to


def run_session(lab: Lab, command: Sequence[str], *, interactive: bool = False) -> int:
    """Bring a lab up, run a command in it, take it down; return the command's exit status.

    Raises LabError when the lab does not come up. A signal ends the command and the lab: 128 plus its number
    is returned, as shells do. Ctrl-C ends only what an interactive command runs.
    """
    started = time.monotonic()
    with interruptible():
        try:
            lab.up()
            say(f"up after {time.monotonic() - started:.0f} s")
            return _Session(lab, command, interactive).run()
        except InterruptError as interrupted:
            say(f"{interrupted}, taking the lab down")
            return interrupted.status
        finally:
            for number in SIGNALS:
                signal.signal(number, signal.SIG_IGN)
            lab.down()


@dataclass(frozen=True, slots=True)
class _Running:
    """A running ``clusterlb`` command, and the client that waits for its end."""

    pid: int
    asker: socket.socket
    log: Path


class _Session:
    def __init__(self, lab: Lab, command: Sequence[str], interactive: bool) -> None:
        self._lab = lab
        self._command = command
        self._interactive = interactive
        self._selector = selectors.DefaultSelector()
        self._count = 0

    def run(self) -> int:
        if self._interactive:
            # not SIG_IGN: the shell and all its commands would inherit that
            signal.signal(signal.SIGINT, lambda number, frame: None)  # noqa: ARG005 - signal's signature
        with open_socket(self._lab.socket) as listener, self._selector:
            try:
                process = subprocess.Popen(
                    self._command, env={**os.environ, ENVIRONMENT: str(self._lab.description)}
                )
            except OSError as error:
                raise LabError(f"cannot run {self._command[0]}: {error.strerror}") from error
            ended = os.pidfd_open(process.pid)
            try:
                self._selector.register(ended, selectors.EVENT_READ)
                self._selector.register(listener, selectors.EVENT_READ)
                self._serve(process, listener)
            finally:
                end(process, _PATIENCE)
                os.close(ended)
        status = process.returncode
        return status if status >= 0 else 128 - status

    def _serve(self, process: subprocess.Popen[bytes], listener: socket.socket) -> None:
        while process.poll() is None:
            for key, _ in self._selector.select(1.0):
                if key.fileobj is listener:
                    self._accept(listener)
                elif isinstance(key.data, _Running):
                    self._finished(key.fd, key.data)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        try:
            request = read_request(connection)
            if request["do"] == "clusterlb":
                self._start(connection, request)
                return
            answer = self._carry_out(request)
        except (LabError, KeyError, TypeError, ValueError, OSError) as error:
            answer = {"error": f"there is no {error}" if isinstance(error, KeyError) else str(error)}
        write_answer(connection, answer)

    def _carry_out(self, request: Mapping[str, Any]) -> dict[str, Any]:
        lab, name = self._lab, str(request.get("name", ""))
        actions: dict[str, Callable[[], None]] = {
            "start": lambda: lab.start_director(name),
            "kill": lambda: lab.kill_director(name, int(request.get("signal", signal.SIGKILL))),
            "start_frr": lambda: lab.start_frr(name),
            "fail_frr": lambda: lab.fail_frr(name),
            "link_up": lambda: lab.set_link(name, up=True),
            "link_down": lambda: lab.set_link(name, up=False),
            "crash": lambda: lab.crash(name),
            "announce": lambda: lab.announce(name, announced=True),
            "withdraw": lambda: lab.announce(name, announced=False),
            "start_server": lambda: lab.servers.start(name),
            "stop_server": lambda: lab.servers.stop(name),
        }
        if request["do"] == "processes":
            return lab.processes()
        if request["do"] not in actions:
            raise ValueError(f"there are clusterlb, processes, {', '.join(actions)}")
        actions[request["do"]]()
        return {}

    def _start(self, asker: socket.socket, request: Mapping[str, Any]) -> None:
        """Run a ``clusterlb`` command on a director; its asker is answered when it has ended."""
        name = self._lab.topology.director(str(request["name"])).name
        self._count += 1
        log = self._lab.log(f"{name}-command-{self._count}")
        pid = self._lab.fork_clusterlb(name, [str(word) for word in request["argv"]], log)
        self._selector.register(os.pidfd_open(pid), selectors.EVENT_READ, _Running(pid, asker, log))

    def _finished(self, descriptor: int, running: _Running) -> None:
        self._selector.unregister(descriptor)
        os.close(descriptor)
        _, status = os.waitpid(running.pid, 0)
        output = running.log.read_text(encoding="utf-8", errors="replace")
        write_answer(running.asker, {"status": os.waitstatus_to_exitcode(status), "output": output})
