"""A start that adopts asks the kernel and changes nothing: seen in what it sends, and in what is there."""

from __future__ import annotations

import socket
import struct
import subprocess
from pathlib import Path
from random import Random

import pytest
from fake_director import FakeDirector, Fuse
from restart_story import lived

from clusterlb.controller.daemon import Controller
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.drivers.link import KernelLinks
from clusterlb.drivers.nft import monitor
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.drivers.sysctl import KernelSysctl
from tests.kernel.conftest import fresh_namespace

pytestmark = pytest.mark.kernel

STATES = range(20)
_HEADER = struct.Struct("=IHHII")
_GENL_ID_CTRL, _GET = 16, 2  # the family that names families; rtnetlink's types are NEW, DEL, GET, SET
_ROUTE, _NETFILTER, _GENERIC = 0, 12, 16
_RTM_NEWLINK = 16
_NFT_GETGEN = (10 << 8) | 16


class KernelDirector(FakeDirector):
    """A director of which all is the kernel's but FRR; each controller opens sockets of its own."""

    def controller(self, fuse: Fuse | None = None) -> Controller:
        self.ipvs, self.links = KernelIpvs(), KernelLinks(("e0",))
        self.rules, self.sysctl = KernelRules(), KernelSysctl()
        return super().controller(fuse)


class Told:
    """What is sent to the kernel over netlink by this process, and changes something."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked, self.changes = 0, []
        for name in ("send", "sendto", "sendall", "sendmsg"):
            monkeypatch.setattr(socket.socket, name, self._watched(getattr(socket.socket, name)))

    def _watched(self, inner):
        def send(sock, data, *rest):
            if sock.family == socket.AF_NETLINK:
                self._note(sock.proto, b"".join(data) if isinstance(data, list) else bytes(data))
            return inner(sock, data, *rest)

        return send

    def _note(self, protocol: int, data: bytes) -> None:
        place = 0
        while place + _HEADER.size <= len(data):
            length, kind, *_ = _HEADER.unpack_from(data, place)
            if self._reads(protocol, kind, data[place + _HEADER.size]):
                self.asked += 1
            else:
                self.changes.append((protocol, kind, data[place : place + length]))
            place += (max(length, _HEADER.size) + 3) & ~3

    def _reads(self, protocol: int, kind: int, command: int) -> bool:
        if protocol == _ROUTE:
            return kind % 4 == _GET
        if protocol == _GENERIC:
            return kind == _GENL_ID_CTRL or Command(command).name.startswith("GET_")
        return protocol == _NETFILTER and kind == _NFT_GETGEN


def there() -> dict[str, str]:
    """Return what a controller may change, in the words of the kernel's own tools."""
    shown = {
        words: subprocess.run(words.split(), check=True, capture_output=True, text=True, timeout=30).stdout
        for words in (
            "ipvsadm -Sn",
            "ip -brief addr show",
            "ip route show table all",
            "ip -6 route show table all",
            "ip rule show",
            "nft list ruleset",
            "sysctl net.ipv4.vs net.ipv4.ip_forward net.ipv4.conf.all net.ipv4.conf.e0",
        )
    }
    return {**shown, "nftables": str(monitor.generation())}


def uplink() -> None:
    """Make the director's uplink, of which there are settings."""
    for command in ("ip link add e0 type dummy", "ip link set e0 up"):
        subprocess.run(command.split(), check=True)


@pytest.mark.parametrize("seed", STATES)
async def test_a_start_that_adopts_sends_nothing_that_changes_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    with fresh_namespace():
        uplink()
        told = Told(monkeypatch)
        story = await lived(tmp_path, Random(seed), host=KernelDirector)
        await story.end()
        kinds = {(protocol, kind) for protocol, kind, _ in told.changes}
        assert (_ROUTE, _RTM_NEWLINK) in kinds, "a lane was seen being made"
        assert any(protocol == _GENERIC for protocol, _ in kinds), "services were seen being made"
        before, had, asked = there(), len(told.changes), told.asked
        assert before["ipvsadm -Sn"]
        assert await story.begin() == 0
        assert told.changes[had:] == []
        assert told.asked > asked
        assert there() == before
        await story.end()
