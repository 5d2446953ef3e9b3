"""The lab itself, on the real IPVS and FRR, without clusterlb's controllers, so that it is quick."""

import json
import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from clusterlb.lab.client import ClientProcess, load_for
from clusterlb.lab.control import ENVIRONMENT, LabControl
from clusterlb.lab.lab import RUN_DIR
from clusterlb.lab.routes import RouteWatch
from clusterlb.lab.topology import SWITCH

pytestmark = [
    pytest.mark.kernel,
    pytest.mark.skipif(ENVIRONMENT in os.environ, reason="runs in a lab already"),
]
LAB = [sys.executable, "-m", "clusterlb", "lab", "run"]
FLOWS = 60
VIP = IPv4Network("10.100.0.1")


def namespaces():
    handles = Path("/run/netns")
    return {path.name for path in handles.iterdir()} if handles.exists() else set()


def lab(tmp_path, spec, *command):
    path = tmp_path / "spec.yaml"
    path.write_text(textwrap.dedent(spec))
    return [*LAB, "--spec", str(path), "--", *command]


def run(tmp_path, spec, *command):
    return subprocess.run(
        lab(tmp_path, spec, *command), capture_output=True, text=True, timeout=240, check=False
    )


def nothing_is_left(before):
    assert namespaces() == before
    assert not RUN_DIR.exists()
    assert not Path("/etc/frr/d1").exists()


def test_a_command_runs_with_the_namespaces_in_reach(tmp_path):
    before = namespaces()
    script = (
        f"ip netns exec client {sys.executable} -c 'from urllib.request import urlopen;"
        ' print(urlopen("http://10.100.0.1/page", timeout=9).read().decode().strip())\';'
        "ip -n switch -j route show 10.100.0.1/32; echo; cat $CLUSTERLB_LAB >&2; exit 7"
    )
    done = run(tmp_path, "{controller: none, directors: 2, real_servers: 1}", "sh", "-c", script)
    assert done.returncode == 7, done.stderr
    answer, routes, *_ = done.stdout.splitlines()
    assert json.loads(answer) == {"server": "r1", "path": "/page"}
    assert len(json.loads(routes)[0]["nexthops"]) == 2
    assert '"inventory"' in done.stderr
    assert "the switch has all 2 next hops" in done.stderr
    nothing_is_left(before)


def test_who_does_not_arrive_is_named_and_the_lab_goes_down(tmp_path):
    before = namespaces()
    done = run(tmp_path, "{controller: none, directors: 2, real_servers: 1, wait: 100ms}", "true")
    assert done.returncode == 1
    # d1 may have arrived where starting it took longer than that; d2 is not started then
    assert re.search(r"after 0\.1 s the switch has no next hop (d1, )?d2\n", done.stderr), done.stderr
    nothing_is_left(before)


def test_a_signal_takes_the_lab_down(tmp_path):
    before = namespaces()
    command = lab(
        tmp_path, "{controller: none, directors: 1, real_servers: 1}", "sh", "-c", "echo in; exec sleep 60"
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "in\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 128 + signal.SIGTERM
    nothing_is_left(before)


def leave_and_join():
    """Be the command in a lab: flows, one director out and in again; print what was lost."""
    control = LabControl.from_environment()
    client = ClientProcess(load_for(control.description, flows=FLOWS, pace=1.0, timeout=10.0))
    client.mark("open")
    lost = [client.settle(60)["flows"]["lost"]]
    with RouteWatch(SWITCH) as watch:
        for what, count in (("withdraw", 3), ("announce", 4)):
            control.do(what, "d2")
            while len(watch.table().get(VIP, ())) != count:
                watch.wait(1.0)
            time.sleep(3.0)  # the steering agent follows the same event; an answer before it has says nothing
            client.mark(what)
            lost.append(client.settle(60)["flows"]["lost"])
    opened = client.stop()["flows"]["open"]
    print(json.dumps({"lost": lost, "open": opened}))


@pytest.mark.parametrize(
    ("service", "sysctls", "kept"),
    [("{scheduler: mh}", "default", True), ("{scheduler: wlc, flags: []}", "kernel", False)],
    ids=["maglev-and-sloppy", "wlc-as-the-kernel-comes"],
)
def test_a_switch_that_hashes_modulo_tells_good_set_ups_from_bad(tmp_path, service, sysctls, kept):
    spec = f"""
        controller: none
        directors: 4
        real_servers: 3
        service: {service}
        sysctls: {sysctls}
        switch: {{hash: modulo}}
    """
    done = run(tmp_path, spec, sys.executable, __file__)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["lost"][0] == 0
    if kept:
        assert found == {"lost": [0, 0, 0], "open": FLOWS}
    else:
        # 4 next hops become 3: three flows of four move, and two moves of three go to the wrong server
        assert found["lost"][1] > FLOWS / 4


if __name__ == "__main__":
    leave_and_join()
