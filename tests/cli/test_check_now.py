"""``clusterlb check-now``: phases, exit codes, and what it says when there is nothing to check."""

from __future__ import annotations

import socket

import pytest
from click.testing import CliRunner

from clusterlb.cli.main import main

INVENTORY = """
cluster: {{name: test, vip_prefixes: [10.100.0.0/24]}}
directors: {{d1: {{router_id: 10.1.0.1, uplinks: [e0]}}}}
pools:
  web:
    members: [{{address: 127.0.0.1, port: {up}}}, {{address: 127.0.0.1, port: {down}}}]
    check: {{type: tcp, expect: hello, timeout: 2s, interval: 3s}}
  bare:
    members: [{{address: 127.0.0.9, port: 9}}]
vips:
  10.100.0.1: {{services: [{{protocol: tcp, port: 80, pool: web, forwarding: nat}}]}}
"""


@pytest.fixture
def members(tmp_path):
    """A member that greets, one that does not listen, and their inventory."""
    with socket.create_server(("127.0.0.1", 0)) as greeting, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        up, down = greeting.getsockname()[1], closed.getsockname()[1]
        path = tmp_path / "inventory.yaml"
        path.write_text(INVENTORY.format(up=up, down=down))
        yield greeting, up, down, path


def check_now(path, member):
    return CliRunner().invoke(main, ["check-now", member, "--inventory", str(path)])


def test_a_member_that_answers(members):
    greeting, up, _, path = members

    def greet():
        connection, _ = greeting.accept()
        connection.sendall(b"hello there\r\n")
        connection.close()

    import threading

    thread = threading.Thread(target=greet)
    thread.start()
    done = check_now(path, f"web/127.0.0.1:{up}")
    thread.join()
    assert done.exit_code == 0, done.output
    rows = done.output.splitlines()
    assert rows[0] == f"web/127.0.0.1:{up}  tcp, timeout 2 s"
    assert any(row.endswith("connected") and " ms" in row for row in rows)
    assert "passed" in rows[-1]


def test_a_member_that_does_not(members):
    _, _, down, path = members
    done = check_now(path, f"127.0.0.1:{down}")
    assert done.exit_code == 5
    assert "FAILED: connection refused" in done.output


def test_a_member_that_nobody_checks_names_those_that_are(members):
    _, up, _, path = members
    for member in ("127.0.0.9:9", "web/127.0.0.1:1", "nonsense"):
        done = check_now(path, member)
        assert done.exit_code == 1
        assert f"web/127.0.0.1:{up}" in done.output


def test_a_bad_inventory_is_told_as_check_does(tmp_path):
    path = tmp_path / "inventory.yaml"
    path.write_text("cluster: {}\n")
    assert check_now(path, "web/127.0.0.1:80").exit_code == 3
