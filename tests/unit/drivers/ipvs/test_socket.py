"""What IPVS is sent, by the byte; little-endian hosts."""

from __future__ import annotations

import struct
import sys

import pytest

from clusterlb.drivers.ipvs.netlink import IpvsSocket
from clusterlb.drivers.ipvs.protocol import Command
from clusterlb.drivers.netlink import socket as netlink

WIRE = bytes.fromhex(
    """
    18 00 00 00
    1e 00
    05 00
    07 00 00 00
    00 00 00 00
    05
    01
    00 00
    aa bb cc dd
    """
    # nlmsghdr: length, family, NLM_F_REQUEST | NLM_F_ACK, sequence, port id; genlmsghdr: NEW_DEST, version, 0
)


class Kernel:
    """A socket that records what is sent and acknowledges it."""

    sent = b""

    def setsockopt(self, *_: object) -> None:
        pass

    def send(self, data: bytes) -> None:
        self.sent = data

    def recv(self, size: int, flags: int) -> bytes:
        return struct.pack("=IHHIIi", 20, 2, 0, 7, 0, 0)


@pytest.mark.skipif(sys.byteorder != "little", reason="the bytes above are a little-endian host's")
def test_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = Kernel()
    monkeypatch.setattr(netlink, "_opened", lambda *_: kernel)
    ipvs = IpvsSocket()
    ipvs._family, ipvs._netlink._sequence = 0x1E, 6
    assert ipvs.batch([(Command.NEW_DEST, b"\xaa\xbb", b"\xcc\xdd")]).refusals == {}
    assert kernel.sent == WIRE
    assert ipvs.messages_sent == 7
