"""Who may read, hold and change what a controller keeps, and what it believes."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from fake_director import FakeDirector, running
from intents import pin

from clusterlb.config.aside import load_aside
from clusterlb.config.error import InventoryError
from clusterlb.controller.journal import Journal, JournalError
from clusterlb.controller.ledger import Ledger, LedgerError
from clusterlb.controller.lock import AlreadyRunningError, only_one
from clusterlb.ownership import unsafe

PIN = pin("web/10.2.0.101:80", made=1.0)
NOBODY = 65534
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files away")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def ledger(state: Path) -> Ledger:
    found = Ledger(state / "ledger.json")
    found.own_sysctls({"net/ipv4/ip_forward": "0"})
    return found


def use(state: Path) -> None:
    """Write every file that a controller writes."""
    with only_one(state):
        ledger(state).save()
        journal = Journal(state / "intents.jsonl")
        journal.set(PIN)
        journal._rewrite()


def test_what_is_written_is_ours_alone_whatever_the_umask(tmp_path: Path):
    state = tmp_path / "state"
    before = os.umask(0)
    try:
        with only_one(state):
            ledger(state).save()
            Journal(state / "intents.jsonl").set(PIN)
    finally:
        os.umask(before)
    assert mode(state) == 0o700
    assert {path.name: mode(path) for path in state.iterdir()} == dict.fromkeys(
        ("lock", "ledger.json", "intents.jsonl"), 0o600
    )


def test_what_an_older_version_left_readable_is_closed(tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir(mode=0o755)
    ledger(state).save()
    Journal(state / "intents.jsonl").set(PIN)
    for path in (state / "ledger.json", state / "intents.jsonl", state / "lock"):
        path.touch()
        path.chmod(0o644)
    state.chmod(0o755)
    with only_one(state):
        Ledger(state / "ledger.json")
        Journal(state / "intents.jsonl")
    assert mode(state) == 0o700
    assert {mode(path) for path in state.iterdir()} == {0o600}


@needs_root
def test_another_user_cannot_open_the_lock(tmp_path: Path):
    for parent in [p for p in tmp_path.parents if str(p).startswith("/tmp/")] + [tmp_path]:
        parent.chmod(0o755)
    with only_one(tmp_path / "state"):
        pid = os.fork()
        if not pid:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            try:
                os.close(os.open(tmp_path / "state" / "lock", os.O_RDONLY))
            except PermissionError:
                os._exit(0)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


@pytest.mark.parametrize("name", ["lock", "ledger.new", "ledger.json", "intents.jsonl", "intents.new"])
def test_a_link_is_refused_and_not_written_through(name: str, tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    target = tmp_path / "precious"
    target.write_text("precious\n" * 1001)
    (state / name).symlink_to(target)
    with pytest.raises((AlreadyRunningError, LedgerError, JournalError), match="symbolic link"):
        use(state)
    assert target.read_text() == "precious\n" * 1001


def test_a_hard_link_is_not_written_through(tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    target = tmp_path / "precious"
    target.write_text("precious")
    (state / "ledger.new").hardlink_to(target)
    ledger(state).save()
    assert target.read_text() == "precious"


@pytest.mark.parametrize("name", ["lock", "ledger.json", "intents.jsonl"])
def test_a_fifo_is_refused_and_not_waited_for(name: str, tmp_path: Path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    os.mkfifo(state / name)
    with pytest.raises((AlreadyRunningError, LedgerError, JournalError), match="is a FIFO"):
        use(state)


def test_a_state_folder_that_anybody_may_change_is_refused(tmp_path: Path):
    for state in (tmp_path / "state", tmp_path / "open" / "state"):
        state.mkdir(parents=True)
    (tmp_path / "state").chmod(0o777)
    (tmp_path / "open").chmod(0o777)
    for state in (tmp_path / "state", tmp_path / "open" / "state"):
        with pytest.raises(AlreadyRunningError, match="anybody may change"), only_one(state):
            pass


INVENTORY = """\
cluster: {name: edge-1, vip_prefixes: [10.100.0.0/24]}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}
pools: {web: {members: [{address: 10.2.0.101, port: 80}]}}
vips: {10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "etc"
    found.mkdir(mode=0o755)
    (found / "cluster.yaml").write_text(INVENTORY)
    load_aside(found)
    return found


@pytest.mark.parametrize("as_folder", [True, False])
@pytest.mark.parametrize("opened", ["file", "folder", "above"])
def test_an_inventory_that_anybody_may_change_is_refused(
    opened: str, as_folder: bool, folder: Path, tmp_path: Path
):
    file = folder / "cluster.yaml"
    {"file": file, "folder": folder, "above": tmp_path}[opened].chmod(0o777)
    with pytest.raises(InventoryError) as caught:
        load_aside(folder if as_folder else file)
    (problem,) = caught.value.problems
    assert "anybody may change" in problem.text
    assert problem.hint.startswith("chmod o-w ")


@needs_root
@pytest.mark.parametrize("given", ["file", "folder"])
def test_an_inventory_of_somebody_else_is_refused(given: str, folder: Path):
    os.chown({"file": folder / "cluster.yaml", "folder": folder}[given], NOBODY, NOBODY)
    with pytest.raises(InventoryError, match=f"belongs to uid {NOBODY}"):
        load_aside(folder)


@needs_root
def test_a_link_leads_to_what_is_looked_at(folder: Path, tmp_path: Path):
    away = tmp_path / "away"
    away.mkdir()
    (away / "cluster.yaml").write_text(INVENTORY)
    away.chmod(0o777)
    (tmp_path / "link.yaml").symlink_to(away / "cluster.yaml")
    with pytest.raises(InventoryError, match="anybody may change"):
        load_aside(tmp_path / "link.yaml")


@needs_root
def test_who_became_root_by_sudo_may_own_it(folder: Path, monkeypatch: pytest.MonkeyPatch):
    os.chown(folder / "cluster.yaml", 4711, 4711)
    assert unsafe(folder / "cluster.yaml")
    monkeypatch.setenv("SUDO_UID", "4711")
    assert unsafe(folder / "cluster.yaml") == ""
    monkeypatch.setenv("SUDO_UID", "\u0664711")
    assert unsafe(folder / "cluster.yaml")


def test_a_group_may_be_let_in(folder: Path):
    (folder / "cluster.yaml").chmod(0o664)
    load_aside(folder)


async def test_a_running_controller_keeps_its_inventory(tmp_path: Path):
    host = FakeDirector(tmp_path)
    (tmp_path / "inventory.yaml").write_text(INVENTORY)
    (tmp_path / "inventory.yaml").chmod(0o666)
    async with running(host) as controller:
        assert not await controller.reloader.reload()
        assert "anybody may change" in controller.reloader.error
        assert controller.store.inventory is host.inventory
