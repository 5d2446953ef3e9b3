"""Whatever is in a file of ours, a controller starts on it, or says by name why a command does not."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from intents import pin

from clusterlb.controller.journal import Journal
from clusterlb.controller.ledger import BOOT_ID, Ledger, LedgerError
from clusterlb.model.intent import Drain, Pause, Pin
from clusterlb.model.ipvs import ProtocolTimeouts, ServiceKey
from clusterlb.model.state import FrrLine

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=10,
)
INTENT = {"kind": "drain", "target": "vip/10.100.0.1", "value": "", "who": "a", "reason": "b", "made": 1.0}
MORE = {"until": None, "begins": 0.0, "patience": None}
RECORD = {
    "boot_id": BOOT_ID.read_text().strip(),
    "services": [[2, 6, "10.100.0.1", 80, 0], [10, 17, "2001:db8::1", 53, 0], [2, 0, "", 0, 7]],
    "sysctls": {"net/ipv4/ip_forward": "0"},
    "timeouts": {"tcp": 900, "tcp_fin": 120, "udp": 300},
    "frr_lines": [[[], "router ospf"], [["router ospf"], "ospf router-id 10.1.0.1"]],
    "frr_displaced": [[["interface e0"], "ip ospf cost 10"]],
}


def mutated(good: dict, data: st.DataObject):
    """Return a record in which something, at any depth, is another value, missing or more."""
    if data.draw(st.integers(0, 9)) == 0:
        return data.draw(json_values)
    found = json.loads(json.dumps(good))
    place = found
    while isinstance(place, (dict, list)) and place:
        key = data.draw(st.sampled_from(list(place) if isinstance(place, dict) else list(range(len(place)))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            place[key] = data.draw(json_values)
            break
        place = place[key]
    if data.draw(st.booleans()):
        found.pop(data.draw(st.sampled_from(sorted(found))))
    return found


def sound_ledger(ledger: Ledger) -> None:
    assert all(type(key) is ServiceKey and str(key) for key in ledger.services)
    assert all(type(k) is str and type(v) is str for k, v in ledger.sysctls.items())
    assert type(ledger.timeouts) is ProtocolTimeouts
    for line in (*ledger.frr_lines, *ledger.frr_displaced):
        assert type(line) is FrrLine
        assert all(type(text) is str for text in (*line.context, line.text))


@given(data=st.data())
def test_a_ledger_of_wrong_values_is_used_or_put_aside(tmp_path_factory, data):
    path: Path = tmp_path_factory.mktemp("state") / "ledger.json"
    path.write_text(json.dumps(mutated(RECORD, data)))
    check_ledger(path)


@given(raw=st.binary(max_size=200), cut=st.integers(0, 700))
def test_a_ledger_of_any_bytes_is_used_or_put_aside(tmp_path_factory, raw, cut):
    path: Path = tmp_path_factory.mktemp("state") / "ledger.json"
    path.write_bytes(json.dumps(RECORD).encode()[:cut] + raw)
    check_ledger(path)


def check_ledger(path: Path) -> None:
    before = path.read_bytes()
    ledger = Ledger(path, go_on=True)
    named = bool(ledger.problem)
    if named:
        path.write_bytes(before)
        with pytest.raises(LedgerError, match=re.escape(str(path))):
            Ledger(path)
        path.unlink()
    sound_ledger(ledger)
    ledger.own_sysctls({"net/ipv4/ip_forward": "1"})
    ledger.save()
    again = Ledger(path)
    assert (again.services, again.frr_lines) == (ledger.services, ledger.frr_lines)
    if named:
        assert (ledger.services, ledger.frr_lines, ledger.frr_displaced) == (set(), {}, {})
        assert path.with_name("ledger.json.damaged").read_bytes() == before


@given(data=st.data())
def test_a_journal_of_wrong_values_keeps_what_means_something(tmp_path_factory, data):
    path: Path = tmp_path_factory.mktemp("state") / "intents.jsonl"
    clear = ["drain", "vip/10.100.0.1"]
    records = [
        mutated({"set": {**INTENT, **MORE}}, data)
        if data.draw(st.booleans())
        else mutated({"clear": clear}, data)
        for _ in range(data.draw(st.integers(1, 4)))
    ]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    check_journal(path)


@given(raw=st.binary(max_size=200), cut=st.integers(0, 200))
def test_a_journal_of_any_bytes_keeps_what_means_something(tmp_path_factory, raw, cut):
    path: Path = tmp_path_factory.mktemp("state") / "intents.jsonl"
    path.write_bytes(json.dumps({"set": INTENT}).encode()[:cut] + raw)
    check_journal(path)


def check_journal(path: Path) -> None:
    journal = Journal(path)
    for name, intent in journal.intents.items():
        assert name == intent.name
        assert isinstance(intent, Pin | Drain | Pause)
        assert type(intent.who) is type(intent.reason) is str
        for now in (0.0, 1e9, 4e9):
            intent.in_force(now)
        assert sorted([intent, intent], key=lambda each: each.made)
    new = pin("web/10.2.0.101:80", made=2.0)
    journal.set(new)
    assert Journal(path).intents == {**journal.intents}
