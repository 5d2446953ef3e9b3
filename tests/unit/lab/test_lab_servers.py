import pytest
from lab_inventories import inventory

from clusterlb.lab import servers
from clusterlb.lab.netns import LabError, spawn
from clusterlb.lab.servers import Servers
from clusterlb.lab.topology import topology

pytestmark = pytest.mark.behaviour


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Real servers whose scripts run in this very namespace."""

    def execute(name, argv, log):
        import os

        return spawn(None, lambda: os.execvp(argv[0], argv), log)

    monkeypatch.setattr(servers, "execute", execute)
    lab = topology(inventory("members: [10.2.0.101, 10.2.0.102]"))
    return Servers(lab, lambda name: tmp_path / f"{name}.log", tmp_path)


def test_each_host_runs_the_script_for_its_addresses(made, tmp_path):
    made.set_up(lambda addresses: f'echo {addresses[0]} >"$RUNTIME_DIRECTORY/seen"\n')
    assert (tmp_path / "r1/seen").read_text() == "10.2.0.101\n"
    assert (tmp_path / "r2/seen").read_text() == "10.2.0.102\n"


def test_what_a_script_complains_of_is_told(made):
    with pytest.raises(LabError, match=r"(?s)r1/set-up.sh failed:\nno module fou"):
        made.set_up(lambda addresses: "echo no module fou >&2; exit 2\n")
