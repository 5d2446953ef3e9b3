"""Ask a running lab to break or repair something: one line of JSON each way over its unix socket.

>>> lab = LabControl.from_environment()
>>> lab.do("kill", "d3")
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clusterlb.lab.netns import LabError

ENVIRONMENT = "CLUSTERLB_LAB"
_LONGEST = 1 << 20
_SECONDS = 120.0


class LabControl:
    """A running lab, as its JSON file describes it (``description``)."""

    def __init__(self, description: Mapping[str, Any]) -> None:
        self.description = description

    @classmethod
    def from_environment(cls) -> LabControl:
        """Find the lab that this process runs in; raise LabError when there is none."""
        path = os.environ.get(ENVIRONMENT)
        if path is None:
            raise LabError(f"{ENVIRONMENT} is not set: run this with `clusterlb lab run -- COMMAND`")
        return cls(json.loads(Path(path).read_text(encoding="utf-8")))

    def clusterlb(self, name: str, *argv: str) -> tuple[int, str]:
        """Run the ``clusterlb`` command on a director, in its namespace; return its exit status and output.

        The command runs in a fork of the lab's process, which has imported all modules already.
        """
        answer = self.do("clusterlb", name, argv=list(argv))
        return int(answer["status"]), str(answer["output"])

    def down(self, name: str) -> tuple[int, str]:
        """Take a director out gracefully (``clusterlb down``)."""
        director = self._director(name)
        options = ["--run-dir", director["run_dir"], "--state-dir", director["state_dir"]]
        options += ["--pathspace", director["pathspace"]]
        return self.clusterlb(name, "down", *options, "--director", name)

    def drain(self, name: str, *options: str, back: bool = False) -> tuple[int, str]:
        """Drain a director (``clusterlb drain director``), or with ``back`` end its drain."""
        word, reason = ("undrain", []) if back else ("drain", ["--reason", "the lab asks for it"])
        run_dir = ["--run-dir", self._director(name)["run_dir"]]
        return self.clusterlb(name, word, "director", name, *reason, *run_dir, *options)

    def status(self, name: str) -> dict[str, Any]:
        """Return the output of ``clusterlb status -o json`` on a director."""
        _, output = self.clusterlb(name, "status", "--run-dir", self._director(name)["run_dir"], "-o", "json")
        return dict(json.loads(output))

    def _director(self, name: str) -> Mapping[str, str]:
        director: Mapping[str, str] = self.description["directors"][name]
        return director

    def do(self, what: str, name: str = "", **more: object) -> dict[str, Any]:
        """Have the lab carry out a request, and return its answer; raise LabError.

        For a director: start, kill (signal=9), start_frr, fail_frr, link_up, link_down, announce, withdraw
        (baseline only), crash (controller, FRR and both links; link_up, start_frr and start repair the
        director); for a real server: start_server, stop_server. ``processes`` returns all pids.
        """
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SECONDS)
            connection.connect(str(self.description["socket"]))
            connection.sendall(json.dumps({"do": what, "name": name, **more}).encode() + b"\n")
            received = b""
            while not received.endswith(b"\n") and len(received) < _LONGEST:
                data = connection.recv(65536)
                if not data:
                    break
                received += data
        answer: dict[str, Any] = json.loads(received or b'{"error": "the lab closed the connection"}')
        if "error" in answer:
            raise LabError(f"{what} {name}: {answer['error']}")
        return answer


def open_socket(path: Path) -> socket.socket:
    """Listen for requests."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    listener.bind(str(path))
    listener.listen(16)
    return listener


def read_request(connection: socket.socket) -> dict[str, Any]:
    """Return one request; raise ValueError for anything else, OSError when the client is gone."""
    connection.settimeout(5.0)
    received = b""
    while not received.endswith(b"\n"):
        data = connection.recv(4096)
        if not data or len(received) > _LONGEST:
            raise ValueError("a request is one line of JSON")
        received += data
    request = json.loads(received)
    if isinstance(request, dict) and isinstance(request.get("do"), str):
        return request
    raise ValueError('a request looks like {"do": "kill", "name": "d3"}')


def write_answer(connection: socket.socket, answer: Mapping[str, object]) -> None:
    """Send one answer and close the connection; the client may be gone."""
    with connection, contextlib.suppress(OSError):
        connection.sendall(json.dumps(answer).encode() + b"\n")
