"""One-packet scheduling is written for UDP alone."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from clusterlb.cli.main import main
from clusterlb.config.load import load
from clusterlb.core.desired import full_state
from clusterlb.model.ipvs import ServiceFlag

INVENTORY = Path(__file__).parent / "inventory.yaml"


def test_one_packet_scheduling_is_rendered_for_udp_alone():
    done = CliRunner().invoke(main, ["render", "ipvs", "--inventory", str(INVENTORY)])
    lines = [line for line in done.output.splitlines() if line.startswith("-A")]
    assert [(line.split()[1], line.endswith(" -o")) for line in lines] == [
        ("-t", False),
        ("--sctp-service", False),
        ("-u", True),
        ("-f", False),
        ("-f", True),
    ]


def test_the_kernel_gets_what_is_rendered():
    states = full_state(load(INVENTORY)[0])
    assert [ServiceFlag.ONE_PACKET in state.service.flags for state in states.values()] == [
        False,
        False,
        True,
        False,
        True,
    ]
