"""A director's programs: the ``clusterlb`` command in a fork of the lab's process, or ipvsadm without it.

A fork has everything imported already: on an emulated machine only that makes eight controllers start within
seconds. Directors without clusterlb are programmed as articles on LVS do: the benchmark's baseline.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

from clusterlb.lab.netns import inside, run
from clusterlb.lab.spec import LabSpec, Sysctls
from clusterlb.lab.topology import LabTopology

# the modules that each forked process would import
_WARM = (
    "clusterlb.service",
    "clusterlb.api.server",
    "clusterlb.cli.down",
    "clusterlb.cli.plan",
    "clusterlb.cli.status",
    "clusterlb.cli.up",
    "clusterlb.config.load",
    "clusterlb.controller.daemon",
)
# needed by flows that move to another director: net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_conn_schedule
_SYSCTLS = {"net/ipv4/vs/sloppy_tcp": "1", "net/ipv4/vs/schedule_icmp": "1"}
_METHODS = {"dr": "-g", "tun": "-i"}


def warm() -> None:
    """Import the command's modules, and share them with the forked processes for good."""
    for name in _WARM:
        import_module(name)
    gc.collect()
    gc.freeze()  # a later collection would copy the shared pages


def run_clusterlb(argv: Sequence[str]) -> None:
    """Run the command in this process, and end the process."""
    from clusterlb.cli.main import main

    main.main(list(argv), prog_name="clusterlb", standalone_mode=True)


def program_baseline(spec: LabSpec, lab: LabTopology, name: str) -> None:
    """Load a director's IPVS table, set its sysctls unless the spec keeps the kernel's, add the VIPs."""
    with inside(name):
        run(["ipvsadm", "-R"], rules(spec, lab))
        if spec.sysctls is Sysctls.DEFAULT:
            for key, value in _SYSCTLS.items():
                Path("/proc/sys", key).write_text(value, encoding="ascii")
    run(["ip", "-n", name, "-batch", "-"], "".join(f"address add {vip}/32 dev lo\n" for vip in lab.vips))


def rules(spec: LabSpec, lab: LabTopology) -> str:
    """Return the table in the format of ipvsadm-restore(8)."""
    service = spec.service
    flags = f" -b {','.join(service.flags)}" if service.flags else ""
    lines = []
    method = _METHODS[service.forwarding]
    for vip in lab.vips:
        lines.append(f"-A -t {vip}:{service.port} -s {service.scheduler}{flags}")
        lines += [
            f"-a -t {vip}:{service.port} -r {server.address}:{service.port} {method} -w 1"
            for server in lab.servers
        ]
    return "\n".join(lines) + "\n"
