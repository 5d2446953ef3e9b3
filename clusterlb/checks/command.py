"""Kind ``command``: a program of the operator decides whether the member is up."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
from collections.abc import Iterator
from typing import ClassVar, cast

from clusterlb.checks.dialogue import plain
from clusterlb.checks.probe import Result, UnsentError, Wait, fill_in
from clusterlb.model.check import CommandOptions
from clusterlb.model.health import ProbeKey

KEPT = 4096  # bytes kept of the output's end
PIPE = 65536  # bytes that a pipe holds (pipe(7)): one read empties the pipe
SHOWN = 200  # characters of the output's last line
SOFT_LIMIT = 1024  # RLIMIT_NOFILE that programs expect, INR_OPEN_CUR in include/uapi/linux/fs.h
# Python ignores the first two, the engine the others, and an ignored signal stays ignored across execve(2).
DEFAULT_SIGNALS = (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGHUP)


class CommandProbe:
    """Run the program in a session and process group of its own, and kill the group when the run ends.

    A process that leaves that session (a daemon) is not killed; such a process may hold the output open,
    since the run ends with the program's exit, which a pidfd reports. A killed program may die much later,
    in uninterruptible sleep: its probe stays in ``_undead`` and is reaped by a later run of any command; the
    probe's next run waits for the old program first, so that no two run at the same time.
    """

    __slots__ = (
        "_argv",
        "_environment",
        "_epoll",
        "_output",
        "_pid",
        "_pidfd",
        "_tail",
        "_timeout",
        "_weight",
    )

    _undead: ClassVar[set[CommandProbe]] = set()

    def __init__(self, key: ProbeKey) -> None:
        options = cast(CommandOptions, key.spec.options)
        self._argv = [fill_in(argument, key.endpoint) for argument in options.argv]
        self._environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LANG": "C",
            "CLUSTERLB_ADDRESS": str(key.endpoint.address),
            "CLUSTERLB_PORT": str(key.endpoint.port),
        }
        self._timeout = key.spec.timeout
        self._weight = options.weight
        # A probe waits for one descriptor: this epoll set holds the next two.
        self._epoll: select.epoll | None = None
        self._output = self._pidfd = -1
        self._pid = 0
        self._tail = b""

    def start(self) -> Wait | Result:
        """Start the program, or wait for the last run's process to die."""
        self._tail = b""
        for probe in list(self._undead):
            probe._reap()
        try:
            self._epoll = select.epoll()
            if self._pid:
                self._follow(self._epoll)
            else:
                self._spawn(self._epoll)
        except OSError as error:
            raise UnsentError(error.errno or 0, str(error.filename or "")) from error
        return Wait(self._epoll.fileno(), select.EPOLLIN)

    def on_event(self, events: int, elapsed: float) -> Wait | Result:  # noqa: ARG002 - the inner epoll says more
        """Keep the end of the output, and judge the exit status once there is one."""
        assert self._epoll is not None  # noqa: S101 - for mypy: only a started probe has events
        ready = [descriptor for descriptor, _ in self._epoll.poll(0)]
        # Read first, judge then: all that the program wrote before its exit is in the pipe by now.
        if self._output in ready:
            chunk = os.read(self._output, PIPE)
            self._tail = (self._tail + chunk)[-KEPT:]
            if not chunk:
                self._epoll.unregister(self._output)
        status = self._reap() if self._pidfd in ready else None
        if status is not None and self._output != -1:
            return judge_exit(os.waitstatus_to_exitcode(status), self._weight, last_line(self._tail))
        if status is not None:
            os.close(self._pidfd)
            self._pidfd = -1
            try:
                self._spawn(self._epoll)
            except OSError as error:
                raise UnsentError(error.errno or 0, str(error.filename or "")) from error
        return Wait(self._epoll.fileno(), select.EPOLLIN)

    def on_deadline(self) -> Result:
        """Fail; ``close`` kills the program."""
        if self._output == -1:
            return Result(False, f"process {self._pid} of the last run was killed and has not ended")
        return Result(False, _with(f"killed: not done after {self._timeout:g} s", last_line(self._tail)))

    def close(self) -> None:
        """Kill the group, and close the descriptors."""
        if self._reap() is None:
            self._undead.add(self)
        for descriptor in (self._output, self._pidfd):
            if descriptor != -1:
                os.close(descriptor)
        self._output = self._pidfd = -1
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None

    def _spawn(self, epoll: select.epoll) -> None:
        self._output, sink = os.pipe()
        try:
            os.set_blocking(self._output, False)
            epoll.register(self._output, select.EPOLLIN)
            self._pid = spawn(self._argv, self._environment, sink)
        finally:
            os.close(sink)
        self._follow(epoll)

    def _follow(self, epoll: select.epoll) -> None:
        self._pidfd = os.pidfd_open(self._pid)
        epoll.register(self._pidfd, select.EPOLLIN)

    def _reap(self) -> int | None:
        """Kill the group; return the wait status, None while the program has not ended, 0 without a program.

        Kill before reaping: once the leader is reaped, another process may get the group's number.
        """
        if not self._pid:
            return 0
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)
        pid, status = os.waitpid(self._pid, os.WNOHANG)
        if not pid:
            return None
        self._pid = 0
        self._undead.discard(self)
        return status


def spawn(argv: list[str], environment: dict[str, str], output: int) -> int:
    """Start a program with its output on a descriptor and return its pid; raise OSError.

    posix_spawn neither copies this process nor runs Python in the child: with 5,000 descriptors open it
    takes two thirds of the time of subprocess.Popen. Python's descriptors are close-on-exec (PEP 446).
    """
    with _descriptor_limit(max(SOFT_LIMIT, output + 1)):  # posix_spawn fails (EBADF) for a number above it
        return os.posix_spawn(
            argv[0],
            argv,
            environment,
            file_actions=(
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, output, 2),
            ),
            setsid=True,
            setsigmask=(),
            setsigdef=DEFAULT_SIGNALS,
        )


@contextlib.contextmanager
def _descriptor_limit(usual: int) -> Iterator[None]:
    """Lower RLIMIT_NOFILE for a child to inherit: some programs close every descriptor up to the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, usual), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def judge_exit(code: int, weight: bool, line: str) -> Result:
    """Judge an exit code, as in MISC_CHECK of keepalived.conf(5); negative: killed by that signal."""
    if code < 0:
        return Result(False, _with(f"killed by signal {-code}", line))
    share = code - 2 if weight and 2 <= code <= 102 else None
    return Result(code == 0 or share is not None, _with(f"exit code {code}", line), share)


def last_line(output: bytes) -> str:
    """Return the last line that is not blank, in printable characters, at most SHOWN."""
    lines = (b" ".join(line.split()) for line in reversed(output.split(b"\n")))
    return plain(next(filter(None, lines), b""), SHOWN)


def _with(what: str, line: str) -> str:
    return f"{what}: {line}" if line else what
