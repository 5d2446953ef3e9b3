import os
import signal
import sys
from pathlib import Path

import pytest
from lab_inventories import laid_out

from clusterlb.lab.control import ENVIRONMENT
from clusterlb.lab.netns import LabError
from clusterlb.lab.session import run_session
from clusterlb.lab.spec import LabSpec

pytestmark = pytest.mark.behaviour

ASK = """
import sys
from clusterlb.lab.control import LabControl
lab = LabControl({"socket": sys.argv[1], "directors": {}})
print(lab.do("fail_frr", "d1"), lab.do("processes"))
print(lab.clusterlb("d2", "status", "--all"))
for what, name in (("dance", ""), ("start", "d9")):
    try:
        lab.do(what, name)
    except Exception as error:
        print(error)
"""


class FakeLab:
    """What a session asks of a lab, without one."""

    def __init__(self, folder: Path, broken: bool = False) -> None:
        self.topology = laid_out(LabSpec(directors=2))
        self.description = folder / "lab.json"
        self.socket = folder / "lab.sock"
        self.folder = folder
        self.broken = broken
        self.calls: list[str] = []

    def up(self) -> None:
        self.calls.append("up")
        if self.broken:
            raise LabError("no next hops")

    def down(self) -> None:
        self.calls.append("down")

    def fail_frr(self, name: str) -> None:
        self.calls.append(f"fail_frr {name}")

    def start_director(self, name: str) -> None:
        raise KeyError(name)

    def processes(self):
        return {"directors": {"d1": 1}}

    def log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def fork_clusterlb(self, name, argv, log) -> int:
        log.write_text(f"{name} {' '.join(argv)}\n")
        return os.posix_spawnp("false", ["false"], os.environ)


def test_the_commands_status_is_returned_and_the_lab_taken_down(tmp_path):
    lab = FakeLab(tmp_path)
    assert run_session(lab, ["sh", "-c", f'test "${ENVIRONMENT}" = "{lab.description}" && exit 7']) == 7
    assert lab.calls == ["up", "down"]


def test_a_command_that_a_signal_ended_has_the_shells_status(tmp_path):
    assert run_session(FakeLab(tmp_path), ["sh", "-c", "kill -KILL $$"]) == 128 + 9


def test_a_lab_that_does_not_come_up_is_taken_down(tmp_path):
    lab = FakeLab(tmp_path, broken=True)
    with pytest.raises(LabError, match="no next hops"):
        run_session(lab, ["true"])
    assert lab.calls == ["up", "down"]


def test_a_command_that_does_not_exist_is_an_error(tmp_path):
    lab = FakeLab(tmp_path)
    with pytest.raises(LabError, match="cannot run /no/such/thing"):
        run_session(lab, ["/no/such/thing"])
    assert lab.calls == ["up", "down"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_command_and_the_lab(tmp_path, number):
    lab = FakeLab(tmp_path)
    before = signal.getsignal(number)
    shell = f"kill -{number.value} {os.getpid()}; exec sleep 60"
    assert run_session(lab, ["sh", "-c", shell]) == 128 + number
    assert lab.calls == ["up", "down"]
    assert signal.getsignal(number) is before


def test_requests_are_carried_out_while_the_command_runs(tmp_path, capfd):
    lab = FakeLab(tmp_path)
    assert run_session(lab, [sys.executable, "-c", ASK, str(lab.socket)]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == "{} {'directors': {'d1': 1}}"
    assert lines[1] == "(1, 'd2 status --all\\n')"
    assert lines[2].startswith("dance : there are clusterlb, processes, start, kill")
    assert lines[3] == "start d9: there is no 'd9'"
    assert lab.calls == ["up", "fail_frr d1", "down"]
