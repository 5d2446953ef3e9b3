from pathlib import Path

import pytest

from clusterlb.drivers.frr.bfd import parse_sessions_up
from clusterlb.drivers.interface import DriverError

RECORDED = sorted((Path(__file__).parents[3] / "support" / "frr_outputs").glob("bfd-*.txt"))
# FRR 8.4.4, shortened
PEERS = '[{"multihop":false,"peer":"10.1.0.254","id":1,"status":"up"},{"peer":"10.1.0.253","status":"down"}]'


def test_sessions_that_are_up_are_counted():
    assert parse_sessions_up(PEERS) == 1
    assert parse_sessions_up("[]") == 0


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded(path):
    text = path.read_text()
    assert 1 <= parse_sessions_up(text) == text.replace(" ", "").count('"status":"up"')


@pytest.mark.parametrize("output", ["", "bfdd is not running", "{}x", '[{"peer": 1}]', "3"])
def test_anything_else_is_an_error_that_shows_it(output):
    with pytest.raises(DriverError, match="show bfd peers"):
        parse_sessions_up(output)
