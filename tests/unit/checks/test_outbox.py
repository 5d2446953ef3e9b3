import json
import os

import pytest

from clusterlb.checks.outbox import Outbox


@pytest.fixture
def pipe():
    read, write = os.pipe()
    os.set_blocking(read, False)
    os.set_blocking(write, False)
    yield read, write
    for fd in (read, write):
        try:
            os.close(fd)
        except OSError:
            continue


def drain(read: int) -> bytes:
    text = b""
    try:
        while chunk := os.read(read, 1 << 20):
            text += chunk
    except BlockingIOError:
        pass
    return text


def test_what_is_taken_in_comes_out(pipe):
    outbox = Outbox(pipe[1])
    assert not outbox
    outbox.observe((1, True, 2.0, 0.1, "fine"))
    outbox.beat({"probes": 1})
    assert outbox.flush()
    assert not outbox
    assert [json.loads(text) for text in drain(pipe[0]).splitlines()] == [
        {"beat": {"probes": 1}},
        {"seen": [[1, True, 2.0, 0.1, "fine"]]},
    ]


def test_a_reader_that_is_behind_costs_bounded_memory_and_gets_the_latest_of_each_key(pipe):
    outbox = Outbox(pipe[1])
    for round_ in range(300):
        for number in range(300):
            outbox.observe((number, True, float(round_), 0.0, "x" * 50))
        outbox.beat({"round": round_})
        outbox.flush()
    assert outbox.dropped > 0
    assert len(outbox._rows) <= 300
    text = b""
    done = False
    while not done:
        done = outbox.flush()
        text += drain(pipe[0])
    messages = [json.loads(line) for line in text.splitlines()]
    rows = [row for message in messages for row in message.get("seen", ())]
    assert {row[0]: row[2] for row in rows} == dict.fromkeys(range(300), 299.0)
    assert len(rows) + outbox.dropped == 300 * 300
    assert [m["beat"]["round"] for m in messages if "beat" in m][-1] == 299


def test_a_reader_that_is_gone_is_an_error(pipe):
    outbox = Outbox(pipe[1])
    os.close(pipe[0])
    outbox.beat({})
    with pytest.raises(BrokenPipeError):
        outbox.flush()


def test_a_forgotten_key_is_not_spoken_of(pipe):
    outbox = Outbox(pipe[1])
    outbox.observe((1, True, 2.0, 0.1, "fine"))
    outbox.forget(1)
    outbox.forget(2)
    outbox.flush()
    assert drain(pipe[0]) == b""
