"""Flows that are silent for longer than IPVS keeps their entries, while one of four members is drained.

Entries live 30 s, which stands for the kernel's 15 minutes, and each of 400 flows speaks every 80 s, through
four directors. The member is drained on all of them; none of its flows may be lost. Needs root and IPVS; run
inside a lab (CLUSTERLB_LAB) it is the scenario, outside it brings the lab up.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import yaml

from clusterlb.lab.client import ClientProcess, load_for
from clusterlb.lab.control import ENVIRONMENT
from tests.bench.figures import Figure, main
from tests.support.lab_view import LabView, eventually

FLOWS = 400
PACE = 80.0  # seconds between two lines of a flow
DRAINED = "r2"
SPEC = "directors: 4\nreal_servers: 4\nswitch: {hash: modulo, buckets: 56}\nwait: 600s\n"


def scenario() -> Iterator[Figure]:
    """Run in a lab: silent flows, and a drain."""
    lab = LabView()
    forget_soon(lab)
    client = ClientProcess(load_for(lab.control.description, flows=FLOWS, pace=PACE, timeout=30.0))
    try:
        client.mark("open")
        opened = client.settle(120)["flows"]
        assert opened["answered"] == FLOWS, opened
        time.sleep(PACE)
        member = f"{lab.servers[DRAINED]['address']}:80"
        print(f"{client.mark('before')['flows']['lost']} lost before the drains")
        for name in lab.directors:
            # refused, and to be tried again in some seconds, while directors have just come
            eventually(lambda name=name: drain(lab, name, member), 60, f"the drain on {name}", step=2)
        before = client.mark("drained")["flows"]["lost"]
        print(f"{before} lost until the drains had begun; anchors: {anchors(lab)}")
        time.sleep(2 * PACE)
        client.mark("later")
        after = client.settle(3 * PACE)["flows"]
        print(f"{after['answered']} of {FLOWS} flows go on; anchors: {anchors(lab)}")
        yield Figure("idle_drain_lost", after["lost"], "flows", 0)
    finally:
        client.stop()


def drain(lab: LabView, director: str, member: str) -> bool:
    """Drain a member on one director; say whether it has begun."""
    words = ("drain", "member", f"web/{member}", "--reason", "a test", "--detach")
    return lab.control.clusterlb(director, *words, "--run-dir", lab.directors[director]["run_dir"])[0] == 0


def forget_soon(lab: LabView) -> None:
    """Have entries live 30 s, on every director."""
    text = yaml.safe_load(lab.inventory.read_text())
    text["cluster"] |= {"timeouts": {"tcp": "30s", "tcp_fin": "10s"}, "flow_memory": "10m"}
    fresh = lab.inventory.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(text))
    fresh.rename(lab.inventory)
    digest = lab.control.status("d1")["inventory"]["digest"]
    eventually(
        lambda: all(lab.control.status(name)["inventory"]["digest"] != digest for name in lab.directors),
        60,
        "the shorter life of entries on all directors",
    )


def anchors(lab: LabView) -> dict[str, int]:
    """Return how many anchors each director has."""
    return {
        name: sum(s["anchored"] for vip in lab.control.status(name)["vips"] for s in vip["services"])
        for name in lab.directors
    }


if __name__ == "__main__":
    if os.environ.get(ENVIRONMENT):
        main(scenario)
    else:
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as spec:
            spec.write(SPEC)
            spec.flush()
            lab_run = [sys.executable, "-m", "clusterlb", "lab", "run", "--spec", spec.name, "--"]
            done = subprocess.run([*lab_run, sys.executable, "-m", "tests.bench.bench_idle"], check=False)
        sys.exit(done.returncode)
