"""Ask a running lab to break or mend something: one line of JSON each way over its unix socket.

>>> lab = LabControl.from_environment()
>>> lab.do("kill", "d3")
"""

from __future__ import annotations

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

        It runs in a child of the lab, where everything is imported already.
        """
        answer = self.do("clusterlb", name, argv=list(argv))
        return int(answer["status"]), str(answer["output"])

    def down(self, name: str) -> tuple[int, str]:
        """Take a director out gracefully (``clusterlb down``)."""
        return self.clusterlb(name, "down", *self._options(name), "--director", name)

    def drain(self, name: str, *options: str, back: bool = False) -> tuple[int, str]:
        """Have a director drain (``clusterlb drain director``), or with ``back`` end that."""
        word, reason = ("undrain", []) if back else ("drain", ["--reason", "the lab asks for it"])
        run_dir = ["--run-dir", self._director(name)["run_dir"]]
        return self.clusterlb(name, word, "director", name, *reason, *run_dir, *options)

    def status(self, name: str) -> dict[str, Any]:
        """Return what ``clusterlb status -o json`` says on a director."""
        _, output = self.clusterlb(name, "status", "--run-dir", self._director(name)["run_dir"], "-o", "json")
        return dict(json.loads(output))

    def _options(self, name: str) -> list[str]:
        found = self._director(name)
        options = ["--run-dir", found["run_dir"], "--state-dir", found["state_dir"]]
        return [*options, "--pathspace", found["pathspace"]]

    def _director(self, name: str) -> Mapping[str, str]:
        director: Mapping[str, str] = self.description["directors"][name]
        return director

    def do(self, what: str, name: str = "", **more: object) -> dict[str, Any]:
        """Have the lab do something, and return its answer once it is done; raise LabError.

        For a director: start, kill (signal=9), start_frr, fail_frr, link_up, link_down, announce, withdraw
        (baseline only), crash (all of it: controller, FRR and both links; link_up, start_frr and start mend
        it); for a real server: start_server, stop_server. ``processes`` returns the pids of everything.
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
    """Return one request; raise ValueError when it is none, OSError when the asker is gone."""
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
    """Send one answer."""
    connection.sendall(json.dumps(answer).encode() + b"\n")
