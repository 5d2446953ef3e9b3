import struct

import pytest

from clusterlb.drivers.nft.generation import decode

# what Linux 6.18 answered: nlmsghdr, nfgenmsg, NFTA_GEN_ID, NFTA_GEN_PROC_PID, NFTA_GEN_PROC_NAME
ANSWER = bytes.fromhex(
    "34000000 0f0a 0000 01000000 00000000 00000001"
    "0800 0100 0001e240"
    "0800 0200 000005dc"
    "0c00 0300 707974686f6e3300".replace(" ", "")
)


def test_an_answer():
    assert decode(ANSWER) == 123456


def test_an_attribute_before_it():
    assert decode(ANSWER[:20] + struct.pack("=HH4x", 5, 9) + ANSWER[20:28] + ANSWER[36:]) == 123456


@pytest.mark.parametrize("length", range(28))
def test_an_answer_cut_short_says_nothing(length):
    assert decode(ANSWER[:length]) is None


def test_an_error_says_nothing():
    assert decode(struct.pack("=IHHIIi", 36, 2, 0, 1, 0, -1) + ANSWER[:16]) is None


def test_an_attribute_without_a_size_ends():
    assert decode(ANSWER[:20] + bytes(32)) is None
