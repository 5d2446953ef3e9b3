"""These tests run inside the lab that tests/kernel/promises/run brings up."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from lab_view import LabView, eventually, inside, sh

from clusterlb.lab.client import ClientProcess
from clusterlb.lab.topology import CLIENT, CLIENT_NUMBERS, CLIENTS
from clusterlb.lab.traffic import Load
from tests.kernel.promises.held import Holder

IPV6 = os.environ.get("CLUSTERLB_PROMISES") == "IPv6"  # which of the two labs this is


def vip(number):
    """Return a VIP of this lab: the same number is the same service in both families."""
    return f"fd00:100::{number}" if IPV6 else f"10.100.0.{number}"


def member(number, port):
    """Return a member as ipvsadm writes it."""
    return f"[fd00:2::{number}]:{port}" if IPV6 else f"10.2.0.{number}:{port}"


DIRECT, TUNNELLED, MAPPED, TRANSLATED, MARKED, CAREFUL, SCARCE, RESETTING = map(vip, range(1, 9))
TALKING, VANISHING, BESIEGED = map(vip, (9, 10, 27))
SOURCES = [f"fd00:3::{number}" for number in CLIENT_NUMBERS] if IPV6 else [str(a) for a in CLIENTS]
over_ipv6 = pytest.mark.over_ipv6
"""Of a test that runs in both labs; all others run over IPv4 alone."""


def pytest_configure(config):
    config.addinivalue_line("markers", "over_ipv6: runs over IPv6 as well")


def pytest_collection_modifyitems(config, items):
    if IPV6:
        chosen = [item for item in items if item.get_closest_marker("over_ipv6")]
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = chosen


class Promises(LabView):
    """The lab, and what its tests do to it."""

    def of(self, director, vip, port=80):
        """Return the members of a service on a director with their weights, in the table's order."""
        return self.weights(director).get(f"[{vip}]:{port}" if ":" in vip else f"{vip}:{port}", {})

    def everywhere_of(self, vip, port, wanted):
        """Say whether a service has these members and weights on every director."""
        return all(self.of(director, vip, port) == wanted for director in self.directors)

    def connections(self, director, vip, port):
        """Return how many connections of a service a director counts as active, and as inactive."""
        lines = [
            line.split() for line in inside(director, "ipvsadm", "-Ln", "-t", f"{vip}:{port}").splitlines()
        ]
        counts = [
            (int(words[-2]), int(words[-1])) for words in lines if words[0] == "->" and words[1][0].isdigit()
        ]
        return tuple(map(sum, zip(*counts, strict=True)))

    def clusterlb(self, director, *argv):
        """Run a command on a director; it has to succeed."""
        status, output = self.run(director, *argv)
        assert status == 0, output
        return output

    def run(self, director, command, *argv):
        """Run a command on a director; return its exit status and output."""
        return self.control.clusterlb(
            director, command, *argv, "--run-dir", self.directors[director]["run_dir"]
        )

    def vip(self, director, vip):
        """Return what a director's status says of a VIP."""
        return next(found for found in self.control.status(director)["vips"] if found["vip"] == vip)


CALL = """
    import socket, time
    while True:
        with socket.socket() as caller:
            caller.setblocking(False)
            caller.connect_ex(("{vip}", 80))
            time.sleep(0.2)
"""


@pytest.fixture(scope="session", autouse=True)
def caller():
    """A member with nat that calls its own VIP all the time: directors look for that a few seconds a minute.

    By way of d2, which no test drains: a director whose gateway's work goes on is never quiet.
    """
    if IPV6:
        yield
        return
    sh("ip", "-n", "r4", "route", "add", MAPPED, "via", "10.2.0.2")
    script = textwrap.dedent(CALL.format(vip=MAPPED))
    process = subprocess.Popen(["ip", "netns", "exec", "r4", sys.executable, "-S", "-c", script])
    yield
    process.kill()
    process.wait()


class Flows:
    """A client of each of three VIPs, with 32 connections."""

    def __init__(self):
        self._clients = {
            vip: ClientProcess(Load((vip,), 80, tuple(SOURCES), flows=32, pace=0.5, timeout=60.0))
            for vip in (DIRECT, TUNNELLED, MAPPED)
        }

    def all_answer(self, *vips):
        """Wait until each connection to these, or all, VIPs answers to what is sent now; none may be lost."""
        asked = {vip: self._clients[vip] for vip in vips or self._clients}
        for process in asked.values():
            process.mark("now")
        reports = {vip: process.settle(30)["flows"] for vip, process in asked.items()}
        answered = {vip: (seen["answered"], seen["lost"]) for vip, seen in reports.items()}
        assert answered == dict.fromkeys(asked, (32, 0)), reports

    def none_is_lost(self, vip):
        """No connection was reset, or answered by another member; an answer may be a minute late."""
        report = self._clients[vip].mark("so far")["flows"]
        assert (report["open"], report["lost"]) == (32, 0), report

    def stop(self):
        """End the clients."""
        for process in self._clients.values():
            process.stop()


@pytest.fixture(scope="session")
def lab():
    return Promises()


@pytest.fixture
def whole(lab):
    """The lab with every VIP announced by those that should, before the test and after it."""
    eventually(lambda: standing(lab), 60, "every director a next hop")
    yield lab
    eventually(lambda: standing(lab), 60, "every director a next hop again")


def standing(lab):
    return all(lab.next_hops(vip) == (list(lab.directors) if vip in ALL else ["d1"]) for vip in lab.vips)


ALL = {MARKED, CAREFUL, SCARCE, RESETTING} if IPV6 else set(map(vip, (*range(1, 11), 27)))


@pytest.fixture
def flows(whole):
    """Connections that are kept, to members with dr, tun and nat."""
    made = Flows()
    try:
        made.all_answer()
        yield made
    finally:
        made.stop()


@pytest.fixture
def holder():
    """Connections that the client holds one by one."""
    made = Holder(CLIENT)
    yield made
    made.end()


@pytest.fixture
def says():
    """Have the files of a member, one a family, say a number, or nothing."""
    changed = {}

    def say(server, port, text):
        number = 100 + int(server[1:])
        for address in (f"10.2.0.{number}", f"fd00:2::{number}"):
            path = Path(f"/run/promises/{address}-{port}")
            changed.setdefault(path, path.read_text())
            fresh = path.with_suffix(".new")
            fresh.write_text(f"{text}\n")
            fresh.rename(path)

    yield say
    for path, text in changed.items():
        path.write_text(text)
