"""The FRR contract on a real FRR, and what only a real one can do: get stuck, be absent, fill a disk."""

import asyncio
import ctypes
import errno
import signal
import socket
import stat
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from clusterlb.drivers.frr import persist
from clusterlb.drivers.frr.daemon import FrrDaemon
from clusterlb.drivers.frr.merge import displaced, merge, needed
from clusterlb.drivers.frr.neighbors import parse_neighbors
from clusterlb.drivers.frr.text import parse
from clusterlb.drivers.interface import DriverError, FrrLockedError
from clusterlb.model.address import AddressFamily
from clusterlb.model.state import FrrLine
from tests.contract.frr_suite import COST, FOREIGN, WANTED, FrrSuite
from tests.frr.conftest import eventually

pytestmark = pytest.mark.smoke
ETC = Path("/etc/frr")
CLONE_NEWUTS = 0x04000000


@pytest.fixture
def router(routers):
    made = routers("a")
    made.start("zebra", "ospfd", "bfdd")
    made.load(FOREIGN)
    return made


@pytest.fixture
def frr(router):
    return FrrDaemon(pathspace=router.name)


@pytest.fixture
def foreign_neighbours(routers, router, wire):
    """A core router of the operator's behind e2, and who is Full there once silence would be noticed."""
    core = routers("core")
    wire(router, "e2", "192.0.2.1/24", core, "e2", "192.0.2.254/24")
    core.start("zebra", "ospfd")
    for each, number in ((router, 1), (core, 254)):
        each.load(speaking("e2") + f"router ospf\n ospf router-id 192.0.2.{number}\nexit\n")
    eventually(lambda: "Full" in core.vtysh("show ip ospf neighbor"))

    async def names():
        await asyncio.sleep(1.5)  # the dead interval is 1 s
        found = parse_neighbors(core.vtysh("show ip ospf neighbor json"))
        return [each.interface for each in found if each.full]

    return names


def speaking(name):
    """Return an interface of the operator's on which OSPF notices within 1 s that nobody speaks."""
    return f"""\
interface {name}
 ip ospf network point-to-point
 ip ospf dead-interval minimal hello-multiplier 5
 ip ospf area 0.0.0.0
exit
"""


@pytest.fixture
def rejected():
    return FrrLine(("router ospf",), "bogus words")


def running(router) -> str:
    return router.vtysh("show running-config")


