"""Every golden table in the kernel; and a director that never speaks for a VIP."""

import pytest
from anchored_flows import anchored_table
from forwarding_inventories import RULES

from clusterlb.core.nft.hairpin import SEEN, hairpin
from clusterlb.core.nft.table import table
from clusterlb.core.plan.diff import diff
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.model.plan import LoadRules
from clusterlb.model.rules import NO_RULES
from clusterlb.model.state import DirectorState
from tests.frr.conftest import InNamespace, sh

pytestmark = pytest.mark.smoke


@pytest.fixture
def director(routers, wire):
    """A director that has the VIP and nothing that listens on it, and a client."""
    here, there = routers("a"), routers("b")
    wire(here, "e0", "10.1.0.1/24", there, "e0", "10.1.0.2/24")
    here.ip("addr", "add", "10.100.0.1/32", "dev", "lo")
    there.ip("route", "add", "10.100.0.1/32", "via", "10.1.0.1")
    return here, there


@pytest.fixture
def rules(director):
    driver = InNamespace(director[0].name, KernelRules)
    yield driver
    driver.end()


SPEAK = """
import socket
with socket.socket(socket.AF_INET, socket.SOCK_{kind}) as client:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    client.bind(("10.1.0.2", {port}))
    client.setblocking(False)
    client.connect_ex(("10.100.0.1", 80))
    if "{kind}" == "DGRAM":
        client.send(b"?")
"""


def test_what_the_kernel_notes_of_anchored_flows(director, rules):
    wanted = anchored_table()
    rules.apply(LoadRules(wanted))
    assert rules.read() == wanted
    for kind, port in (("DGRAM", 4000), ("DGRAM", 4999), ("STREAM", 4001)):
        sh("ip", "netns", "exec", director[1].name, "python3", "-c", SPEAK.format(kind=kind, port=port))
    assert rules.noted("spoke_udp4") == {("10.1.0.2", "4000", "10.100.0.1", "80")}
    assert rules.noted("reopened_tcp4") == {("10.1.0.2", "4001", "10.100.0.1", "80")}
    assert rules.noted("spoke_tcp4") == rules.noted("ending_tcp4") == frozenset()
    assert rules.noted("nothing") == frozenset()


@pytest.mark.parametrize("name", RULES)
def test_the_kernel_reads_back_what_was_loaded(name, rules):
    wanted = table(*RULES[name])
    rules.check(wanted)
    assert rules.read() == NO_RULES
    rules.apply(LoadRules(wanted))
    assert diff(DirectorState(rules=wanted), DirectorState(rules=rules.read())) == ()
    rules.apply(LoadRules(NO_RULES))
    assert rules.read() == NO_RULES


def test_the_kernel_takes_the_table_that_watches(rules):
    rules.watch(hairpin(RULES["every-method"][0]))
    assert all(rules.seen(name) == frozenset() for name in SEEN)
    rules.watch(NO_RULES)


CONNECT = """
import socket, sys
kind, port = sys.argv[1:]
s = socket.socket(socket.AF_INET, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(1)
try:
    s.connect(("10.100.0.1", int(port)))
    s.send(b"x")
    s.recv(10)
except ConnectionRefusedError:
    print("refused")
except TimeoutError:
    print("silence")
"""


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_gap_is_silence_and_neither_a_reset_nor_an_icmp_error(kind, director, rules):
    def answer():
        return sh("ip", "netns", "exec", director[1].name, "python3", "-c", CONNECT, kind, "80").strip()

    assert answer() == "refused"
    rules.apply(LoadRules(table(*RULES["direct"])))
    assert answer() == "silence"
    sh("ip", "netns", "exec", director[1].name, "ping", "-c", "1", "-W", "2", "10.100.0.1")
    rules.apply(LoadRules(NO_RULES))
    assert answer() == "refused"
