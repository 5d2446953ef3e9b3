"""scripts/debian-tree: what it refuses, and that a tree which was not finished is none and leaves nothing."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "debian-tree"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="a tree is made by root")


@dataclass(frozen=True)
class World:
    """Where the script runs: its programs, its environment, and where its trees are."""

    programs: Path
    env: dict[str, str]
    trees: Path

    def __call__(self, name: str, text: str) -> None:
        """Have a program of this name do what the text says."""
        (self.programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (self.programs / name).chmod(0o755)


@pytest.fixture
def world(tmp_path):
    """A cache of our own, and a place for programs that come before the system's."""
    programs = tmp_path / "bin"
    programs.mkdir()
    env = {
        **os.environ,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": f"{programs}:{os.environ['PATH']}",
    }
    return World(programs, env, tmp_path / "cache" / "clusterlb" / "trees")


def run(world, *arguments):
    return subprocess.run(
        [SCRIPT, *arguments], env=world.env, check=False, capture_output=True, text=True, timeout=60
    )


def left(world) -> list[str]:
    return sorted(path.name for path in world.trees.glob("*") if path.suffix != ".lock")


def lives(pid: str) -> bool:
    status = Path(f"/proc/{pid}/status")
    return status.exists() and "State:\tZ" not in status.read_text()


def test_the_place_of_a_tree(world):
    done = run(world, "path", "trixie")
    assert (done.returncode, done.stdout) == (0, f"{world.trees}/trixie\n")
    assert not world.trees.exists()


@pytest.mark.parametrize("arguments", [(), ("make",), ("run", "trixie"), ("take", "trixie")])
def test_usage(world, arguments):
    done = run(world, *arguments)
    assert done.returncode == 2
    assert "debian-tree run SUITE COMMAND" in done.stderr


def test_a_suite_is_a_name(world):
    done = run(world, "make", "../../etc")
    assert done.returncode == 1
    assert "not '../../etc'" in done.stderr


def test_without_root(world):
    world("id", "echo 1000")
    done = run(world, "run", "trixie", "true")
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == "debian-tree: making a tree and running in it need root (debootstrap, mounts, chroot)\n"
    )


def test_without_debootstrap(world):
    world("id", "echo 0")
    for tool in ("sh", "readlink", "dirname"):
        Path(world.env["PATH"].partition(":")[0], tool).symlink_to(f"/bin/{tool}")
    world.env["PATH"] = world.env["PATH"].partition(":")[0]
    done = run(world, "make", "trixie")
    assert done.returncode == 1
    assert "there is no debootstrap on the PATH: apt-get install debootstrap" in done.stderr


@needs_root
def test_a_base_system_that_fails_leaves_nothing(world):
    world("debootstrap", 'mkdir "$4/half" && echo "E: no network" && exit 1')
    (world.trees / ".trixie.new.abc").mkdir(parents=True)  # of a run that was killed
    done = run(world, "make", "trixie")
    assert done.returncode == 1
    assert "E: no network" in done.stderr
    assert "no tree of trixie was made; nothing of it is kept" in done.stderr
    assert left(world) == []


@needs_root
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_signal_leaves_nothing_and_ends_what_was_started(world, number, tmp_path):
    """But for SIGKILL, which nobody hears: there the next run clears up."""
    started = tmp_path / "started"
    world("debootstrap", f'mkdir "$4/half" && echo $$ && touch {started} && exec sleep 1000')
    making = subprocess.Popen([SCRIPT, "make", "trixie"], env=world.env, start_new_session=True)
    try:
        deadline = time.monotonic() + 30
        while not started.exists():
            assert time.monotonic() < deadline
            time.sleep(0.02)
        children = Path(f"/proc/{making.pid}/task/{making.pid}/children").read_text().split()
        os.kill(making.pid, number)
        assert making.wait(30) == (-number if number == signal.SIGKILL else {2: 130}.get(number, 143))
        while any(map(lives, children)):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        making.kill()
        making.wait()
    assert "trixie" not in left(world)
    if number != signal.SIGKILL:
        assert left(world) == []
    world("debootstrap", "exit 1")
    assert run(world, "make", "trixie").returncode == 1
    assert left(world) == []