class TestFrrDaemon(FrrSuite):
    async def test_virtual_routers_come_change_and_go(self, frr, router):
        router.start("vrrpd")  # here alone: of interfaces without lines it goes on to show the names
        await super().test_virtual_routers_come_change_and_go(frr)

    async def test_down_restores_the_text_itself(self, frr, router):
        before_text, before = running(router), await frr.read()
        ours = needed(before, WANTED)
        await frr.configure(ours, ())
        await frr.configure(displaced(before, await frr.read()), ours)
        assert running(router) == before_text

    async def test_down_on_an_empty_frr_leaves_it_empty(self, routers):
        bare = routers("b")
        bare.start("zebra", "ospfd", "bfdd")
        frr, before_text = FrrDaemon(pathspace=bare.name), running(bare)
        ours = needed(await frr.read(), WANTED)
        assert ours == WANTED
        await frr.configure(ours, ())
        assert needed(await frr.read(), WANTED) == ()
        await frr.configure((), ours)
        assert running(bare) == before_text

    async def test_down_while_the_lanes_are_there(self, frr, router):
        """FRR 10 refuses to forget an interface that exists, and with it all else that it is told at once."""
        for name in ("e0", "clb-active", "clb-drained", "clb-standby"):
            router.ip("link", "add", name, "type", "bridge")
        before = await frr.read()
        ours = needed(before, WANTED)
        await frr.configure(ours, ())
        between = await frr.read()
        assert set(await frr.configure(displaced(before, between), ours)) == set(before)

    async def test_applies_nothing_when_nothing_changes(self, frr, monkeypatch):
        await frr.configure(WANTED, ())
        monkeypatch.setattr(frr, "_apply", None)
        await frr.configure(WANTED, [COST])

    async def test_a_line_that_ospfd_refuses_is_reported_in_its_words(self, frr):
        await frr.configure(WANTED, ())
        line = FrrLine(("router ospf",), "network 10.0.0.0/8 area 0.0.0.0")
        with pytest.raises(DriverError, match="remove all ip ospf area") as raised:
            await frr.configure([line], ())
        assert line.text in str(raised.value)
        assert needed(await frr.read(), WANTED) == ()

    async def test_keys_are_not_in_errors(self, frr):
        key = FrrLine(("interface e0",), "ip ospf message-digest-key 300 md5 t0psecret")
        with pytest.raises(DriverError) as raised:
            await frr.configure([key], ())
        assert "t0psecret" not in str(raised.value)
        assert "message-digest-key 300" in str(raised.value)

    async def test_concurrent_changes_all_take_effect(self, frr):
        lines = [FrrLine((f"interface e{n}",), f"ip ospf cost {n}") for n in range(2, 5)]
        await asyncio.gather(*(frr.configure([line], ()) for line in lines))
        assert set(lines) <= set(await frr.read())

    async def test_a_stuck_daemon_is_named_and_stalls_nobody(self, router):
        frr = FrrDaemon(pathspace=router.name, timeout=1.0)
        router.signal("ospfd", signal.SIGSTOP)
        ticks = []

        async def tick():
            while True:
                ticks.append(time.monotonic())
                await asyncio.sleep(0.02)

        ticking = asyncio.create_task(tick())
        for call in (frr.read(), frr.neighbors(AddressFamily.IPV4), frr.configure(WANTED, ())):
            with pytest.raises(DriverError, match=r"ospfd did not answer within 1 s"):
                await call
        ticking.cancel()
        assert len(ticks) > 20
        router.signal("ospfd", signal.SIGCONT)
        assert needed(await frr.read(), WANTED) != ()

    async def test_no_frr_at_all(self):
        with pytest.raises(DriverError, match=r"ospfd not running.*ospfd=yes into .*daemons"):
            await FrrDaemon(pathspace="clbt-nosuch").read()

    async def test_ospfd_missing(self, routers):
        bare = routers("b")
        bare.start("zebra")
        frr = FrrDaemon(pathspace=bare.name)
        for call in (frr.read(), frr.configure(WANTED, ()), frr.neighbors(AddressFamily.IPV4)):
            with pytest.raises(DriverError, match=r"ospfd not running.*ospfd=yes into .*/daemons"):
                await call

    async def test_ospf6d_missing(self, routers):
        bare = routers("b")
        bare.start("zebra", "ospfd")
        frr = FrrDaemon(pathspace=bare.name)
        with pytest.raises(DriverError, match=r"ospf6d not running.*ospf6d=yes into .*/daemons"):
            await frr.neighbors(AddressFamily.IPV6)
        assert await frr.neighbors(AddressFamily.IPV4) == ()

    async def test_bfdd_missing(self, routers):
        bare = routers("b")
        bare.start("zebra", "ospfd")
        with pytest.raises(DriverError, match="bfdd=yes"):
            await FrrDaemon(pathspace=bare.name).configure(WANTED, ())


