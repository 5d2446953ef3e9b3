"""What several files of this folder use."""

import pytest
from runner_bench import Bench


@pytest.fixture
def bench():
    bench = Bench()
    yield bench
    bench.runner.close()
    assert all(probe.fd == -1 for probe in bench.probes.values())
