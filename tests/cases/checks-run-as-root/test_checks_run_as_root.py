"""Every kind of probe without root's powers, from root's own process."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import subprocess
import sys
import threading
from ipaddress import ip_address
from pathlib import Path

import pytest
from certificates import Authority
from fake_director import eventually
from stream_members import server_context

from clusterlb import fresh
from clusterlb.checks.client import EngineClient
from clusterlb.checks.handed import Reader
from clusterlb.checks.once import once_as
from clusterlb.checks.privileges import drop
from clusterlb.model.address import Endpoint
from clusterlb.model.check import (
    CheckType,
    CommandOptions,
    FileOptions,
    ProbeSpec,
    TcpOptions,
    TlsOptions,
)
from clusterlb.model.health import ProbeKey, Through

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="without root there is nothing to give up")
NOBODY = pwd.getpwnam("nobody")
RAW = f"{1 << 13:016x}"
HERE = ip_address("127.0.0.1")


def key(kind: CheckType, options, port: int = 9, through: Through | None = None) -> ProbeKey:
    return ProbeKey(Endpoint(HERE, port), ProbeSpec(kind, 0.2, 5.0, options), through)


def powers(pid: int | str) -> dict[str, str]:
    rows = (row.split(":", 1) for row in Path(f"/proc/{pid}/status").read_text().splitlines())
    found = {name: " ".join(value.split()) for name, value in rows}
    return {
        n: found[n] for n in ("Uid", "Gid", "Groups", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs")
    }


def given_up(found: dict[str, str], ambient: str = RAW) -> None:
    assert found["Uid"] == " ".join([str(NOBODY.pw_uid)] * 4)
    assert found["Gid"] == " ".join([str(NOBODY.pw_gid)] * 4)
    assert found["Groups"] == str(NOBODY.pw_gid)
    assert found["NoNewPrivs"] == "1"
    assert {found[name] for name in ("CapPrm", "CapEff", "CapBnd")} == {RAW}
    assert found["CapAmb"] == ambient


async def test_the_engine_is_nobody_and_probes(tmp_path: Path):
    with socket.create_server(("127.0.0.1", 0)) as server:
        seen = asyncio.get_running_loop().create_future()

        def observed(_, observation):
            if not seen.done():
                seen.set_result(observation)

        client = EngineClient(observed, lambda *_: None)
        client.set_probes([key(CheckType.TCP, TcpOptions(), server.getsockname()[1])])
        await client.start()
        try:
            assert (await asyncio.wait_for(seen, 30)).ok
            given_up(powers(client.pid))
            assert not os.access(f"/proc/{client.pid}/mem", os.R_OK, effective_ids=True) or os.geteuid() == 0
        finally:
            await client.close()


def test_a_program_of_a_check_is_nobody_too():
    check = key(
        CheckType.COMMAND,
        CommandOptions(("/bin/sh", "-c", "echo $(grep -E '^(Uid|Cap|NoN)' /proc/self/status)")),
    )
    detail = once_as([check], "nobody").seen[check].detail
    assert f"Uid: {NOBODY.pw_uid} {NOBODY.pw_uid}" in detail
    assert f"CapEff: {RAW}" in detail
    assert f"CapBnd: {RAW}" in detail


def test_a_program_cannot_become_root_again(tmp_path: Path):
    check = key(CheckType.COMMAND, CommandOptions(("/bin/su", "-c", "true")))
    assert not once_as([check], "nobody").seen[check].ok
    check = key(CheckType.COMMAND, CommandOptions(("/bin/cat", "/etc/shadow")))
    assert "denied" in once_as([check], "nobody").seen[check].detail


PING = """
from test_checks_run_as_root import *
from clusterlb.model.check import IcmpOptions
ping = CommandOptions(("/bin/ping", "-c1", "127.0.0.1"))
kinds = [key(CheckType.ICMP, IcmpOptions()), key(CheckType.COMMAND, ping)]
found = once_as(kinds, "nobody")
print([found.seen[each].ok for each in kinds if each in found.seen], found.reasons)
"""


LATER = """
import sys
sys.path.insert(0, sys.argv[1])
import parent
from clusterlb.checks.privileges import drop
drop("nobody")
if sys.argv[2] == "held open":
    import alone, parent.child
    print("clusterlb.checks.dns" in sys.modules, alone.HERE, parent.child.HERE)
