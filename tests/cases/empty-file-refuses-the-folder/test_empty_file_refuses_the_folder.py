"""Folders with something in them that is no inventory."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from clusterlb.config.load import InventoryError, Severity, load
from clusterlb.controller.reload import signature

FOLDER = Path(__file__).parent / "inventory"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(FOLDER, tmp_path / "inventory"))


@pytest.mark.parametrize(
    "text", ["# nothing\n", "---\n", "\n", "---\n# nothing\n...\n", "~\n", "null\n", "{}\n"]
)
def test_a_file_without_a_section_is_a_warning_at_most(text: str, folder: Path):
    (folder / "20-maintenance.yaml").write_text(text)
    inventory, problems = load(folder)
    assert list(inventory.vips)
    assert {problem.text for problem in problems} <= {
        "holds no section",
        "scheduler wlc breaks flows when the ECMP set changes",
    }


def test_an_empty_file_is_about_to_be_written(folder: Path):
    (folder / "20-maintenance.yaml").write_bytes(b"")
    with pytest.raises(InventoryError, match="is empty"):
        load(folder)


def test_nothing_but_comments_is_no_inventory(folder: Path):
    (folder / "10-cluster.yaml").write_text("# nothing\n")
    with pytest.raises(InventoryError) as caught:
        load(folder)
    texts = [problem.text for problem in caught.value.problems if problem.severity is Severity.ERROR]
    assert "section `cluster` is missing" in texts


@pytest.mark.parametrize("name", [".#10-cluster.yaml", ".10-cluster.yaml.swp", "gone.yml"])
def test_a_link_to_nowhere_hides_no_change(name: str, folder: Path):
    (folder / name).symlink_to("user@host.1:1")
    before = signature(folder)
    assert before
    cluster = folder / "10-cluster.yaml"
    cluster.write_text(cluster.read_text() + "\n")
    assert signature(folder) != before


def test_an_editors_lock_is_no_change(folder: Path):
    before = signature(folder)
    (folder / ".#10-cluster.yaml").symlink_to("user@host.1:1")
    (folder / "10-cluster.yaml~").write_text("old")
    assert signature(folder) == before
    assert load(folder)


def test_a_file_that_comes_or_goes_is_one(folder: Path):
    before = signature(folder)
    (folder / "20-maintenance.yaml").unlink()
    assert signature(folder) != before
