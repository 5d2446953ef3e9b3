"""Real FRR in namespaces of their own; nothing of it outlives the test, failed or not."""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from clusterlb.drivers.link import KernelLinks
from clusterlb.model.address import AddressFamily

_ETC = Path("/etc/frr")
_RUN = Path("/var/run/frr")
_LIB = Path("/usr/lib/frr")
_STATE = Path("/var/lib/frr")  # of FRR 9 and later: an ospfd that finds its own there restarts gracefully
_CLONE_NEWNET = 0x40000000


frr_missing = pytest.mark.skipif(
    bool(os.geteuid()) or not (_LIB / "ospfd").exists(), reason="needs root and FRR"
)


def pytest_collection_modifyitems(items):
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.frr)
            item.add_marker(frr_missing)


def sh(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=30).stdout


def eventually(condition: Callable[[], object], seconds: float = 30.0, step: float = 0.02) -> object:
    """Return the condition's first true value, or fail when it has not become true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(step)
    raise AssertionError(f"not true within {seconds} s")


def enter(name: str) -> None:
    """Move the calling thread, and only it, into a namespace."""
    handle = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
    finally:
        os.close(handle)


class InNamespace:
    """A driver whose every call runs in one worker thread inside a namespace, as the controller's do."""

    def __init__(self, name: str, make: Callable[[], object]) -> None:
        self._worker = ThreadPoolExecutor(1, initializer=enter, initargs=(name,))
        self._driver = self._worker.submit(make).result(30)

    @property
    def external(self) -> Set[AddressFamily] | None:
        return self._driver.external

    @external.setter
    def external(self, families: Set[AddressFamily] | None) -> None:
        self._driver.external = families

    def __getattr__(self, method: str) -> Callable[..., object]:
        return lambda *arguments: self._worker.submit(getattr(self._driver, method), *arguments).result(60)

    def shut_down(self) -> None:
        self.close()
        self.end()

    def end(self) -> None:
        """End the thread; for a driver that holds nothing."""
        self._worker.shutdown()


@dataclass
class Router:
    """One namespace with its FRR, under the same name."""

    name: str
    daemons: dict[str, int] = field(default_factory=dict)

    def ip(self, *arguments: str) -> str:
        return sh("ip", "-n", self.name, *arguments)

    def vtysh(self, *commands: str) -> str:
        return sh("vtysh", "-N", self.name, *(word for command in commands for word in ("-c", command)))

    def load(self, text: str) -> None:
        file = _ETC / self.name / "load.conf"
        file.write_text(text)
        sh("vtysh", "-N", self.name, "-f", str(file))

    def parses(self, text: str) -> bool:
        """Say whether this FRR knows every line of a configuration."""
        file = _ETC / self.name / "parse.conf"
        file.write_text(text)
        argv = ["vtysh", "-C", "-f", str(file)]
        return subprocess.run(argv, check=False, capture_output=True, timeout=30).returncode == 0

    def start(self, *daemons: str) -> None:
        """Start zebra first, then the others; each returns when it listens.

        FRR 9 and later never run without mgmtd (watchfrr starts it with zebra); nor does a router here.
        """
        for folder in (_ETC / self.name, _RUN / self.name):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.chown(folder, "frr", "frr")
        for name, text in (("vtysh.conf", "service integrated-vtysh-config\n"), ("frr.conf", "")):
            file = _ETC / self.name / name
            if not file.exists():
                file.write_text(text)
                file.chmod(0o640)
                shutil.chown(file, "frr", "frr")
        runs = "mgmtd" in self.daemons and Path(f"/proc/{self.daemons['mgmtd']}").exists()
        first = ("mgmtd",) if (_LIB / "mgmtd").exists() and not runs else ()
        for daemon in (*first, *daemons):
            options = ["-d", "-N", self.name, "-A", "127.0.0.1", "--log", "stdout"]
            subprocess.run(
                ["ip", "netns", "exec", self.name, str(_LIB / daemon), *options],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=30,
            )
            pid = _RUN / self.name / f"{daemon}.pid"
            self.daemons[daemon] = int(eventually(lambda pid=pid: pid.exists() and pid.read_text()))

    def signal(self, daemon: str, number: signal.Signals) -> None:
        os.kill(self.daemons[daemon], number)

    def stop(self) -> None:
        for pid in self.daemons.values():
            for number in (signal.SIGCONT, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        for folder in (_ETC / self.name, _RUN / self.name, _STATE / self.name):
            shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True, timeout=30)


@pytest.fixture
def routers(request):
    """Make namespaces: ``routers("d1")`` has lo up and no daemon yet; all are torn down at the end."""
    made: list[Router] = []

    def make(suffix: str) -> Router:
        router = Router(f"clbt{os.getpid() % 100000}{suffix}")
        made.append(router)
        sh("ip", "netns", "add", router.name)
        router.ip("link", "set", "lo", "up")
        return router

    yield make
    for router in made:
        router.stop()


@pytest.fixture
def wire():
    """Join two namespaces with a veth pair, its ends up and addressed."""

    def join(
        left: Router, left_end: str, left_address: str, right: Router, right_end: str, right_address: str
    ):
        left.ip("link", "add", left_end, "type", "veth", "peer", "name", right_end, "netns", right.name)
        for router, end, address in ((left, left_end, left_address), (right, right_end, right_address)):
            router.ip("addr", "add", address, "dev", end)
            router.ip("link", "set", end, "up")

    return join


@pytest.fixture
def links_in():
    """Return KernelLinks in a router's namespace: ``links_in(router, "e0")``."""
    made: list[InNamespace] = []

    def make(router: Router, *uplinks: str, external: Set[AddressFamily] | None = None) -> InNamespace:
        made.append(InNamespace(router.name, lambda: KernelLinks(uplinks, external)))
        return made[-1]

    yield make
    for links in made:
        links.shut_down()
