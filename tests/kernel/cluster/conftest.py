"""These tests run inside a lab: ``clusterlb lab run --spec inventory/lab/test.yaml -- pytest ...``."""

import pytest
from lab_view import LabView, eventually

from clusterlb.lab.client import ClientProcess, load_for


@pytest.fixture(scope="session")
def lab():
    return LabView()


@pytest.fixture
def whole(lab):
    """The lab with every director serving every VIP, before the test and after it."""
    eventually(lab.all_next_hops, 300, "every director a next hop of every VIP")
    yield lab
    eventually(lab.all_next_hops, 300, "every director a next hop of every VIP again")


@pytest.fixture
def client(lab):
    """A steady client: flows that are kept, and requests."""
    process = ClientProcess(load_for(lab.control.description, flows=40, pace=1.0, rate=5.0))
    try:
        process.mark("started")
        process.settle(120)
        yield process
    finally:
        process.stop()
