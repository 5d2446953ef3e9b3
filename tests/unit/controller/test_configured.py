"""What a director finds after a restart, without the restart."""

from __future__ import annotations

from clusterlb.controller.configured import configured
from clusterlb.controller.ledger import Ledger
from clusterlb.drivers.frr.text import parse

THEIRS = "hostname d1\ninterface e0\n description uplink\n ip ospf cost 7\nexit\n"
OURS = parse("interface e0\n ip ospf cost 10\n ip ospf area 0.0.0.0\nexit\n")


def test_our_lines_are_in_the_file_and_nothing_is_left_to_configure(tmp_path):
    lines = parse(configured(THEIRS, OURS, Ledger(tmp_path / "ledger.json")))
    assert set(OURS) <= set(lines)
    assert {line.text for line in lines} >= {"hostname d1", "description uplink"}


def test_the_ledger_knows_what_is_ours_and_what_it_took_the_place_of(tmp_path):
    configured(THEIRS, OURS, Ledger(tmp_path / "ledger.json"))
    ledger = Ledger(tmp_path / "ledger.json")
    assert [line.text for line in ledger.frr_lines] == ["ip ospf cost 10", "ip ospf area 0.0.0.0"]
    assert [line.text for line in ledger.frr_displaced] == ["ip ospf cost 7"]
