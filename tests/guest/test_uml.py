"""User-Mode Linux: root in the guest is nobody on the host."""

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from clusterlb.lab.kernel import uml as driver
from clusterlb.lab.kernel.guest import Task
from tests.guest.conftest import RUN, guest

VENV_PYTHON = sys.executable


def test_root_in_the_guest_cannot_change_the_hosts_files(uml, tmp_path):
    precious = tmp_path / "precious"
    precious.write_text("as it was")
    there = f"/run/host{precious}"
    script = f"""
        echo gone > {there}
        rm -f {there}
        mount -o remount,rw /run/host && echo gone > {there}
        mkdir /mnt/again && mount -t hostfs none /mnt/again -o {tmp_path} && echo gone > /mnt/again/precious
        mount -o remount,rw /mnt/again && touch /mnt/again/new
        chmod 0777 {there}
        mv {there} {there}-moved
        ln -s / /mnt/again/link
        mknod /mnt/again/null c 1 3
        cat {there}
    """
    done = guest("uml", "sh", "-c", script)
    assert done.stdout == b"as it was"
    assert precious.read_text() == "as it was"
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]
    assert precious.stat().st_mode & 0o777 == 0o644


def test_what_is_written_over_the_hosts_files_stays_in_the_guest(uml):
    name = f"clusterlb-test-{os.getpid()}"
    places = ["/etc", "/root", "/var/lib", "/usr/lib", "/tmp", "/run", "/var/tmp", "/dev/shm"]
    script = "".join(f"echo x > {place}/{name} && cat {place}/{name}; " for place in places)
    done = guest("uml", "sh", "-c", script + "echo over > /etc/hostname && cat /etc/hostname")
    assert done.stdout.split() == [b"x"] * len(places) + [b"over"], done.stderr
    assert not [place for place in places if Path(place, name).exists()]
    assert Path("/etc/hostname").read_text() != "over\n"


def test_what_a_command_leaves_behind_does_not_keep_the_guest(uml):
    done = guest("uml", "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo started; exit 3")
    assert (done.returncode, done.stdout) == (3, b"started\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(uml, number, mark):
    argv = [*RUN, "--kernel", "uml", "--", "sh", "-c", "echo up; sleep 1000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=mark.environment) as process:
        assert process.stdout.readline() == b"up\n"
        process.send_signal(number)
        assert process.wait(timeout=30) == 128 + number
    assert mark.left() == []


def test_it_ends_with_the_one_that_started_it(uml, mark):
    argv = [*RUN, "--kernel", "uml", "--", "sh", "-c", "echo up; sleep 1000"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, env=mark.environment) as process:
        assert process.stdout.readline() == b"up\n"
        process.kill()
    until = time.monotonic() + 60
    while mark.left() and time.monotonic() < until:
        time.sleep(0.02)
    assert mark.left() == []


def test_another_systems_root(uml, tmp_path):
    for folder in ("bin", "proc", "usr"):
        (tmp_path / folder).mkdir()
    shutil.copy(shutil.which("busybox"), tmp_path / "bin/busybox")
    (tmp_path / "who").write_text("another system\n")
    script = "/bin/busybox cat /who; echo x > /etc-made; /bin/busybox ls /; pwd"
    done = guest("uml", "/bin/busybox", "sh", "-c", script, options=["--root", str(tmp_path)])
    who, *files, where = done.stdout.decode().splitlines()
    assert who == "another system"
    assert {"bin", "proc", "who", "etc-made", "dev", "sys"} <= set(files)
    assert "boot" not in files
    assert where == str(Path.cwd())
    assert not (tmp_path / "etc-made").exists()


def test_what_is_no_systems_root(uml, tmp_path):
    done = guest("uml", "true", options=["--root", str(tmp_path)])
    assert done.returncode == 1
    assert b"is no system's root directory" in done.stderr


def test_a_kernel_that_does_not_start_shows_its_last_words(tmp_path):
    broken = tmp_path / "linux"
    broken.write_text("#!/bin/sh\necho Kernel panic: no luck >&2\nexit 1\n")
    broken.chmod(0o755)
    with pytest.raises(driver.NotStartedError, match=r"(?s)did not start.*no luck"):
        driver.run(broken, Task(["true"]))


def test_a_kernel_that_ends_before_its_command_says_so(uml):
    power_off = "import ctypes, time; ctypes.CDLL(None).reboot(0x4321FEDC); time.sleep(60)"
    done = guest("uml", VENV_PYTHON, "-c", power_off)
    assert done.returncode == 1
    assert b"ended before its command did" in done.stderr


def test_a_shell_has_a_terminal_of_our_size(uml):
    body = (
        "import sys; from clusterlb.lab.kernel import cache, uml\n"
        "from clusterlb.lab.kernel.guest import Task\n"
        "sys.exit(uml.run(cache.newest().binary, Task(['sh', '-i'], interactive=True)))"
    )
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(COLUMNS="101", LINES="37")
        os.execv(VENV_PYTHON, [VENV_PYTHON, "-c", body])
    read_until(terminal, b"# ")
    os.write(terminal, b"tty; stty size\n")
    said = read_until(terminal, b"37 101\r\n")
    assert b"/dev/ttyS0" in said
    # the job itself says that it is in the foreground: a Ctrl-C before that is the shell's
    os.write(terminal, b"sh -c 'echo rea''dy; exec sleep 1000'\n")
    read_until(terminal, b"ready\r\n")
    os.write(terminal, b"\x03")  # Ctrl-C is the guest's
    read_until(terminal, b"# ")
    os.write(terminal, b"exit 5\n")
    read_until(terminal, None)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 5


def read_until(terminal, words):
    """Read what comes until these words are there, or with None until the terminal is closed."""
    said = b""
    while words is None or words not in said:
        assert select.select([terminal], [], [], 60)[0], said
        try:
            data = os.read(terminal, 4096)
        except OSError:  # the other end is closed
            data = b""
        if not data:
            assert words is None, said
            break
        said += data
    return said
