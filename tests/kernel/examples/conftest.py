"""These tests run in a lab: ``clusterlb lab run --inventory inventory/examples/NAME.yaml -- pytest ...``."""

import subprocess
from pathlib import Path

import pytest

from clusterlb.config.load import load
from clusterlb.lab.control import LabControl


@pytest.fixture(scope="session")
def control():
    return LabControl.from_environment()


@pytest.fixture(scope="session")
def inventory(control):
    """The inventory that the lab's directors run from."""
    return load(Path(control.description["inventory"]))[0]


@pytest.fixture(scope="session")
def servers(control):
    """The real servers' names by address."""
    found = control.description["servers"]
    return {address: name for name, server in found.items() for address in server["addresses"]}


@pytest.fixture(scope="session")
def one_arm(control, inventory):
    """Whether directors have one interface: the lab gives each two, and this takes one away."""
    wanted = inventory.cluster.name == "one-arm"
    for director in control.description["directors"] if wanted else ():
        subprocess.run(["ip", "-n", director, "link", "set", "e1", "down"], check=True)
    return wanted
