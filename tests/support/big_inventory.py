"""A large inventory: services spread over VIPs, each with a pool of its own."""

from __future__ import annotations


def big_inventory(services: int = 1000, members: int = 10, per_vip: int = 4, scheduler: str = "mh") -> str:
    """Return YAML with so many services of so many members; no two pools share a member."""
    lines = [
        "cluster:",
        "  name: big",
        "  vip_prefixes: [10.100.0.0/16]",
        "directors:",
        "  d1: {router_id: 10.1.0.1, uplinks: [e0]}",
        "pools:",
    ]
    for pool in range(services):
        lines += [f"  p{pool}:", "    members:"]
        for member in range(members):
            address = f"10.{2 + pool // 250}.{pool % 250}.{member + 1}"
            lines.append(f"      - {{address: {address}, port: {8000 + pool % per_vip}}}")
        lines.append("    check: {type: tcp, interval: 2s, timeout: 1s, rise: 2, fall: 3}")
    lines.append("vips:")
    flags = "[mh-port, mh-fallback]" if scheduler == "mh" else "[]"
    for pool in range(services):
        vip, port = divmod(pool, per_vip)
        if port == 0:
            lines += [f"  10.100.{vip // 250}.{vip % 250 + 1}:", "    services:"]
        lines.append(
            f"      - {{protocol: tcp, port: {8000 + port}, pool: p{pool}, forwarding: dr, "
            f"scheduler: {scheduler}, flags: {flags}}}"
        )
    return "\n".join(lines) + "\n"
