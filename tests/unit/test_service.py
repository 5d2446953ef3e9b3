"""What a controller's process does with its memory; each test has a process of its own."""

import subprocess
import sys

BLOCKS = """
import ctypes
from clusterlb.service import LARGE, return_large_blocks

class Mallinfo2(ctypes.Structure):  # malloc.h: arena to keepcost, in this order
    _fields_ = [(name, ctypes.c_size_t) for name in
                ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks",
                 "fordblks", "keepcost")]

mallinfo2 = ctypes.CDLL(None).mallinfo2
mallinfo2.restype = Mallinfo2
{begin}
block = bytearray(16 * 1024 * 1024)
del block
before = mallinfo2().hblkhd
block = bytearray(16 * 1024 * 1024)
print((mallinfo2().hblkhd - before) >> 20)
"""


def megabytes_apart(begin):
    """Return how many MiB of a second block of 16 MiB have a mapping of their own, which ends with it."""
    done = subprocess.run(
        [sys.executable, "-c", BLOCKS.format(begin=begin)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_large_blocks_are_returned_to_the_kernel():
    assert megabytes_apart("return_large_blocks()") == 16


def test_glibc_alone_keeps_them():
    assert megabytes_apart("") == 0
