"""What is told to whom: each reader at its own pace, the last word of each flow."""

import asyncio
from ipaddress import ip_address

from clusterlb.model.anchor import Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol
from clusterlb.peers.board import Board

MEMBER = DestinationKey(ip_address("10.2.0.101"), 80)


def seen(number, destination=MEMBER, at=1.0):
    flow = Flow(Protocol.TCP, ip_address("198.18.0.1"), number, ip_address("10.100.0.1"), 80)
    return Sighting(flow, destination, at)


async def test_a_new_reader_has_everything_before_it():
    board = Board(lambda: [seen(1), seen(2)])
    reader = board.read_by("d2")
    assert list(reader.pending.values()) == [seen(1), seen(2)]
    assert reader.wake.is_set()


async def test_of_a_flow_only_the_last_word_waits():
    board = Board(list)
    slow, quick = board.read_by("d2"), board.read_by("d3")
    board.tell([seen(1)])
    quick.pending.clear()
    board.tell([seen(1, None, 2.0), seen(2)])
    assert list(slow.pending.values()) == [seen(1, None, 2.0), seen(2)] == list(quick.pending.values())


async def test_nothing_new_wakes_nobody():
    board = Board(list)
    reader = board.read_by("d2")
    board.show_tables({"a": "1"})
    reader.wake.clear()
    board.tell([])
    board.show_tables({"a": "1"})
    assert not reader.wake.is_set()
    board.show_tables({"a": "2"})
    assert reader.wake.is_set()
    reader.wake.clear()
    board.join()
    assert reader.wake.is_set()
    reader.wake.clear()
    board.join()
    assert not reader.wake.is_set()


async def test_who_is_behind_is_known_until_it_says_otherwise():
    board = Board(list)
    reader = board.read_by("d2")
    assert board.behind() == []
    board.tell([seen(1)])
    assert board.behind() == ["d2"]
    reader.pending.clear()
    reader.sent = 1
    assert board.behind() == ["d2"]
    waiting = asyncio.create_task(board.next_answer())
    await asyncio.sleep(0)
    board.answer(reader, 99)  # of what was never sent
    await waiting
    assert (board.behind(), reader.taken) == ([], 1)


async def test_a_reader_of_before_takes_nothing_away_from_the_one_that_came_after():
    board = Board(list)
    before = board.read_by("d2")
    after = board.read_by("d2")
    board.forget("d2", before)
    assert board.readers == {"d2": after}
    board.forget("d2", after)
    assert board.readers == {}
