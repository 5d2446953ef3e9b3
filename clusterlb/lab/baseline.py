"""Directors without clusterlb, programmed the way write-ups do it: the yardstick of the benchmark."""

from __future__ import annotations

from pathlib import Path

from clusterlb.lab.netns import inside, run
from clusterlb.lab.spec import LabSpec, Sysctls
from clusterlb.lab.topology import Topology

# what a flow that changes director needs: see net/netfilter/ipvs/ip_vs_proto_tcp.c, tcp_conn_schedule
_SYSCTLS = {"net/ipv4/vs/sloppy_tcp": "1", "net/ipv4/vs/schedule_icmp": "1"}
_METHODS = {"dr": "-g", "tun": "-i"}


def programme(spec: LabSpec, lab: Topology, name: str) -> None:
    """Load a director's IPVS table, set its settings unless the spec wants the kernel's, add the VIPs."""
    with inside(name):
        run(["ipvsadm", "-R"], rules(spec, lab))
        if spec.sysctls is Sysctls.DEFAULT:
            for key, value in _SYSCTLS.items():
                Path("/proc/sys", key).write_text(value, encoding="ascii")
    run(["ip", "-n", name, "-batch", "-"], "".join(f"address add {vip}/32 dev lo\n" for vip in lab.vips))


def rules(spec: LabSpec, lab: Topology) -> str:
    """Return the table as ipvsadm-restore(8) reads it."""
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