import clusterlb.checks.dns, cryptography.x509
"""


@pytest.mark.parametrize(
    ("mode", "how", "said"),
    [(0o755, "held open", "False here below\n"), (0o700, "imported before", "")],
)
def test_modules_that_only_root_can_reach_are_imported_when_they_are_needed(
    mode: int, how: str, said: str, tmp_path: Path
):
    """An interpreter under /root: the folders above are closed, and the modules themselves perhaps."""
    place = tmp_path / "closed" / "lib"
    package = place / "parent"
    package.mkdir(parents=True)
    (place / "alone.py").write_text("HERE = 'here'")
    (package / "__init__.py").write_text("")
    (package / "child.py").write_text("HERE = 'below'")
    place.parent.chmod(0o700)
    package.chmod(mode)
    done = subprocess.run(
        [sys.executable, "-P", "-c", LATER, str(place), how],
        env=fresh.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.returncode) == (said, 0), done.stderr


@pytest.mark.parametrize("groups", ["1 0", "0 2147483647"])
def test_pings_work_where_the_kernel_gives_nobody_ping_sockets_and_where_it_does(groups: str):
    """The first is what a network namespace begins with (ping_v4_init_net() in net/ipv4/ping.c)."""
    setup = f"ip link set lo up && echo '{groups}' > /proc/sys/net/ipv4/ping_group_range"
    path = [str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", f'{setup} && exec "$0" -c "$1"', sys.executable, PING],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout == "[True, True] ()\n", done.stderr


def test_a_probe_through_a_vip_can_mark_its_packets():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        check = key(CheckType.TCP, TcpOptions(), port, Through(Endpoint(HERE, port), 0x46000001))
        done = once_as([check], "nobody")
    assert (done.reasons, done.seen[check].ok) == ((), True)


@pytest.fixture
def member(tmp_path: Path):
    """A TLS server that wants a client certificate, whose key and folder are root's alone."""
    authority = Authority(tmp_path)
    certificate, private = authority.issue("client")
    own = server_context(*authority.issue("server"), client_ca=str(authority.file))
    Path(private).chmod(0o600)
    Path(certificate).chmod(0o600)
    tmp_path.chmod(0o700)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            try:
                with own.wrap_socket(connection, server_side=True) as tls:
                    tls.sendall(b"hello\n")
            except OSError:
                continue

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield server.getsockname()[1], TlsOptions(ca=str(authority.file), certificate=certificate, key=private)
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join(10)


@pytest.mark.parametrize("kind", [CheckType.TCP, CheckType.TLS])
def test_a_private_key_stays_roots_and_is_handed_over(kind: CheckType, member):
    port, options = member
    check = key(kind, TcpOptions(tls=options) if kind is CheckType.TCP else options, port)
    done = once_as([check], "nobody")
    assert done.reasons == ()
    assert done.seen[check].ok, done.seen[check].detail


def swap(file: str, data: bytes) -> bytes:
    before = Path(file).read_bytes()
    Path(file).write_bytes(data)
    return before


async def test_the_engine_has_it_too_and_sees_it_change(member):
    port, options = member
    good = swap(options.key, b"no key at all")
    check = key(CheckType.TLS, options, port)
    seen = asyncio.Event()
    client = EngineClient(lambda *_: seen.set(), lambda *_: None, beat=0.2)
    client.set_probes([check])
    await client.start()
    try:
        await eventually(lambda: client.stats.unsent)
        assert not seen.is_set()
        assert options.key in next(iter(client.stats.unsent))
        swap(options.key, good)
        await asyncio.wait_for(seen.wait(), 30)
    finally:
        await client.close()


def test_files_are_handed_over_when_they_change_and_named_when_they_are_none(tmp_path: Path):
    one, fifo = tmp_path / "one", tmp_path / "fifo"
    one.write_bytes(b"1")
    os.mkfifo(fifo)
    reader = Reader()
    paths = [str(one), str(fifo), str(tmp_path / "none")]
    assert reader.changed(paths) == [(str(one), b"1")]
    assert reader.changed(paths) == []
    one.write_bytes(b"22")
    assert reader.changed(paths) == [(str(one), b"22")]
    reader.forget()
    assert reader.changed(paths) == [(str(one), b"22")]


def test_a_file_that_nobody_may_read_says_nothing_about_the_member(tmp_path: Path):
    (tmp_path / "weight").write_text("50")
    (tmp_path / "weight").chmod(0o600)
    check = key(CheckType.FILE, FileOptions(str(tmp_path / "weight")))
    done = once_as([check], "nobody")
    assert done.seen == {}
    assert done.reasons == (f"EACCES {tmp_path}/weight",)


def test_another_user_may_be_named_with_his_groups():
    code = (
        "import os, sys; from clusterlb.checks.privileges import drop; drop(sys.argv[1]);"
        "print(os.getresuid(), os.getgroups())"
    )
    user = pwd.getpwnam("mail")
    done = subprocess.run([sys.executable, "-c", code, "mail"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(f"({user.pw_uid}, {user.pw_uid}, {user.pw_uid}) [{user.pw_gid}")
    done = subprocess.run([sys.executable, "-c", code, "root"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(0, 0, 0)")


def test_a_user_that_nobody_knows_is_an_error():
    with pytest.raises(KeyError):
        drop("nosuchuser")
    with pytest.raises(KeyError):
        once_as([], "nosuchuser")
