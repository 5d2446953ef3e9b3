import contextlib
import threading
import time

from probing import make_key
from stream_members import Handler, member, saying

from clusterlb.checks.probe import Result, make_probe
from clusterlb.checks.runner import Runner
from clusterlb.model.check import CheckType, SmtpOptions, TcpOptions

TIMEOUT = 0.3
BLOCKED = 2 * TIMEOUT  # seconds that one judgement takes


def slow_mail(connection) -> None:
    """Greet at once, so that the greeting lies unread, and answer each command at once."""
    connection.sendall(b"220 mail\r\n")
    while line := connection.recv(1000):
        connection.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 mail\r\n")


def test_healthy_members_pass_beside_it():
    blocked = threading.Event()

    def judge_slowly(key):
        probe = make_probe(key)
        if key.spec.type is CheckType.TCP:
            on_event = probe.on_event

            def slow(events: int, elapsed: float):
                result = on_event(events, elapsed)
                if isinstance(result, Result) and not blocked.is_set():
                    blocked.set()
                    time.sleep(BLOCKED)
                return result

            probe = Slow(probe, slow)
        return probe

    with contextlib.ExitStack() as stack:
        dear = make_key(CheckType.TCP, TcpOptions(expect="x"), port=_serve(stack, saying(b"x", hear=False)))
        healthy = [
            make_key(CheckType.SMTP, SmtpOptions(), port=_serve(stack, slow_mail), timeout=TIMEOUT)
            for _ in range(5)
        ]
        runner = Runner(20, factory=judge_slowly)
        runner.set_probes([dear, *healthy])
        for key in (dear, *healthy):
            runner.check_now(key)
        seen: list = []
        until = time.monotonic() + 20
        while {key for key, _ in seen} != {dear, *healthy} and time.monotonic() < until:
            seen += runner.step(0.1)
        runner.close()
    assert blocked.is_set()
    assert all(observation.ok for _, observation in seen), [observation.detail for _, observation in seen]
    assert {key for key, _ in seen} == {dear, *healthy}
    assert runner.counters.stalls


class Slow:
    """A probe whose judgement is another's."""

    def __init__(self, probe, on_event) -> None:
        self._probe = probe
        self.on_event = on_event

    def __getattr__(self, name: str):
        return getattr(self._probe, name)


def _serve(stack: contextlib.ExitStack, handler: Handler) -> int:
    return stack.enter_context(member(handler))
