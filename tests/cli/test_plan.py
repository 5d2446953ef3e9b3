"""What ``clusterlb plan`` makes of the controller's answer."""

import json

import pytest
from click.testing import CliRunner

from clusterlb.cli import client
from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main

FLOWS = [
    {
        "service": "tcp 10.100.0.1:80",
        "live": 400,
        "strays": 1,
        "strays_then": 94,
        "ends": False,
        "unknown": "",
    },
    {"service": "tcp 10.100.0.2:80", "live": 7, "strays_then": 7, "ends": True},
    {"service": "udp 10.100.0.1:53", "unknown": "scheduler rr places a flow by chance"},
]
ANSWER = {"steps": ["add member x", "read back y"], "flows": FLOWS}


@pytest.fixture
def answers(monkeypatch):
    """What the controller is asked, and what it answers."""
    asked, said = [], [(200, ANSWER)]

    def ask(run_dir, method, url, timeout=10.0, *, body=None):
        asked.append(url)
        return said[-1]

    monkeypatch.setattr(client, "ask", ask)
    return asked, said


def run(*arguments):
    return CliRunner().invoke(main, ["plan", *arguments])


def test_steps_then_flows(answers):
    done = run()
    assert done.exit_code == Exit.OK
    assert [line.strip() for line in done.output.splitlines()] == [
        "1  add member x",
        "2  read back y",
        "flows:",
        "tcp 10.100.0.1:80: 400 live; strays: 1 now, 94 then",
        "tcp 10.100.0.2:80: 7 live; all of them end with the service",
        "udp 10.100.0.1:53: cannot be said: scheduler rr places a flow by chance",
    ]


def test_json_is_the_answer(answers):
    done = run("-o", "json", "--exit-code")
    assert json.loads(done.output) == ANSWER
    assert done.exit_code == Exit.CHANGES


def test_nothing_to_do(answers):
    answers[1].append((200, {"steps": [], "flows": []}))
    done = run("--exit-code")
    assert (done.exit_code, "nothing to change" in done.output) == (Exit.OK, True)


def test_a_candidate_is_named_by_its_whole_path(answers, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new & old.yaml").write_text("")
    assert run("--inventory", "new & old.yaml").exit_code == Exit.OK
    assert answers[0] == [f"/v1/plan?inventory={tmp_path}/new%20%26%20old.yaml"]


def test_one_that_cannot_be_in_force(answers, tmp_path):
    answers[1].append((422, {"error": "no pool"}))
    done = run("--inventory", str(tmp_path))
    assert done.exit_code == Exit.INVALID
    assert "no pool" in done.output
