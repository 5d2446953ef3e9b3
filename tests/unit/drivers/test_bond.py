"""Bonded links in a tree like /sys/class/net."""

from pathlib import Path

import pytest

from clusterlb.drivers.bond import bond_of


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, carrier in (("e0", "1\n"), ("e1", "0\n"), ("e2", "1\n")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "carrier").write_text(carrier)
    (tmp_path / "bond0" / "bonding").mkdir(parents=True)
    (tmp_path / "bond0" / "bonding" / "slaves").write_text("e0 e1\n")
    (tmp_path / "bond0.100").mkdir()
    (tmp_path / "bond0.100" / "lower_bond0").symlink_to(tmp_path / "bond0")
    return tmp_path


@pytest.mark.parametrize("name", ["bond0", "bond0.100"])
def test_a_bond_and_a_vlan_on_it_have_its_links(root: Path, name: str) -> None:
    bond = bond_of(name, root)
    assert bond is not None
    assert (bond.carrier, bond.up) == ({"e0": True, "e1": False}, 1)


@pytest.mark.parametrize("name", ["e2", "nosuch"])
def test_another_link_is_none(root: Path, name: str) -> None:
    assert bond_of(name, root) is None


def test_a_link_that_is_gone_has_no_carrier(root: Path) -> None:
    (root / "e1" / "carrier").unlink()
    bond = bond_of("bond0", root)
    assert bond is not None
    assert bond.carrier == {"e0": True, "e1": False}
