"""Requests to this director's controller over its unix socket."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from clusterlb.cli.exits import Exit
from clusterlb.model.readable import lines

if TYPE_CHECKING:
    from clusterlb.model.status import Status

SOCKET_NAME = "api.sock"
BROKEN = 500  # HTTP's Internal Server Error

T = TypeVar("T")


class UnreachableError(click.ClickException):
    """No controller answers on the socket."""

    exit_code = int(Exit.UNREACHABLE)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


def ask(
    run_dir: Path, method: str, url: str, timeout: float = 10.0, *, body: Mapping[str, Any] | None = None
) -> tuple[int, dict[str, Any]]:
    """Return the HTTP status and the JSON answer; raise UnreachableError with what to do.

    An exception in the controller is raised here as a ClickException with its text.
    """
    path = run_dir / SOCKET_NAME
    connection = _UnixConnection(path, timeout)
    try:
        connection.request(method, url, None if body is None else json.dumps(body))
        response = connection.getresponse()
        # texts in the answer may be written by others, and every command shows them on a terminal
        answer = readable(json.loads(response.read() or b"{}"))
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise UnreachableError(
            f"no controller answers on {path} ({error.strerror}): is it running (systemctl status "
            f"clusterlb), or was it started with another --run-dir?"
        ) from error
    except PermissionError as error:
        raise UnreachableError(f"{path}: {error.strerror}; run this as root") from error
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise UnreachableError(f"the controller on {path} does not answer: {error}") from error
    finally:
        connection.close()
    if not isinstance(answer, dict):
        raise UnreachableError(f"{path}: the process that answers is not a controller of this version")
    if response.status == BROKEN and "error" in answer:
        raise click.ClickException(str(answer["error"]))
    return response.status, cast(dict[str, Any], answer)


def ask_status(run_dir: Path) -> Status:
    """Return the controller's status; raise UnreachableError with what to do."""
    from clusterlb.api.json_form import decode
    from clusterlb.model.status import Status

    _, answer = ask(run_dir, "GET", "/v1/status")
    try:
        return decode(Status, answer)
    except ValueError as error:
        version = answer.get("version", "another version")
        raise UnreachableError(
            f"the controller on {run_dir / SOCKET_NAME} is of version {version}, and this command does not "
            "understand its status: restart the controller (systemctl restart clusterlb)"
        ) from error


def readable(data: T) -> T:
    """Return JSON data with control and invisible characters in its texts escaped; line breaks stay."""
    if isinstance(data, str):
        return cast(T, lines(data))
    if isinstance(data, list):
        return cast(T, [readable(each) for each in data])
    if isinstance(data, dict):
        return cast(T, {readable(key): readable(value) for key, value in data.items()})
    return data
