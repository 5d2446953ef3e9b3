from pathlib import Path

import pytest

from clusterlb.drivers.frr.neighbors import parse_sessions_up
from clusterlb.drivers.interface import BfdSession, DriverError

RECORDED = sorted((Path(__file__).parents[3] / "support" / "frr_outputs").glob("bfd-*.txt"))
# FRR 8.4.4, shortened
PEERS = """[
  {"multihop":false,"peer":"10.1.0.254","vrf":"default","interface":"e0","id":1,"status":"up"},
  {"multihop":false,"peer":"10.1.0.253","vrf":"default","interface":"e0","id":2,"status":"down"},
  {"multihop":true,"peer":"192.0.2.9","local":"192.0.2.1","vrf":"default","id":3,"status":"up"}
]"""


def test_sessions_of_one_hop_that_are_up():
    assert parse_sessions_up(PEERS) == {BfdSession("10.1.0.254", "e0")}
    assert parse_sessions_up("[]") == frozenset()


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded(path):
    text = path.read_text()
    assert 1 <= len(parse_sessions_up(text)) == text.replace(" ", "").count('"status":"up"')
    assert {each.interface for each in parse_sessions_up(text)} == {"e0"}


@pytest.mark.parametrize("output", ["", "bfdd is not running", "{}x", '[{"peer": 1}]', "3"])
def test_anything_else_is_an_error_that_shows_it(output):
    with pytest.raises(DriverError, match="show bfd peers"):
        parse_sessions_up(output)
