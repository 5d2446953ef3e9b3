"""The matrix of forwarding methods, with real packets through four directors.

Run inside ``clusterlb lab run --inventory inventory/examples/matrix.yaml -- pytest tests/kernel/matrix``. One
process in the client's namespace performs all cells before the first test; the tests look at the results.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import pytest
from forwarding_matrix import CASES, TCP, TUNNELS, UDP, Case, Matrix

from tests.bench.figures import Figure

GROUPS = {"case": CASES, "tcp_case": TCP, "udp_case": UDP, "tunnel_case": TUNNELS}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, found in GROUPS.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, found, ids=str)


_MATRIX = pytest.StashKey[Matrix]()


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Matrix:
    """The results of the cells that the selected tests want."""
    wanted: dict[str, set[Case]] = {name: set() for name in GROUPS}
    for item in request.session.items:
        for name, value in getattr(getattr(item, "callspec", None), "params", {}).items():
            wanted[name].add(value)
    performed = Matrix()
    performed.perform(wanted["case"] | wanted["tcp_case"] | wanted["udp_case"], wanted["tunnel_case"])
    request.config.stash[_MATRIX] = performed
    return performed


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the figure when all of the matrix was performed."""
    performed = config.stash.get(_MATRIX, None)
    if performed is not None and len(performed.results) == len(CASES):
        figure = Figure("matrix_lost", performed.lost, "connections", 0)
        terminalreporter.write_line(figure.line())
        terminalreporter.write_line("FIGURE " + json.dumps(asdict(figure)))
