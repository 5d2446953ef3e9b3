"""400 long connections through 8 directors: how many are lost when one leaves, and when it joins again.

Beside it the yardstick, the same with wlc, the kernel's defaults and no clusterlb. Needs root and IPVS;
run inside a lab (CLUSTERLB_LAB) it is the scenario, outside it brings the two labs up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

import yaml

from clusterlb.config.fields import parse_duration
from clusterlb.lab.client import ClientProcess, load_for
from clusterlb.lab.control import ENVIRONMENT, LabControl
from tests.bench.figures import Figure, main
from tests.support.lab_view import LabView, eventually

FLOWS = 400
LEAVER, DRAINED = "d4", "d6"
RATE = 5.0  # requests a second
TIMEOUT = 20.0  # seconds without an answer that make a flow lost
SPECS = ("inventory/lab/survival.yaml", "inventory/lab/baseline.yaml")


def scenario() -> list[Figure]:
    """Run in a lab: flows, one director out, the same one in."""
    lab = LabView()
    baseline = lab.control.description["controller"] == "none"
    load = load_for(lab.control.description, flows=FLOWS, pace=2.0, timeout=TIMEOUT, rate=RATE)
    client = ClientProcess(load)
    try:
        client.mark("open")
        opened = client.settle(120)["flows"]
        assert opened["answered"] == FLOWS, opened
        left = _lost_by(lab, client, lambda: _leave(lab.control, baseline), lab_has(lab, 7))
        if baseline:
            return [Figure("baseline_leave_lost", left / FLOWS * 100, "percent")]
        joined = _lost_by(lab, client, lambda: lab.control.do("start", LEAVER), lab_has(lab, 8))
        return [
            *_drained(lab, client),
            Figure("fall_extra_ms", _fall(lab) * 1000, "ms", 1000),
            Figure("survival_leave_lost", left, "flows", 0),
            Figure("survival_join_lost", joined, "flows", 0),
        ]
    finally:
        client.stop()


def _drained(lab: LabView, client: ClientProcess) -> list[Figure]:
    """Drain one director under load and take it back; return what that cost."""
    failed = client.mark("before the drain")["requests"]["failed"]

    took = 0.0

    def drain() -> None:
        nonlocal took
        began = time.monotonic()
        status, output = lab.control.drain(DRAINED)
        took = time.monotonic() - began
        assert status == 0, output

    lost = _lost_by(lab, client, drain, lab_has(lab, 7))
    failed = client.mark("drained")["requests"]["failed"] - failed
    status, output = lab.control.drain(DRAINED, back=True)
    assert status == 0, output
    eventually(lab_has(lab, 8), 300, "the drained director back")
    return [
        Figure("drain_lost", lost, "flows", 0),
        Figure("drain_failed", failed, "requests", 0),
        Figure("drain_s", took, "s"),
    ]


def _fall(lab: LabView) -> float:
    """Return the seconds beyond its check's budget in which a dead real server is out on all directors."""
    check = yaml.safe_load(lab.inventory.read_text())["pools"]["web"]["check"]
    budget = parse_duration(check["interval"]) * check["fall"] + parse_duration(check["timeout"])
    member = f"{lab.servers['r2']['address']}:80"
    lab.control.do("stop_server", "r2")
    took = eventually(lambda: lab.everywhere(member, 0), 120, "weight 0 on all directors", step=0.1)
    lab.control.do("start_server", "r2")
    return took - budget


def lab_has(lab: LabView, count: int):
    """Return a condition: the switch has so many next hops."""
    return lambda: all(len(lab.next_hops(vip)) == count for vip in lab.vips)


def _leave(control: LabControl, baseline: bool) -> None:
    if baseline:
        control.do("withdraw", LEAVER)
        return
    status, output = control.down(LEAVER)
    assert status == 0, output


def _lost_by(lab: LabView, client: ClientProcess, act, reached) -> int:
    """Return how many flows are lost by a change, once each has answered after it or is lost."""
    before = client.mark("before")["flows"]["lost"]
    act()
    eventually(reached, 300, "the switch's next hops")
    time.sleep(1)
    client.mark("after")
    after = client.settle(TIMEOUT * 3)["flows"]
    assert after["answered"] + after["lost"] == FLOWS, after
    return after["lost"] - before


def labs() -> int:
    """Bring each lab up and run the scenario in it."""
    status = 0
    for spec in SPECS:
        argv = [sys.executable, "-m", "clusterlb", "lab", "run", "--spec", spec, "--"]
        done = subprocess.run([*argv, sys.executable, "-m", "tests.bench.bench_survival"], check=False)
        status = status or done.returncode
    return status


if __name__ == "__main__":
    if os.environ.get(ENVIRONMENT):
        main(scenario)
    else:
        sys.exit(labs())
