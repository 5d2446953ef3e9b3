"""Any guest: its outputs and exit status are the command's, and nothing of it stays."""

import subprocess
import sys
import textwrap

from tests.guest.conftest import RUN, guest

NOISE = """
import sys
sys.stdout.buffer.write(bytes(range(256)) * 4096)
sys.stderr.buffer.write(b'two\\r\\n\\x00')
sys.exit(7)
"""


def test_outputs_and_exit_status_are_the_commands(kernel):
    done = guest(kernel, sys.executable, "-c", NOISE)
    assert done.returncode == 7, done.stderr
    assert done.stdout == bytes(range(256)) * 4096
    first, rest = done.stderr.split(b"\n", 1)
    assert first.startswith(b"lab: --kernel asks for it: ")
    assert rest == b"two\r\n\x00"


def test_the_guest_has_ipvs_a_name_the_working_directory_and_the_hosts_files(kernel, tmp_path):
    (tmp_path / "given").write_text("here\n")
    script = """
        test -e /proc/net/ip_vs || modprobe ip_vs
        head -c 25 /proc/net/ip_vs; echo
        hostname
        pwd
        cat given
        echo more > made && cat made
        ip -br link show lo | grep -c UP
    """
    done = guest(kernel, "sh", "-ec", textwrap.dedent(script), cwd=tmp_path)
    ipvs, name, where, *rest = done.stdout.decode().splitlines()
    assert ipvs == "IP Virtual Server version"
    assert name not in {"", "(none)"}
    assert where == str(tmp_path)
    assert rest == ["here", "more", "1"]
    assert not (tmp_path / "made").exists()


def test_a_command_that_is_not_there(kernel):
    done = guest(kernel, "no-such-command")
    assert done.returncode == 127
    assert b"no-such-command" in done.stderr


def test_the_limit_ends_it(kernel, mark):
    done = guest(kernel, "sleep", "300", options=["--limit", "1"], env=mark.environment)
    assert done.returncode == 124
    assert b"the guest was ended after 1 s" in done.stderr
    assert mark.left() == []


def test_two_run_side_by_side(uml):
    script = "hostname; cat /proc/sys/kernel/random/boot_id; sleep 0.5; echo end"
    argv = [*RUN, "--kernel", "uml", "--", "sh", "-c", script]
    both = [subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=60)[0].split() for process in both]
    assert [output[-1] for output in outputs] == ["end", "end"]
    assert outputs[0][1] != outputs[1][1]
