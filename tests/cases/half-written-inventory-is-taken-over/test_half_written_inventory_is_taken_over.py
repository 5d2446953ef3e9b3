"""Inventories that are written while they are looked at, that lack most of it, or that are bad at a start."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_director import FakeDirector

from clusterlb.config.load import InventoryError, load
from clusterlb.controller.last_good import LastGood

FULL = Path(__file__).with_name("full.yaml").read_text()
LINES = FULL.splitlines(keepends=True)
ONE_VIP = "".join(LINES[:14])


@pytest.fixture
async def controller(tmp_path):
    """A controller that has taken full.yaml over; nothing runs but what a test calls."""
    path = tmp_path / "inventory.yaml"
    path.write_text(FULL)
    controller = FakeDirector(tmp_path, load(path)[0]).controller()
    await controller.adopt()
    await controller.reloader.reload()
    yield controller
    controller.reconciler.stop()
    await controller.reconciler.kernel.close()


def vips(controller):
    return len(controller.store.inventory.vips)


async def test_a_file_that_is_being_written_waits(controller, tmp_path):
    path = tmp_path / "inventory.yaml"
    for end in range(1, len(LINES) + 1):
        path.write_text("".join(LINES[:end]))
        await controller.reloader.watch()
        assert (vips(controller), controller.reloader.error) == (3, "")
    more = FULL + "  10.100.0.4:\n    services: [{protocol: tcp, port: 80, pool: web}]\n"
    path.write_text(more)
    await controller.reloader.watch()
    assert vips(controller) == 3
    await controller.reloader.watch()
    assert vips(controller) == 4


async def test_a_file_without_most_of_the_vips_waits_for_a_yes(controller, tmp_path):
    (tmp_path / "inventory.yaml").write_text(ONE_VIP)
    for _ in range(3):
        await controller.reloader.watch()
    assert vips(controller) == 3
    assert "2 of 3 VIPs (10.100.0.2, 10.100.0.3)" in controller.reloader.error
    assert "clusterlb reload --yes" in controller.reloader.error
    assert not await controller.reloader.reload()
    assert controller.reloader.unconfirmed
    assert await controller.reloader.reload(yes=True)
    assert (vips(controller), controller.reloader.error) == (1, "")


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ((("10.2.0.101", "10.2.0.103"), ("10.2.0.102", "10.2.0.104")), False),
        ((("10.2.0.101", "10.2.0.103"),), True),
        ((("port: 80, pool", "port: 81, pool"),), False),
        ((("  name: edge", "  name: other"),), True),
    ],
)
async def test_members_and_services_count_too(controller, tmp_path, change, taken):
    text = FULL
    for old, new in change:
        text = text.replace(old, new)
    (tmp_path / "inventory.yaml").write_text(text)
    assert await controller.reloader.reload() is taken


async def test_the_brake_can_be_switched_off(controller, tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(FULL.replace("name: edge", "name: edge\n  max_removed: 100%"))
    assert await controller.reloader.reload()
    path.write_text(ONE_VIP)
    assert await controller.reloader.reload()
    assert vips(controller) == 1


@pytest.mark.parametrize("text", [ONE_VIP, "".join(LINES[:9]), "", FULL.replace("d1:", "d2:")])
async def test_a_start_with_a_bad_or_a_small_inventory_serves_the_last_good_one(controller, tmp_path, text):
    path = tmp_path / "inventory.yaml"
    path.write_text(text)
    good, _, why = LastGood(path, tmp_path / "state").load("d1")
    assert list(map(str, good.vips)) == ["10.100.0.1", "10.100.0.2", "10.100.0.3"]
    assert why
    path.write_text(FULL)
    assert LastGood(path, tmp_path / "state").load("d1")[2] == ""


async def test_what_a_yes_took_over_is_the_last_good_one(controller, tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text(ONE_VIP)
    await controller.reloader.reload(yes=True)
    path.write_text("")
    good, _, why = LastGood(path, tmp_path / "state").load("d1")
    assert len(good.vips) == 1
    assert why


def test_without_a_last_good_one_a_bad_inventory_ends_the_start(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text("")
    with pytest.raises(InventoryError):
        LastGood(path, tmp_path / "state").load("d1")


async def test_a_folder_is_kept_too_and_a_disk_that_is_full_is_no_obstacle(controller, tmp_path):
    folder = tmp_path / "inventory"
    folder.mkdir()
    (folder / "a.yaml").write_text("".join(LINES[:11]))
    (folder / "b.yml").write_text("".join(LINES[11:]))
    last = LastGood(folder, tmp_path / "other")
    last.keep()
    (folder / "b.yml").write_text("vips: {}\n")
    assert len(last.load("d1")[0].vips) == 3
    (tmp_path / "file").write_text("")
    LastGood(folder, tmp_path / "file").keep()
