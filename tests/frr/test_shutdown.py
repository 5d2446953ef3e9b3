"""A host that shuts down: systemd itself, as the first process of a container, with the shipped units."""

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.frr.conftest import eventually

UNITS = Path(__file__).parents[2] / "docs" / "systemd"
SYSTEMD, PYTHON = Path("/lib/systemd/systemd"), Path("/usr/bin/python3")
OURS = ("clusterlb.service", "clusterlb-leave.service")
OTHERS = ("frr.service", "nftables.service", "networking.service")

pytestmark = pytest.mark.skipif(not (SYSTEMD.exists() and PYTHON.exists()), reason="needs systemd")

# Stands for a part of the host: tells when it comes and goes, where the sandbox lets all write.
PART = """[Unit]
Before=network-online.target
RequiresMountsFor=/var/lib/clusterlb
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh -c 'echo {name} starts >> /var/lib/clusterlb/story'
ExecStop=/bin/sh -c 'echo {name} stops >> /var/lib/clusterlb/story'
"""
TARGET = f"[Unit]\nWants={' '.join((*OURS, *OTHERS))} network-online.target\n"
# Stands for clusterlb: up is there until it is told to end, down takes its time.
PROGRAM = f"""#!{PYTHON} -I
import os, signal, socket, sys, time

def say(text):
    with open("/var/lib/clusterlb/story", "a") as story:
        story.write(" ".join(sys.argv[1:2]) + " " + text + "\\n")

if sys.argv[1] == "up":
    say("starts")
    signal.signal(signal.SIGTERM, lambda *_: (say("stops"), sys.exit(0)))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
    while True:
        time.sleep(1)
if sys.argv[1] == "down":
    say("begins")
    time.sleep(2)
    say("ends")
"""
# Systemd's own, without which it neither starts nor stops. It knows no other unit of this host: one that
# cleans /tmp or sets the kernel's settings at each boot is not to do so here.
STANDARD = (
    *("basic.target", "sysinit.target", "network.target", "network-online.target"),
    *("shutdown.target", "umount.target", "final.target", "poweroff.target", "systemd-poweroff.service"),
)
# The file system is read-only but for what is the container's own; the last line becomes the first process.
BOOT = f"""set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/system /run/lock
cp $ROOT/units/* /run/systemd/system/
cp $ROOT/program /run/program
mount -t tmpfs tmpfs /var/lib
mkdir /var/lib/clusterlb
mount --bind $ROOT/told /var/lib/clusterlb
for place in /tmp /var/tmp /var/log; do mount -t tmpfs tmpfs $place; done
mount -o bind,remount,ro /
mount -o bind,ro /proc/sys /proc/sys
exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=/run/systemd/system \\
    {SYSTEMD} --system --unit=story.target --log-target=null
"""


class Container:
    """A container whose first process is systemd."""

    def __init__(self, root):
        self.root = root
        (root / "told").mkdir()
        (root / "units").mkdir()
        for name in OURS:
            text = (UNITS / name).read_text().replace("/usr/bin/clusterlb", "/run/program")
            (root / "units" / name).write_text(text)
        for name in OTHERS:
            (root / "units" / name).write_text(PART.format(name=name.removesuffix(".service")))
        for name in STANDARD:
            shutil.copy(SYSTEMD.parent / "system" / name, root / "units")
        (root / "units" / "story.target").write_text(TARGET)
        (root / "program").write_text(PROGRAM)
        (root / "program").chmod(0o755)
        kinds = ("--pid", "--mount", "--uts", "--ipc", "--net", "--cgroup")
        with (root / "errors").open("w") as errors:
            self.process = subprocess.Popen(
                ["unshare", *kinds, "--fork", "--kill-child", "--mount-proc", "sh", "-c", BOOT],
                env={**os.environ, "ROOT": str(root)},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def story(self):
        found = self.root / "told" / "story"
        return found.read_text().splitlines() if found.exists() else []

    def systemctl(self, *arguments):
        """Ask the container's systemd."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        argv = ["nsenter", "--target", children[0], "--pid", "--mount", "systemctl", *arguments]
        return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=60)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)  # its systemd goes with it
        self.process.wait(30)


@pytest.fixture
def container(tmp_path):
    with contextlib.closing(Container(tmp_path)) as made:
        eventually(lambda: "up starts" in made.story(), 30, 0.1)
        eventually(lambda: made.systemctl("is-active", "clusterlb-leave.service").returncode == 0, 30, 0.2)
        yield made


def test_the_director_leaves_before_anything_stops_that_it_needs(container):
    started = container.story()
    assert sorted(started[:-1]) == sorted(f"{name.removesuffix('.service')} starts" for name in OTHERS)
    assert started[-1] == "up starts"
    container.systemctl("poweroff", "--no-block")
    container.process.wait(60)
    stopped = container.story()[len(started) :]
    assert stopped[:3] == ["down begins", "down ends", "up stops"]
    assert sorted(stopped[3:]) == sorted(f"{name.removesuffix('.service')} stops" for name in OTHERS)


def test_the_controllers_own_stop_and_restart_leave_nothing(container):
    for verb in ("restart", "stop", "start"):
        assert container.systemctl(verb, "clusterlb.service").returncode == 0
    assert "down begins" not in container.story()
    assert container.systemctl("stop", "clusterlb-leave.service").returncode == 0
    assert container.story()[-2:] == ["down begins", "down ends"]


def test_it_has_time_for_all_that_down_waits_for(container):
    shown = container.systemctl("show", "--property", "TimeoutStopUSec", "clusterlb-leave.service")
    assert shown.stdout.strip() == "TimeoutStopUSec=1min 30s"
