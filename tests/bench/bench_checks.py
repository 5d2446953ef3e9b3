"""The check engine under load: 10,000 TCP members on loopback, each probed every 2 s."""

from __future__ import annotations

from clusterlb.model.check import ProbeSpec
from tests.bench.engine_run import run_engine
from tests.bench.figures import Figure, main
from tests.bench.members import keys_of, listening

MEMBERS = 10_000
SPEC = ProbeSpec(interval=2.0, timeout=1.0)
SECONDS = 20.0


def measure() -> list[Figure]:
    """Return lag, share of one core and resident memory of the engine's process."""
    with listening() as (_, port):
        run = run_engine(keys_of("127.1.0.0", MEMBERS, port, SPEC), SECONDS)
    print(f"# {run.rate:.0f} probes/s, {run.left_out} slots left out")
    user, kernel = (cores / run.rate * 1e6 for cores in (run.user, run.kernel))
    print(f"# {user:.1f} us of user time and {kernel:.1f} us of kernel time a probe")
    return [
        Figure("check_lag_p99_ms", run.lag_p99 * 1000, "ms", 100, run.lag_max * 1000, "latest of all"),
        Figure("check_user_vs_kernel", user / kernel, "ratio", 0.7, user, "us of user time a probe"),
        Figure("check_core_share", run.cores, "cores", 0.60),
        Figure("check_rss_mb", run.rss, "MB", 200),
        Figure("check_reader_core_share", run.reader_cores, "cores"),
    ]


if __name__ == "__main__":
    main(measure)
