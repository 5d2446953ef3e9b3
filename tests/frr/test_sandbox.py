"""Controllers within the sandbox of the shipped unit: their work on FRR, nftables, links and settings."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.frr.conftest import eventually
from tests.support.sandbox import CAPABILITIES, NUMBERS, settings
from tests.support.snat_cluster import SnatCluster

UNITS = Path(__file__).parents[2] / "docs" / "systemd"
CLUSTER = ("d1", "d2")
# in a new network namespace nobody has ping sockets, so this takes a raw one
CHECKED = "  director_checks: {probes: {core: {type: icmp, address: 10.2.0.254}}}\n"

pytestmark = pytest.mark.skipif(
    not (NUMBERS.exists() and CAPABILITIES.exists() and shutil.which("systemd-analyze")),
    reason="needs linux-libc-dev and systemd on x86-64, for the names that a unit uses",
)


@pytest.fixture
def cluster(tmp_path):
    with SnatCluster(tmp_path) as made:
        file = tmp_path / "inventory.yaml"
        file.write_text(file.read_text().replace("  vip_prefixes", f"{CHECKED}  vip_prefixes"))
        sandbox = [sys.executable, "-m", "tests.support.sandbox", str(UNITS / "clusterlb.service")]
        for name in CLUSTER:
            made.directors[name].within = [*sandbox, str(tmp_path), "--"]
        yield made


def test_a_controller_does_all_of_its_work_within_the_sandbox(cluster):
    cluster.settle(CLUSTER)
    director = cluster.directors["d1"]
    caps = Path(f"/proc/{director.process.pid}/status").read_text()
    assert "Seccomp:\t2" in caps
    assert "NoNewPrivs:\t1" in caps
    eventually(lambda: _check(director)["verdict"] == "up", 30, 0.2)
    status = director.status()
    assert status["errors"] == []
    assert status["checks"]["alive"]
    assert "clb-active" in (Path("/etc/frr") / director.router.name / "frr.conf").read_text()
    cluster.directors["d1"].down()
    after = director.host()
    assert {name: after[name] for name in after if after[name] != cluster.before["d1"][name]} == {}


def _check(director):
    status = director.status()
    return status["director_checks"]["core"] if status else {"verdict": ""}


@pytest.mark.parametrize(
    "unit", ["clusterlb.service", "clusterlb-dead-man.service", "clusterlb-leave.service"]
)
def test_what_systemd_thinks_of_it(unit):
    done = subprocess.run(
        ["systemd-analyze", "--no-pager", "security", "--offline=true", "--threshold=40", str(UNITS / unit)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["clusterlb-dead-man", "clusterlb-leave"])
def test_all_units_have_one_sandbox(name):
    one, other = (settings(UNITS / f"{each}.service") for each in ("clusterlb", name))
    own = {"Type", "ExecStart", "ExecStop", "RemainAfterExit", "TimeoutStartSec", "TimeoutStopSec"}
    assert {k: v for k, v in other.items() if k not in own} == {k: one[k] for k in other if k not in own}
