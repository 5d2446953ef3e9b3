"""The check engine beside keepalived: 500 TCP members every 2 s, one CPU; needs root and IPVS.

The members are a process in a namespace behind a veth link. Where there are two CPUs, what the members' end
of the link receives is handled on theirs, and neither program is charged for the members' TCP; on one CPU, as
User-Mode Linux has, both are alike. keepalived probes a member once for each virtual service that has it, so
four VIPs cost it four times as much.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from clusterlb.model.check import ProbeSpec
from clusterlb.model.health import ProbeKey
from tests.bench.engine_run import EngineRun, cpu_seconds, run_engine
from tests.bench.figures import Figure, main
from tests.bench.members import keys_of, listening
from tests.kernel.conftest import fresh_namespace

MEMBERS = 500
SHARED_BY = 4
SPEC = ProbeSpec(interval=2.0, timeout=1.0)
WARM_UP = 4 * SPEC.interval  # keepalived's first probes begin at random within the first interval
SECONDS = 24.0
PATIENCE = 120.0
CHECKED_CPU, MEMBERS_CPU = 0, min(1, (os.cpu_count() or 1) - 1)
ON_CHECKED_CPU = ("taskset", "-c", str(CHECKED_CPU))
LINK = """
set -e
ip link add members type veth peer name director netns {pid}
ip addr add 10.9.0.1/24 dev members
ip link set members up
ip route add 10.2.0.0/16 via 10.9.0.2
nsenter --net --target {pid} unshare --mount sh -ec '
    ip link set lo up
    ip addr add 10.9.0.2/24 dev director
    ip link set director up
    ip route add local 10.2.0.0/16 dev lo
    mount -t sysfs sysfs /sys
    steer=/sys/class/net/director/queues/rx-0/rps_cpus
    [ ! -e $steer ] || echo {mask:x} > $steer
'
"""
VIRTUAL_SERVER = """
virtual_server 10.1.0.%d 80 {
    delay_loop %g
    lb_algo rr
    lb_kind DR
    protocol TCP
%s}
"""
REAL_SERVER = """\
    real_server %s 80 {
        TCP_CHECK {
            connect_timeout %g
            retry 2
            delay_before_retry %g
        }
    }
"""


def measure() -> list[Figure]:
    """Measure with one virtual service, and with four that share their members."""
    os.sched_setaffinity(0, {MEMBERS_CPU})
    keepalived, engine = beside(services=1)
    shared_keepalived, shared_engine = beside(services=SHARED_BY)
    return [
        Figure("check_cpu_vs_keepalived", engine.cores / keepalived, "ratio", 1.3),
        Figure("check_cpu_shared_vs_keepalived", shared_engine.cores / shared_keepalived, "ratio", 0.4),
        Figure("check_lateness", engine.lag_max / SPEC.interval, "intervals", 0.10),
    ]


def beside(services: int) -> tuple[float, EngineRun]:
    """Return keepalived's share of its CPU, and what the engine did before it, in the same namespaces."""
    with fresh_namespace(), listening(80, ("unshare", "--net")) as (server, port):
        link = LINK.format(pid=server.pid, mask=1 << MEMBERS_CPU)
        subprocess.run(["sh", "-c", link], check=True)
        keys = keys_of("10.2.0.1", MEMBERS, port, SPEC)
        with keepalived(keys, services) as family:
            # Its services are there already, as ours would be, and none of its thousands of closed
            # connections (TIME_WAIT, 60 s) whose end would be charged to the engine.
            _signal(family, signal.SIGSTOP)
            run = run_engine(keys, SECONDS, ON_CHECKED_CPU)
            _signal(family, signal.SIGCONT)
            time.sleep(WARM_UP)
            keepalived_cores = _cores_and_rate(family, services)
    print(
        f"# {services} x {MEMBERS}: engine {run.cores:.3f} of a CPU, {run.rate:.0f} probes/s, latest"
        f" {run.lag_max * 1000:.0f} ms, {run.left_out} slots left out; reader {run.reader_cores:.3f}",
        flush=True,
    )
    return keepalived_cores, run


@contextmanager
def keepalived(keys: list[ProbeKey], services: int) -> Iterator[list[int]]:
    """Run keepalived until every destination is in the kernel, and yield its processes."""
    spec = SPEC
    servers = "".join(REAL_SERVER % (key.endpoint.address, spec.timeout, spec.interval) for key in keys)
    with TemporaryDirectory() as folder:
        path = Path(folder, "keepalived.conf")
        path.write_text(
            "".join(VIRTUAL_SERVER % (number + 1, spec.interval, servers) for number in range(services))
        )
        argv = [*ON_CHECKED_CPU, "keepalived", "--check", "--dont-fork", "--dont-respawn", "--no-syslog"]
        argv += [f"--use-file={path}", f"--pid={folder}/pid", f"--checkers_pid={folder}/checkers"]
        with subprocess.Popen(argv) as process:
            family = [process.pid]
            try:
                _until_programmed(services * MEMBERS)
                children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
                family += map(int, children.split())
                assert len(family) == 2, family
                yield family
            finally:
                _signal(family, signal.SIGKILL)


def _signal(family: list[int], number: signal.Signals) -> None:
    for pid in family:
        os.kill(pid, number)


def _cores_and_rate(family: list[int], services: int) -> float:
    began, cpu, opened = time.monotonic(), sum(map(cpu_seconds, family)), _connections_opened()
    time.sleep(SECONDS)
    took = time.monotonic() - began
    cores = (sum(map(cpu_seconds, family)) - cpu) / took
    rate = (_connections_opened() - opened) / took
    assert _destinations() == services * MEMBERS, "keepalived took members out"
    print(f"# {services} x {MEMBERS}: keepalived {cores:.3f} of a CPU, {rate:.0f} probes/s", flush=True)
    return cores


def _until_programmed(destinations: int) -> None:
    end = time.monotonic() + PATIENCE
    while _destinations() < destinations:
        assert time.monotonic() < end, f"keepalived has {_destinations()} destinations in the kernel"
        time.sleep(0.5)


def _destinations() -> int:
    """Count the real servers in IPVS (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_info_seq_show())."""
    table = Path("/proc/thread-self/net/ip_vs")
    lines = table.read_text().splitlines() if table.exists() else []
    return sum(line.startswith("  -> ") for line in lines[3:])


def _connections_opened() -> int:
    """Return how many connections this namespace has begun (RFC 4022, tcpActiveOpens)."""
    names, values = (
        line.split()
        for line in Path("/proc/thread-self/net/snmp").read_text().splitlines()
        if line.startswith("Tcp:")
    )
    return int(values[names.index("ActiveOpens")])


if __name__ == "__main__":
    main(measure)