@contextmanager
def lock_on(router):
    """A session that has FRR's datastores locked, as FRR has while it reads its own file at boot."""
    argv = ["vtysh", "-N", router.name, "-d", "mgmtd"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as session:
        try:
            eventually(lambda: has_lock(session, router), step=0.3)
            yield session.stdin.close
        finally:
            session.kill()


def has_lock(session, router):
    """Say whether the session has got the lock; have it try again if not, for the question takes it, too."""
    said = sh_says("vtysh", "-N", router.name, "-d", "mgmtd", *LOCK)
    if "locked" not in said:
        session.stdin.write("configure terminal file-lock\n")
        session.stdin.flush()
    return "locked" in said


LOCK = ("-c", "configure terminal file-lock", "-c", "end")


def sh_says(*argv: str) -> str:
    return subprocess.run(argv, check=False, capture_output=True, text=True, timeout=30).stdout


@pytest.mark.skipif(not Path("/usr/lib/frr/mgmtd").exists(), reason="this FRR has no lock")
class TestLock:
    async def test_a_lock_is_told_in_time_and_nothing_is_applied(self, frr, router):
        before = await frr.read()
        with (
            lock_on(router),
            pytest.raises(FrrLockedError, match="candidate datastore locked by another session"),
        ):
            await frr.configure(WANTED, ())
        assert await frr.read() == before

    async def test_a_lock_that_is_released_in_time_is_no_error(self, frr, router):
        with lock_on(router) as release:
            change = asyncio.create_task(frr.configure(WANTED, ()))
            await asyncio.sleep(0.3)
            assert not change.done()
            release()
            assert needed(await change, WANTED) == ()


@pytest.fixture
def nameless():
    """A host without a name, in a UTS namespace of its own: FRR prints what its parser refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path("/proc/thread-self/ns/uts").open() as home:
        assert libc.unshare(CLONE_NEWUTS) == 0
        try:
            socket.sethostname("(none)")
            yield
        finally:
            assert libc.setns(home.fileno(), CLONE_NEWUTS) == 0


class TestForeignLines:
    async def test_one_that_frrs_own_parser_refuses_does_not_keep_ours_out(self, nameless, frr, caplog):
        assert FrrLine((), "hostname (none)") in await frr.read()
        assert needed(await frr.configure(WANTED, ()), WANTED) == ()
        assert "hostname (none)" in caplog.text
        rest = await frr.configure((), [COST, *WANTED])
        assert FrrLine((), "hostname (none)") in rest
        assert not set(WANTED) & set(rest) - set(parse(FOREIGN))

    async def test_ours_that_is_refused_is_still_named(self, nameless, frr, rejected):
        with pytest.raises(DriverError, match="FRR rejects `bogus words` in `router ospf`"):
            await frr.configure([rejected], ())


class TestPersistence:
    @pytest.fixture
    def file(self, router):
        file = ETC / router.name / "frr.conf"
        file.write_text("! by hand\n" + FOREIGN)
        return file

    async def test_comes_back_after_a_restart(self, frr, router, file):
        await frr.configure(WANTED, ())
        assert "! by hand\n" in file.read_text()
        router.load(file.read_text())
        assert needed(parse(file.read_text()), WANTED) == ()

    async def test_down_restores_the_file_byte_by_byte(self, frr, file):
        old, before = file.read_text(), await frr.read()
        ours = needed(before, WANTED)
        await frr.configure(ours, ())
        assert file.read_text() != old
        await frr.configure(displaced(before, merge(before, ours, ())), ours)
        assert file.read_text() == old

    async def test_owner_and_mode_stay(self, frr, file):
        file.chmod(0o604)
        before = file.stat()
        await frr.configure(WANTED, ())
        after = file.stat()
        assert stat.S_IMODE(after.st_mode) == 0o604
        assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)

    async def test_a_full_disk_leaves_file_and_frr_alone(self, frr, router, file, monkeypatch):
        def full(descriptor):
            raise OSError(errno.ENOSPC, "No space left on device")

        old, before = file.read_text(), running(router)
        monkeypatch.setattr(persist.os, "fsync", full)
        with pytest.raises(DriverError, match="No space left on device"):
            await frr.configure(WANTED, ())
        assert file.read_text() == old
        assert running(router) == before
        assert not list(file.parent.glob(".frr.conf*"))

    async def test_a_rejected_change_leaves_the_file(self, frr, file, rejected):
        old = file.read_text()
        with pytest.raises(DriverError):
            await frr.configure([rejected], ())
        assert file.read_text() == old
        assert not list(file.parent.glob(".frr.conf*"))

    async def test_split_files_are_left_alone(self, frr, router, file, caplog):
        (file.parent / "vtysh.conf").write_text("no service integrated-vtysh-config\n")
        old = file.read_text()
        await frr.configure(WANTED, ())
        assert file.read_text() == old
        assert "no service integrated-vtysh-config" in caplog.text
