import struct
from errno import EAGAIN

import pytest

from clusterlb.drivers.netlink import socket as netlink
from clusterlb.drivers.nft import monitor

# what Linux 6.18 answered: nlmsghdr, nfgenmsg, NFTA_GEN_ID, NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME
ANSWER = bytes.fromhex(
    "30000000 0f0a 0000 01000000 00000000 00000001"
    "0800 0100 0001e240"
    "0800 0200 000005dc"
    "0c00 0300 707974686f6e3300".replace(" ", "")
)


class Kernel:
    """A socket that gives one answer."""

    def __init__(self, answer):
        self.answer = answer

    def setsockopt(self, *_):
        return None

    def send(self, data):
        assert data[4:6] == struct.pack("=H", (10 << 8) | 16)

    def recv(self, size, flags):
        answer, self.answer = self.answer, b""
        if answer:
            return answer
        raise BlockingIOError(EAGAIN, "silence")

    def close(self):
        return None


@pytest.fixture
def current(monkeypatch):
    def answered(answer):
        monkeypatch.setattr(netlink, "_opened", lambda *_: Kernel(answer))
        return monitor.generation()

    return answered


def sized(answer):
    return struct.pack("=I", len(answer)) + answer[4:]


def test_an_answer(current):
    assert current(ANSWER) == 123456


def test_an_attribute_before_it(current):
    assert current(sized(ANSWER[:20] + struct.pack("=HH4x", 5, 9) + ANSWER[20:28] + ANSWER[36:])) == 123456


@pytest.mark.parametrize("length", range(28))
def test_an_answer_cut_short_says_nothing(current, length):
    assert current(ANSWER[:length]) is None
    assert length < 16 or current(sized(ANSWER[:length])) is None


def test_an_error_says_nothing(current):
    assert current(struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -1) + ANSWER[:16]) is None


def test_an_attribute_without_a_size_says_nothing(current):
    assert current(sized(ANSWER[:20] + bytes(28))) is None
