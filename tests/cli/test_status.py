"""What an operator reads when a VIP is withdrawn."""

from dataclasses import replace

import pytest
from statuses import WELL, member, status, vip

from clusterlb.cli.status import show
from clusterlb.cli.watch import columns
from clusterlb.model.ospf import Lane
from clusterlb.model.reason import Reason
from clusterlb.model.status import EngineStatus, FrrStatus

WHY = "full NAT needs 192.0.2.7, which no interface of this director has: replies would not come back"
STATUS = status(vips=(vip("10.100.0.1", member(), reason=Reason.NO_LOCAL_ADDRESS, because=WHY),))


def test_a_withdrawn_vip_and_its_reason_are_one_line_before_the_table(capsys):
    show(STATUS)
    lines = capsys.readouterr().out.splitlines()
    told = lines.index(f"10.100.0.1 WITHDRAWN, no-local-address: {WHY}")
    table = next(number for number, line in enumerate(lines) if "because" in line and "verdict" in line)
    assert told < table


def test_in_a_pipe_addresses_are_not_folded(capsys):
    show(STATUS)
    lines = capsys.readouterr().out.splitlines()
    assert any("10.2.0.101:8080" in line and "connection refused" in line for line in lines)


@pytest.mark.parametrize("address", ["fd00:100::1", "fd00:1:a:b::1", "fd00:c1:0:505:1::"])
def test_addresses_are_shown_as_they_are(capsys, address):
    """rich reads ``:100:`` as an emoji, and square brackets as markup, unless it is told not to."""
    odd = member(f"[{address}]:80", because="[red]refused[/red] :sos:")
    show(status(vips=(vip(address, odd, pool="[b]:sos:", announced=(Lane.ACTIVE,), because="fit"),)))
    out = capsys.readouterr().out
    for text in (f" {address} ", f"[{address}]:80", "[b]:sos:", "[red]refused[/red] :sos:"):
        assert text in out


def test_a_drain_names_its_target_as_it_is():
    (text, *_) = columns()
    task = type("Task", (), {"description": "member/[fd00:100::1]:80"})()
    assert text.render(task).plain == "member/[fd00:100::1]:80"


def test_while_frr_is_silent_nobody_is_said_to_be_its_neighbour(capsys):
    show(STATUS)
    assert "ospf neighbours full: 10.1.0.254" in capsys.readouterr().out.splitlines()
    silent: FrrStatus = replace(WELL.frr, answers=False, error="FRR's ospfd not running")
    show(replace(STATUS, frr=silent))
    out = capsys.readouterr().out
    assert "ospf neighbours unknown: FRR's ospfd not running" in out
    assert "10.1.0.254" not in out


@pytest.mark.parametrize("state", ["dead", "silent", "restarting"])
def test_an_engine_that_does_not_run_and_what_is_not_probed_come_before_the_table(capsys, state):
    unprobed = tuple(
        f"192.0.2.{number}:80 (http): not probed since 03:04:05: ENOENT /ca.pem" for number in range(15)
    )
    checks = EngineStatus(state=state, quarantined="192.0.2.99:80 (http)")
    show(replace(STATUS, checks=checks, unprobed=unprobed))
    out = capsys.readouterr().out
    head, table = out.split("vip / service")
    assert f"error: the check engine is {state}: nobody is probed, and all verdicts stand" in head
    assert "error: 192.0.2.9:80 (http): not probed since 03:04:05: ENOENT /ca.pem" in head
    assert "error: 5 more are not probed" in head
    assert "and run in one of their own now: 192.0.2.99:80 (http)" in head
    assert "ENOENT" not in table


@pytest.mark.parametrize("state", ["running", "starting"])
def test_nothing_is_said_of_an_engine_that_runs(capsys, state):
    show(replace(STATUS, checks=EngineStatus(alive=state == "running", state=state)))
    assert "engine" not in capsys.readouterr().out
