import json
from pathlib import Path

import pytest

from clusterlb.drivers.frr.neighbors import parse_neighbors, parse_neighbors6
from clusterlb.drivers.interface import DriverError, OspfNeighbor
from clusterlb.model.address import AddressFamily

OUTPUTS = Path(__file__).parents[3] / "support" / "frr_outputs"
RECORDED = sorted(OUTPUTS.glob("neighbors-*.txt"))
RECORDED6 = sorted(OUTPUTS.glob("neighbors6-*.txt"))
FRR_8 = {
    "neighbors": {
        "10.1.0.254": [
            {
                "priority": 1,
                "state": "Full/DROther",
                "nbrPriority": 1,
                "nbrState": "Full/DROther",
                "converged": "Full",
                "role": "DROther",
                "address": "10.1.0.254",
                "ifaceAddress": "10.1.0.254",
                "ifaceName": "e0:10.1.0.1",
            },
            {"state": "2-Way/DROther", "ifaceName": "e1:10.2.0.1"},
        ]
    }
}
FRR_10 = {
    "neighbors": {
        "10.1.0.254": [
            {"nbrState": "Full/-", "converged": "Full", "role": "DROther", "ifaceName": "e0:10.1.0.1"},
            {"nbrState": "Init/-", "ifaceName": "e1:10.2.0.1"},
        ]
    }
}


@pytest.mark.parametrize("answer", [FRR_8, FRR_10, {"default": FRR_10}])
def test_shapes(answer):
    first, second = parse_neighbors(json.dumps(answer))
    assert (first.router_id, first.interface, first.full) == ("10.1.0.254", "e0", True)
    assert (second.interface, second.full) == ("e1", False)


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded(path):
    neighbors = parse_neighbors(path.read_text())
    assert {(one.router_id, one.interface, one.full) for one in neighbors} == {
        (f"10.1.0.{number}", "e0", True) for number in (2, 3, 254)
    }


@pytest.mark.parametrize("text", ["", "{\n}\n", '{"neighbors":{}}', "[]"])
def test_none(text):
    assert parse_neighbors(text) == ()


def test_a_neighbour_without_a_state_is_not_full():
    assert parse_neighbors('{"neighbors":{"1.1.1.1":[{}]}}') == (OspfNeighbor("1.1.1.1", "", "unknown"),)


def test_not_json():
    with pytest.raises(DriverError, match="not JSON"):
        parse_neighbors("% Unknown command")


@pytest.mark.parametrize("path", RECORDED6, ids=lambda path: path.stem)
def test_recorded_ospfv3(path):
    neighbors = parse_neighbors6(path.read_text())
    assert {(one.router_id, one.interface, one.family) for one in neighbors} == {
        (f"10.1.0.{number}", "e0", AddressFamily.IPV6) for number in (2, 3, 254)
    }
    assert [one.router_id for one in neighbors if one.full] == ["10.1.0.254"]


@pytest.mark.parametrize(
    "text", ["", "{\n}\n", '{"neighbors":[]}', "[]", '{"neighbors":{}}', '{"neighbors":[7]}']
)
def test_no_ospfv3(text):
    assert parse_neighbors6(text) == ()


def test_an_ospfv3_neighbour_without_a_state_is_not_full():
    [one] = parse_neighbors6('{"neighbors":[{"neighborId":"1.1.1.1"}]}')
    assert (one.state, one.full) == ("unknown", False)
    with pytest.raises(DriverError, match="ospf6d's list of neighbours is not JSON"):
        parse_neighbors6("% Unknown command")
