import subprocess
import sys
from pathlib import Path

import pytest

from clusterlb import fresh
from clusterlb.config.aside import LOADER, load_aside
from clusterlb.config.load import InventoryError, load
from tests.support.big_inventory import big_inventory

BAD = "cluster: {name: x}\ndirectors: {d1: {router_id: no}}\npools: {}\nvips: {}\n"


@pytest.fixture
def aside(monkeypatch):
    """A process that has no loader in memory, as a controller has none."""
    monkeypatch.delitem(sys.modules, LOADER)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "inventory.yaml"
    path.write_text(text)
    return path


@pytest.mark.usefixtures("aside")
def test_it_brings_what_loading_here_brings(tmp_path):
    path = written(tmp_path, big_inventory(services=20, members=3))
    found = load_aside(path)
    assert LOADER not in sys.modules
    assert found == load(path)


@pytest.mark.usefixtures("aside")
def test_a_bad_inventory_has_the_same_problems(tmp_path):
    path = written(tmp_path, BAD)
    with pytest.raises(InventoryError) as there:
        load_aside(path)
    with pytest.raises(InventoryError) as here:
        load(path)
    assert there.value.problems == here.value.problems
    assert str(there.value) == str(here.value)


@pytest.mark.usefixtures("aside")
def test_a_process_that_ends_without_an_answer_is_a_bad_inventory(tmp_path, monkeypatch):
    killed = "import os; os.kill(os.getpid(), 9)"
    monkeypatch.setattr(fresh, "argv", lambda *_: [sys.executable, "-c", killed])
    path = written(tmp_path, big_inventory(services=1, members=1))
    with pytest.raises(InventoryError, match="ended with -9"):
        load_aside(path)


def test_where_the_loader_is_in_memory_no_process_is_started(tmp_path, monkeypatch):
    monkeypatch.setattr(fresh, "argv", lambda *_: pytest.fail("started a process"))
    path = written(tmp_path, big_inventory(services=1, members=1))
    assert load_aside(path) == load(path)


def test_a_reload_by_process_name_does_not_end_it(tmp_path):
    code = (
        "import os, signal, sys; from pathlib import Path; from clusterlb.config import aside, load;"
        "load.load = lambda path: os.kill(os.getpid(), signal.SIGHUP) or (None, ());"
        "aside.main(Path('none'))"
    )
    argv = [sys.executable, "-P", "-c", code]
    done = subprocess.run(argv, env=fresh.environment(), capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_controller_has_nothing_in_memory_that_only_loading_needs():
    code = (
        "import sys, clusterlb.service, clusterlb.api.server, clusterlb.cli.up;"
        "print({'pydantic', 'yaml', 'clusterlb.config.load', 'clusterlb.config.build'} & {*sys.modules})"
    )
    argv = [sys.executable, "-P", "-c", code]
    done = subprocess.run(argv, env=fresh.environment(), capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
