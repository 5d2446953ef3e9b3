"""The whole table, as nft is told of it; tests/frr/test_rules_golden.py has nft and the kernel read it."""

from pathlib import Path

import pytest
from anchored_flows import anchored_table
from forwarding_inventories import RULES

from clusterlb.core.nft.hairpin import hairpin
from clusterlb.core.nft.table import table
from clusterlb.drivers.nft.script import load, watch

GOLDEN = Path(__file__).resolve().parents[3] / "golden" / "nft"


@pytest.mark.parametrize("name", RULES)
def test_the_table_is_the_golden_file(name, golden):
    golden(GOLDEN / f"{name}.nft", load(table(*RULES[name])))


def test_only_translation_and_logs_track_connections():
    assert "ct " not in table(*RULES["direct"]).chains


def test_the_table_that_watches_is_the_golden_file(golden):
    golden(GOLDEN / "watch.nft", watch(hairpin(RULES["every-method"][0])))


def test_the_table_of_anchored_flows_is_the_golden_file(golden):
    golden(GOLDEN / "anchored.nft", load(anchored_table()))


def test_every_golden_file_has_a_case():
    assert {path.name for path in GOLDEN.iterdir()} == {
        f"{name}.nft" for name in (*RULES, "watch", "anchored")
    }
