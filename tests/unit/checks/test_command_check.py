import contextlib
import errno
import os
import resource
import select
import signal
import socket
import time
from pathlib import Path

import pytest
from probing import advance, make_key, observe, open_descriptors, probe_once

from clusterlb.checks.command import KEPT, SHOWN, CommandProbe, last_line
from clusterlb.checks.probe import Result, UnsentError, Wait, make_probe
from clusterlb.model.check import CheckType, CommandOptions
from clusterlb.model.health import ProbeKey


def key_of(*argv: str, weight: bool = False, timeout: float = 20.0) -> ProbeKey:
    return make_key(CheckType.COMMAND, CommandOptions(argv, weight), "192.0.2.1", 80, timeout)


def shell(script: str, weight: bool = False) -> Result:
    return probe_once(key_of("/bin/sh", "-c", script, weight=weight))


def alive(pid: int) -> bool:
    """Tell whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def wait_until_gone(pid: int) -> bool:
    """Wait for what was killed to be dead, and reaped as a later run of any command does it."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for probe in list(CommandProbe._undead):
            probe._reap()
        if not alive(pid) and not CommandProbe._undead:
            return True
        time.sleep(0.01)
    return False


def number_in(path: Path) -> int:
    """Return the pid that a command writes into a file, once it is there."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with contextlib.suppress(FileNotFoundError, ValueError):
            if (text := path.read_text()).endswith("\n"):
                return int(text)
        time.sleep(0.01)
    raise AssertionError(f"{path} was not written")


@pytest.mark.parametrize(
    ("code", "weight", "result"),
    [
        (0, False, Result(True, "exit code 0")),
        (1, False, Result(False, "exit code 1")),
        (2, False, Result(False, "exit code 2")),
        (0, True, Result(True, "exit code 0")),
        (1, True, Result(False, "exit code 1")),
        (2, True, Result(True, "exit code 2", 0)),
        (52, True, Result(True, "exit code 52", 50)),
        (102, True, Result(True, "exit code 102", 100)),
        (103, True, Result(False, "exit code 103")),
        (255, True, Result(False, "exit code 255")),
    ],
)
def test_the_exit_code_decides(code, weight, result):
    assert shell(f"exit {code}", weight) == result


def test_a_program_killed_by_a_signal_fails():
    assert shell("kill -SEGV $$") == Result(False, "killed by signal 11")


def test_the_last_line_of_both_outputs_is_the_detail():
    assert shell("echo one; echo two >&2; echo; exit 1") == Result(False, "exit code 1: two")


def test_no_shell_stands_between_and_only_address_and_port_are_put_in():
    argv = ("/bin/echo", "{address}", "{port}", "{address.port}", "$HOME;", "{0}", "%s")
    assert probe_once(key_of(*argv)).detail == "exit code 0: 192.0.2.1 80 {address.port} $HOME; {0} %s"


def test_the_environment_is_small(monkeypatch):
    monkeypatch.setenv("SECRET", "x")
    lines = "echo $(env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= -e ^PATH= | sort)"
    assert shell(lines).detail == "exit code 0: CLUSTERLB_ADDRESS=192.0.2.1 CLUSTERLB_PORT=80 LANG=C"


def test_it_has_an_empty_input_its_own_session_and_the_usual_signals():
    assert shell("cat; ps -o sid= -p $$ | grep -qw $$").ok
    ignored = probe_once(key_of("/bin/grep", "SigIgn", "/proc/self/status")).detail
    pythons_own = (
        1 << signal.SIGPIPE - 1 | 1 << signal.SIGXFSZ - 1
    )  # others may ignore more, as nohup(1) does
    assert int(ignored.split()[-1], 16) & pythons_own == 0


@pytest.mark.parametrize("opened", [200, 1100])
def test_it_gets_no_descriptor_of_the_engine_and_not_its_limit_of_them(opened):
    inherited = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        limits = (max(2000, inherited[0]), inherited[1])
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        with contextlib.ExitStack() as stack:
            for _ in range(opened):
                stack.enter_context(socket.socket())
            highest = os.dup(0)
            os.close(highest)
            listed = probe_once(key_of("/bin/sh", "-c", "echo $(ls /proc/self/fd) $(ulimit -Sn)")).detail
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == limits
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, inherited)
    *descriptors, limit = listed.removeprefix("exit code 0: ").split()
    assert descriptors == ["0", "1", "2", "3"]  # 3 is the directory that ls reads
    assert int(limit) <= max(1024, highest + 8)


@pytest.mark.parametrize(
    ("make", "number"),
    [
        (lambda path: None, errno.ENOENT),
        (lambda path: path.touch(0o644), errno.EACCES),
        (lambda path: path.mkdir(), errno.EACCES),
        (lambda path: (path.write_text("not a program"), path.chmod(0o755)), errno.ENOEXEC),
    ],
)
def test_a_program_that_cannot_be_started_says_nothing_about_the_member(tmp_path, make, number):
    before = open_descriptors()
    make(tmp_path / "check")
    with pytest.raises(UnsentError) as caught:
        probe_once(key_of(str(tmp_path / "check")))
    assert caught.value.name == f"{errno.errorcode[number]} {tmp_path}/check"
    assert not caught.value.scarce
    assert open_descriptors() == before


@pytest.mark.parametrize("place", ["pipe", "epoll", "pidfd_open"])
def test_a_shortage_at_any_step_leaves_neither_descriptor_nor_process(tmp_path, monkeypatch, place):
    def fail(*_: object) -> None:
        raise OSError(errno.EMFILE, "no")

    before = open_descriptors()
    spawned = []
    spawn = os.posix_spawn
    monkeypatch.setattr(os, "posix_spawn", lambda *a, **k: spawned.append(spawn(*a, **k)) or spawned[0])
    monkeypatch.setattr("select.epoll" if place == "epoll" else f"os.{place}", fail)
    with pytest.raises(UnsentError) as caught:
        probe_once(key_of("/bin/sleep", "600"))
    assert caught.value.scarce
    assert open_descriptors() == before
    assert len(spawned) == (place == "pidfd_open")
    assert all(wait_until_gone(pid) for pid in spawned)


def test_a_program_that_hangs_is_killed_with_all_its_children(tmp_path):
    before = open_descriptors()
    script = (
        f"sleep 600 & echo $! > {tmp_path}/child; echo $$ > {tmp_path}/parent; trap '' TERM; echo busy; wait"
    )
    probe = make_probe(key_of("/bin/sh", "-c", script, timeout=3))
    progress = probe.start()
    parent, child = number_in(tmp_path / "parent"), number_in(tmp_path / "child")
    assert alive(parent)
    assert alive(child)
    assert advance(probe, progress, 1) is None
    assert probe.on_deadline() == Result(False, "killed: not done after 3 s: busy")
    probe.close()
    assert wait_until_gone(parent)
    assert wait_until_gone(child)
    assert open_descriptors() == before


def test_what_a_program_leaves_running_in_its_session_is_killed_when_it_ends(tmp_path):
    assert shell(f"sleep 600 & echo $! > {tmp_path}/child; exit 0").ok
    assert wait_until_gone(number_in(tmp_path / "child"))


def test_a_daemon_that_holds_the_output_does_not_hold_up_the_end(tmp_path):
    daemon = f"setsid sh -c 'echo $$ > {tmp_path}/daemon; exec sleep 600' &"
    try:
        assert shell(f"{daemon} while [ ! -s {tmp_path}/daemon ]; do :; done; echo started") == Result(
            True, "exit code 0: started"
        )
    finally:
        os.kill(number_in(tmp_path / "daemon"), signal.SIGKILL)


def test_a_program_that_closes_its_output_is_waited_for_without_spinning():
    probe = make_probe(key_of("/bin/sh", "-c", "exec >&- 2>&-; read nothing; exec sleep 600"))
    progress = probe.start()
    assert isinstance(progress, Wait)
    assert advance(probe, progress, 1) is None
    assert probe.on_deadline().detail == "killed: not done after 20 s"
    assert probe._epoll.poll(0) == []
    pid = probe._pid
    probe.close()
    assert wait_until_gone(pid)


def test_a_program_that_prints_without_end_is_read_and_only_its_end_is_kept():
    assert shell("head -c 50000000 /dev/zero | tr '\\0' x; echo; echo done; exit 1") == Result(
        False, "exit code 1: done"
    )
    probe = make_probe(key_of("/usr/bin/yes"))
    progress = probe.start()
    for _ in range(100):
        assert isinstance(progress, Wait)
        assert select.select([progress.fd], [], [], 20)[0]
        progress = probe.on_event(1, 0.1)
    assert len(probe._tail) == KEPT
    pid = probe._pid
    assert probe.on_deadline().detail == "killed: not done after 20 s: y"
    probe.close()
    assert wait_until_gone(pid)


def test_the_next_run_waits_for_a_process_that_does_not_die(monkeypatch):
    before = open_descriptors()
    probe = make_probe(key_of("/bin/sleep", "600"))
    probe.start()
    pid = probe._pid
    with monkeypatch.context() as patch:
        patch.setattr(os, "killpg", lambda *_: None)  # as in uninterruptible sleep
        probe.on_deadline()
        probe.close()
        for _ in range(2):
            assert advance(probe, probe.start(), 0.1) is None
            assert probe.on_deadline() == Result(
                False, f"process {pid} of the last run was killed and has not ended"
            )
            probe.close()
        assert open_descriptors() == before
        progress = probe.start()
    os.kill(pid, signal.SIGKILL)
    assert advance(probe, progress, 1) is None
    assert probe._pid not in {0, pid}
    assert not Path(f"/proc/{pid}").exists()
    # Its own process runs now: the runs of other commands have nothing to reap.
    assert CommandProbe._undead == set()
    pid = probe._pid
    probe.close()
    assert wait_until_gone(pid)
    assert open_descriptors() == before


def test_another_command_reaps_what_died_late():
    probe = make_probe(key_of("/bin/sleep", "600"))
    probe.start()
    pid = probe._pid
    probe.close()
    until = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists() and time.monotonic() < until:
        assert shell("exit 0").ok
    assert not Path(f"/proc/{pid}").exists()
    assert CommandProbe._undead == set()


@pytest.mark.parametrize(
    ("output", "line"),
    [
        (b"", ""),
        (b"\n \n", ""),
        (b"a\nb\n\n", "b"),
        (b"a\tb\r\n", "a b"),
        (b"\x1b[31mred\x00\xff\n", "?[31mred??"),
        (b"x" * 5000, "x" * SHOWN + "..."),
    ],
)
def test_the_last_line_is_short_and_printable(output, line):
    assert last_line(output) == line


def test_the_real_runner_runs_many_leaves_nothing_and_ends_what_hangs(monkeypatch):
    spawned = []
    spawn = os.posix_spawn
    monkeypatch.setattr(os, "posix_spawn", lambda *a, **k: spawned.append(spawn(*a, **k)) or spawned[-1])
    before = open_descriptors()
    good = [key_of("/bin/sh", "-c", f"exit {n}", weight=True) for n in (0, 2, 52)]
    hanging = key_of("/bin/sleep", "600", timeout=0.3)
    seen = observe([*good, hanging], 30)
    assert {(key, o.ok, o.share, o.detail) for key, o in seen} == {
        (good[0], True, None, "exit code 0"),
        (good[1], True, 0, "exit code 2"),
        (good[2], True, 50, "exit code 52"),
        (hanging, False, None, "killed: not done after 0.3 s"),
    }
    assert open_descriptors() == before
    assert len(spawned) >= len(seen)
    assert all(wait_until_gone(pid) for pid in spawned)
    assert not any(Path(f"/proc/{pid}").exists() for pid in spawned)
