"""VRRP for FRR: the golden files, and who is in no group."""

import subprocess
from pathlib import Path

import pytest
from vrrp_inventories import CASES, INVENTORIES

from clusterlb.generate.vrrp import VrrpError, groups_of, render_frr, render_links

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "vrrp"
FULL = INVENTORIES["full"]


@pytest.mark.parametrize(("name", "director"), CASES)
@pytest.mark.parametrize(("ending", "render"), [("conf", render_frr), ("sh", render_links)])
def test_vrrp_is_the_golden_file(name, director, ending, render):
    inventory = INVENTORIES[name]
    golden = (GOLDEN / f"{name}.{director}.{ending}").read_text()
    assert render(inventory, inventory.directors[director]) == golden


def test_every_golden_file_has_a_case():
    expected = {f"{name}.{director}.{ending}" for name, director in CASES for ending in ("conf", "sh")}
    assert {path.name for path in GOLDEN.iterdir()} == expected


@pytest.mark.behaviour
@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.sh")), ids=lambda path: path.name)
def test_the_shell_parses_it(path):
    checked = subprocess.run(["sh", "-n", str(path)], check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_priorities_fall_by_the_order_of_each_vip():
    both = {name: groups_of(FULL, FULL.directors[name]) for name in ("d1", "d2")}
    found = {name: {group.vrid: group.priority for group in groups} for name, groups in both.items()}
    assert found["d1"] == {10: 200, 255: 190, 11: 200}
    assert found["d2"] == {10: 200, 255: 200, 11: 190}  # 10: that of 10.100.0.3, where d2 is alone


def test_a_device_has_one_name_on_all_directors_and_one_meaning_on_each():
    devices = {}
    for name in ("d1", "d2"):
        groups = groups_of(FULL, FULL.directors[name])
        assert len({group.device for group in groups}) == len(groups)
        for group in groups:
            assert devices.setdefault(group.device, group.interface) == group.interface
            assert len(group.device) <= 15


def test_the_address_is_on_the_first_link_alone():
    groups = [group for group in groups_of(FULL, FULL.directors["d1"]) if group.vrid == 10]
    assert [(group.interface, group.serves) for group in groups] == [("bond0.100", True), ("e1", False)]


def test_a_director_in_no_order_has_nothing_to_generate():
    with pytest.raises(VrrpError, match="with d3 in its `order`"):
        render_frr(FULL, FULL.directors["d3"])
