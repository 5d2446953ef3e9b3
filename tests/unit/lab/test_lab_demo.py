import io
import json
import sys

import pytest
from rich.console import Console

from clusterlb.lab.demo import render_status, status_line, summary_lines, watch_demo
from clusterlb.lab.scenario import Change, figures, parse_active

STATUS = {
    "kind": "status",
    "next_hops": ["d1"],
    "connections": {"d1": 7, "d2": None},
    "flows": {"wanted": 9, "open": 8, "lost": 1, "worst_s": 0.25},
    "requests": {"ok": 30, "failed": 2, "in_flight": 1},
}


def counts(lost=0, failed=0, started=10, in_flight=2, ok=0, worst=0.1):
    return {
        "flows": {"lost": lost, "worst_s": worst, "open": 96 - lost},
        "requests": {"failed": failed, "started": started, "in_flight": in_flight, "ok": ok},
    }


def test_a_status_is_one_line_elsewhere_than_on_a_terminal():
    assert status_line(STATUS) == (
        "next hops 1/2 | connections d1:7 d2:- | kept 8/9 lost 1 | requests ok 30 failed 2"
    )


def test_a_status_is_a_table_on_a_terminal():
    console = Console(width=100, force_terminal=False, record=True, file=io.StringIO())
    console.print(render_status(STATUS))
    text = console.export_text()
    assert "next hops at the switch: 1" in text
    assert "lost 1" in text


def summary(left, died):
    found = figures("d3", left, "d5", died, counts(ok=50, started=52))
    return {"holds": all(figure.holds for figure in found), "figures": [figure.line() for figure in found]}


def test_the_numbers_hold_when_nothing_is_lost():
    change = Change(1.5, counts(), counts(started=14), counts(started=30))
    found = summary(change, change)
    assert found["holds"]
    text = "\n".join(summary_lines(found))
    assert "d3's leave: until the switch sent nothing to it: 1.5 s" in text
    assert "at most the 6 that were under way until the switch knew" in text
    assert text.endswith("The numbers hold.")


@pytest.mark.parametrize(
    ("left", "died"),
    [
        (counts(lost=1), counts()),
        (counts(failed=1), counts()),
        (counts(), counts(lost=1)),
        (counts(), counts(failed=7)),
    ],
)
def test_a_loss_beyond_the_bound_does_not_hold(left, died):
    gone = counts(started=14)
    found = summary(Change(1.0, counts(), gone, left), Change(1.0, counts(), gone, died))
    assert not found["holds"]
    assert "NOT MET" in "\n".join(summary_lines(found))


def test_requests_under_way_when_a_director_dies_may_fail():
    died = Change(1.0, counts(), counts(started=14), counts(failed=6))
    assert summary(Change(1.0, counts(), counts(), counts()), died)["holds"]


@pytest.mark.behaviour
def test_the_demo_shows_what_the_lab_says_and_returns_its_status(capsys):
    events = [
        {"kind": "phase", "text": "d3 leaves"},
        STATUS,
        {"kind": "summary", "holds": False, "figures": []},
    ]
    script = "import sys\nsys.stderr.write('lab: up\\n')\n"
    script += (
        "".join(f"print({json.dumps(event)!r})\n" for event in events) + "print('{nonsense')\nsys.exit(1)"
    )
    assert watch_demo([sys.executable, "-c", script]) == 1
    out = capsys.readouterr().out
    for line in ("lab: up", "==> d3 leaves", "next hops 1/2", "{nonsense", "The numbers do NOT hold."):
        assert line in out


def test_connections_are_added_up_over_services():
    text = (
        "IP Virtual Server version 1.2.1 (size=4096)\n"
        "Prot LocalAddress:Port Scheduler Flags\n"
        "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n"
        "TCP  0A640001:0050 mh (mh-fallback,mh-port)\n"
        "  -> 0A020065:0050      Route   1      12         3\n"
        "  -> 0A020066:0050      Route   1      5          0\n"
    )
    assert parse_active(text) == 17
