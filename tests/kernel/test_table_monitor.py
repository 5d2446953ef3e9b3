"""The kernel tells of our nftables table's end, and of nobody else's."""

from __future__ import annotations

import asyncio
import subprocess
from contextlib import closing

import pytest

from clusterlb.drivers.monitor import Monitor
from clusterlb.drivers.nft.monitor import OUR_TABLE
from tests.kernel.conftest import fresh_namespace

pytestmark = pytest.mark.kernel


def nft(text: str) -> None:
    subprocess.run(["nft", "-f", "-"], input=text, text=True, check=True)


OURS = "table inet clusterlb { chain one { counter; }; }"
OTHERS = "table inet filter { chain one { counter; }; }; table ip clusterlb { chain one { counter; }; }"


async def heard(text: str) -> int:
    """Return how often the monitor has called by the time that it has heard of all that this does."""
    calls: list[None] = []
    with closing(Monitor(OUR_TABLE, lambda: calls.append(None))):
        nft(text)
        await asyncio.sleep(0.05)  # nft ends after the kernel has told
    return len(calls)


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("flush ruleset", 1),
        ("delete table inet clusterlb", 1),
        ("flush table inet clusterlb", 1),
        ("flush chain inet clusterlb one", 1),
        ("flush table inet filter; delete table ip clusterlb", 0),
        ("add chain inet clusterlb two; add set inet filter names { type ipv4_addr; }", 0),
    ],
)
async def test_who_deletes_what_is_ours_is_heard_once(text: str, times: int) -> None:
    with fresh_namespace():
        nft(OURS)
        nft(OTHERS)
        assert await heard(text) == times
