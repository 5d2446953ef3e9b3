"""Intents survive whatever happens between two bytes."""

from __future__ import annotations

import errno
import os

import intents
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.controller import journal as module
from clusterlb.controller.journal import COMPACT, Journal, JournalError

A, B, C = "a/10.2.0.1:80", "b/10.2.0.2:80", "c/10.2.0.3:80"
names = st.sampled_from(["web/10.2.0.101:80", "web/10.2.0.102:80", "api/[2001:db8::1]:443"])


def pin(target, value="down", made=1.0, until=None):
    return intents.pin(target, value, reason="because\nof \u2603", made=made, until=until)


def carry_out(journal, orders):
    for target, value in orders:
        if value is None:
            journal.clear(pin(target).name)
        else:
            journal.set(pin(target, value))


def test_what_was_set_and_not_cleared_stands_after_a_restart(tmp_path):
    path = tmp_path / "state" / "intents.jsonl"
    carry_out(Journal(path), [(A, "up"), (B, "down"), (A, "down"), (B, None)])
    again = Journal(path)
    assert again.intents == {pin(A).name: pin(A, "down")}
    assert again.dropped == 0


@given(orders=st.lists(st.tuples(names, st.sampled_from(["up", "down", None])), max_size=6), data=st.data())
def test_killed_after_any_byte_it_is_what_was_acknowledged(tmp_path_factory, orders, data):
    """Cut off anywhere, the journal is as after some of the orders: all whose lines are whole."""
    path = tmp_path_factory.mktemp("journal") / "intents.jsonl"
    states = [{}]
    journal = Journal(path)
    for order in orders:
        carry_out(journal, [order])
        states.append(dict(journal.intents))
    whole = path.read_bytes() if path.exists() else b""
    path.write_bytes(whole[: data.draw(st.integers(0, len(whole)))])
    found = Journal(path)
    assert found.intents in states
    carry_out(found, [("z/10.2.0.9:80", "up")])
    assert Journal(path).intents == found.intents


def test_a_full_disk_refuses_and_leaves_no_half_line(tmp_path, monkeypatch):
    path = tmp_path / "intents.jsonl"
    journal = Journal(path)
    journal.set(pin(A))
    real, room = os.write, [30]

    def full(fd, data):
        if not room[0]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = real(fd, data[: room[0]])
        room[0] -= written
        return written

    with monkeypatch.context() as patch:
        patch.setattr(module.os, "write", full)
        with pytest.raises(JournalError, match="No space left"):
            journal.set(pin(B))
    assert list(journal.intents) == [pin(A).name]
    journal.set(pin(C))
    assert [*Journal(path).intents] == [pin(A).name, pin(C).name]


def test_garbage_is_skipped_and_counted(tmp_path):
    path = tmp_path / "intents.jsonl"
    Journal(path).set(pin(A))
    with path.open("ab") as file:
        file.write(b'nonsense\n{"set": {"kind": "pin"}}\n[]\n{"clear": ["nosuch", A]}\n\xff\xfe\n')
    found = Journal(path)
    assert list(found.intents) == [pin(A).name]
    assert found.dropped == 5


def test_a_long_history_is_written_anew(tmp_path):
    path = tmp_path / "intents.jsonl"
    journal = Journal(path)
    for number in range(COMPACT + 2):
        journal.set(pin(A, made=float(number)))
    Journal(path)
    assert len(path.read_text().splitlines()) == 1
    assert Journal(path).intents == journal.intents


def test_a_journal_that_cannot_be_read_is_an_error_that_names_it(tmp_path):
    with pytest.raises(JournalError, match=str(tmp_path)):
        Journal(tmp_path)
