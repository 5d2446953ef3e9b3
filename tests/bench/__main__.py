"""``python -m tests.bench [NAME...]``: run benchmarks, print BENCH lines, write build/bench.json."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.bench.figures import Figure, parse

ROOT = Path(__file__).resolve().parents[2]
NATIVE, KERNEL = "native", "kernel"

# module, where it runs, and the figures that it makes
GROUPS = [
    ("bench_lines_of_code", NATIVE, ["lines_of_code", "source_lines_of_code"]),
    (
        "bench_routes",
        NATIVE,
        [
            "announce_ms",
            "withdraw_ms",
            "route_change_ms",
            "route_change_ipv4_intra_ms",
            "route_change_ipv4_external_ms",
            "route_change_ipv6_external_ms",
            "route_change_ipv6_intra_ms",
            "link_down_ms",
            "crash_ms",
            "crash_external_ms",
            "second_change_default_ms",
            "repair_ms",
        ],
    ),
    ("bench_first_start", NATIVE, ["announce_ipv6_s", "announce_first_start_s"]),
    ("bench_vrrp", NATIVE, ["vrrp_takeover_ms", "vrrp_drain_gap_ms"]),
    ("bench_mass", NATIVE, ["mass_change_default_ms", "mass_change_tuned_ms", "flap_lsas"]),
    ("bench_restart", NATIVE, ["restart_edits"]),
    ("bench_scrape", NATIVE, ["scrape_stall_ms", "scrape_idle_stall_ms"]),
    ("bench_memory", NATIVE, ["controller_rss_mb"]),
    (
        "bench_checks",
        NATIVE,
        [
            "check_lag_p99_ms",
            "check_user_vs_kernel",
            "check_core_share",
            "check_rss_mb",
            "check_reader_core_share",
        ],
    ),
    ("bench_hostile", NATIVE, ["engine_hostile_share"]),
    ("bench_mass_down", NATIVE, ["mass_down_extra_ms"]),
    ("bench_conntrack", NATIVE, ["conntrack_dump_100000_ms"]),
    (
        "bench_nft",
        NATIVE,
        ["nft_map_1000_ms", "nft_map_1_ms", "nft_interval_100_ms", "nft_read_10000_ms"],
    ),
    ("bench_ipvs", KERNEL, ["ipvs_apply_vs_ipvsadm", "ipvs_apply_rr_vs_ipvsadm", "ipvs_read_vs_ipvsadm"]),
    (
        "bench_reconcile",
        KERNEL,
        ["ipvs_one_change_messages", "reconcile_one_vs_full", "reconcile_one_vs_idle_full"],
    ),
    (
        "bench_keepalived",
        KERNEL,
        ["check_cpu_vs_keepalived", "check_cpu_shared_vs_keepalived", "check_lateness"],
    ),
    ("bench_idle", KERNEL, ["idle_drain_lost"]),
    ("bench_plan", KERNEL, ["plan_error_flows"]),
    (
        "bench_entries",
        KERNEL,
        ["entries_read_100000_s", "census_100000_s", "entries_read_1000000_s", "census_1000000_s"],
    ),
    (
        "bench_survival",
        KERNEL,
        [
            "survival_leave_lost",
            "survival_join_lost",
            "drain_lost",
            "drain_failed",
            "drain_s",
            "fall_extra_ms",
            "baseline_leave_lost",
        ],
    ),
    (
        "bench_udp_moves",
        KERNEL,
        ["udp_moves_ms", "udp_moves_after_down_ms", "udp_others_moved"],
    ),
    ("bench_pps", KERNEL, ["pps_with_rules_vs_bare", "rules_ns_per_packet"]),
    ("bench_matrix", KERNEL, ["matrix_lost"]),
    (
        "bench_vtysh",
        KERNEL,
        ["vtysh_to_announce", "vtysh_to_announce_was", "vtysh_per_minute", "vtysh_per_minute_was"],
    ),
    ("bench_lab_up", NATIVE, ["lab_up_s"]),
    ("bench_lanes", NATIVE, ["lane_kernel_s", "lane_matrix_s"]),
    ("bench_uml_build", NATIVE, ["uml_build_s"]),
]


def command(module: str, where: str) -> list[str]:
    """Return the argv that runs one module where its figures can be made."""
    run = [sys.executable, "-m", f"tests.bench.{module}"]
    return run if where == NATIVE else [sys.executable, "-m", "clusterlb", "lab", "kernel", "run", "--", *run]


def run(module: str, where: str) -> list[Figure]:
    """Run one module, show its BENCH lines as they come, and return its figures."""
    print(f"# {module} ({where})", file=sys.stderr, flush=True)
    figures = []
    with subprocess.Popen(command(module, where), cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout or ():
            figure = parse(line)
            if figure is not None:
                figures.append(figure)
            elif line.startswith("BENCH "):
                print(line, end="", flush=True)
            else:
                print(line, end="", file=sys.stderr, flush=True)
    if process.returncode:
        print(f"# {module}: exit {process.returncode}", file=sys.stderr)
    return figures


def main(names: list[str]) -> int:
    """Run what makes the named figures (all when none is named); fail when one is missing."""
    known = {name for _, _, made in GROUPS for name in made}
    unknown = [name for name in names if name not in known]
    if unknown:
        print(f"no such figure: {', '.join(unknown)}; there are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    wanted = set(names) or known
    figures = [
        figure
        for module, where, made in GROUPS
        if wanted & set(made)
        for figure in run(module, where)
        if not names or figure.name in wanted
    ]
    path = ROOT / "build" / "bench.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps([asdict(figure) for figure in figures], indent=1) + "\n")
    missing = wanted - {figure.name for figure in figures}
    for name in sorted(missing):
        print(f"# {name}: not measured", file=sys.stderr)
    missed = [figure.name for figure in figures if not figure.ok]
    if missed:
        print(f"# bound missed: {', '.join(missed)}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
