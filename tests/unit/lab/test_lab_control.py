import json
import threading

import pytest

from clusterlb.lab.control import ENVIRONMENT, LabControl, open_socket, read_request, write_answer
from clusterlb.lab.netns import LabError


@pytest.fixture
def answering(tmp_path):
    """Return a function: what the lab answers to one request, and what it was asked."""
    path = tmp_path / "lab.sock"
    listener = open_socket(path)
    seen = []

    def once(answer):
        connection, _ = listener.accept()
        with connection:
            try:
                seen.append(read_request(connection))
                write_answer(connection, answer)
            except ValueError as error:
                write_answer(connection, {"error": str(error)})

    def arrange(answer):
        thread = threading.Thread(target=once, args=(answer,), daemon=True)
        thread.start()
        directors = {"d1": {"run_dir": "/r", "state_dir": "/s", "pathspace": "d1"}}
        return LabControl({"socket": str(path), "directors": directors}), seen

    yield arrange
    listener.close()


def test_a_request_is_one_line_of_json_and_so_is_its_answer(answering):
    control, seen = answering({})
    assert control.do("kill", "d3", signal=15) == {}
    assert seen == [{"do": "kill", "name": "d3", "signal": 15}]


def test_what_the_lab_cannot_do_is_an_error(answering):
    control, _ = answering({"error": "d3's controller does not run"})
    with pytest.raises(LabError, match="kill d3: d3's controller does not run"):
        control.do("kill", "d3")


def test_a_clusterlb_command_returns_its_status_and_output(answering):
    control, seen = answering({"status": 0, "output": "down\n"})
    assert control.down("d1") == (0, "down\n")
    assert seen[0]["argv"] == [
        *["down", "--run-dir", "/r", "--state-dir", "/s", "--pathspace", "d1"],
        *["--director", "d1"],
    ]


def test_the_lab_is_found_by_the_environment(tmp_path, monkeypatch):
    path = tmp_path / "lab.json"
    path.write_text(json.dumps({"vips": ["10.100.0.1"]}))
    monkeypatch.setenv(ENVIRONMENT, str(path))
    assert LabControl.from_environment().description["vips"] == ["10.100.0.1"]
    monkeypatch.delenv(ENVIRONMENT)
    with pytest.raises(LabError, match="clusterlb lab run"):
        LabControl.from_environment()
