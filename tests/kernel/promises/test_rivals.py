"""Somebody else programs IPVS on a director, as kube-proxy or a keepalived with ``lvs_flush`` would."""

import threading

import pytest
from lab_view import eventually, inside

from clusterlb.lab.client import ClientProcess
from clusterlb.lab.traffic import Load
from tests.kernel.promises.conftest import DIRECT, MAPPED, SOURCES, TUNNELLED

pytestmark = pytest.mark.kernel

FLOWS = 32
OTHERS = "10.96.0.1:443"
ROUNDS = 3


class Rival:
    """Deletes what is ours each time that it is back, and has a service of its own."""

    def __init__(self, whole):
        self._whole = whole
        self._done = threading.Event()
        self.emptied = 0
        inside("d1", "ipvsadm", "-A", "-t", OTHERS, "-s", "rr")

    def sync(self, *how):
        """Wait until clusterlb has put its services back, then delete them."""
        eventually(lambda: len(self._whole.of("d1", DIRECT)) == 3, 30, "the services back", 0.05)
        inside("d1", "ipvsadm", *how)
        self.emptied += 1

    def delete_all(self):
        """Delete services one by one, but for its own, as kube-proxy does."""
        lines = [line.split() for line in inside("d1", "ipvsadm", "-Sn").splitlines()]
        for _, kind, name, *_ in [words for words in lines if words[0] == "-A" and words[2] != OTHERS]:
            inside("d1", "ipvsadm", "-D", kind, name)

    def leave(self):
        """Take its own service away where it is still there."""
        if OTHERS in inside("d1", "ipvsadm", "-Sn"):
            inside("d1", "ipvsadm", "-D", "-t", OTHERS)


@pytest.fixture
def rival(whole):
    made = Rival(whole)
    yield made
    made.leave()


@pytest.fixture
def clients(whole):
    """Connections with dr, tun and nat that talk all the time, and requests that come and go."""
    made = {
        vip: ClientProcess(Load((vip,), 80, tuple(SOURCES), flows=FLOWS, pace=0.2, rate=5.0, timeout=60.0))
        for vip in (DIRECT, TUNNELLED, MAPPED)
    }
    yield made
    for each in made.values():
        each.stop()


def answered(clients):
    """Return each VIP's counts when every connection has answered anew or is lost."""
    for each in clients.values():
        each.mark("now")
    return {vip: each.settle(60) for vip, each in clients.items()}


def test_services_that_somebody_deletes_again_and_again_come_back_and_it_is_said_who_may_be_it(
    whole, rival, clients
):
    assert {r["flows"]["answered"] for r in answered(clients).values()} == {FLOWS}
    assert not whole.control.status("d1")["rivals"]
    before = whole.control.status("d1")["counts"]["ipvs_repairs"]
    for _ in range(ROUNDS):
        rival.sync("-C")
        inside("d1", "ipvsadm", "-A", "-t", OTHERS, "-s", "rr")
    eventually(lambda: len(whole.of("d1", DIRECT)) == 3, 30, "the services back")
    rival.delete_all()
    eventually(lambda: whole.weights("d1") == {**whole.weights("d2"), **whole.weights("d1")}, 30, "all back")
    status = whole.control.status("d1")
    # each -C is one; of the services that go one by one a look may see some, and the next one the rest
    assert ROUNDS < status["counts"]["ipvs_repairs"] - before <= rival.emptied + 2
    said = status["rivals"]
    assert said.startswith("others changed what is ours in IPVS")
    assert f"it has others' services, too: tcp {OTHERS}" in said
    code, output = whole.run("d1", "status")
    assert (code, "kube-proxy in ipvs mode" in output) == (5, True)
    assert OTHERS in inside("d1", "ipvsadm", "-Sn"), "what is others' is theirs"
    after = answered(clients)
    for vip, report in after.items():
        assert (report["flows"]["answered"], report["flows"]["lost"]) == (FLOWS, 0), (vip, report)
        assert report["requests"]["failed"] == 0, (vip, report)
    assert all(whole.next_hops(vip) == list(whole.directors) for vip in clients), "nothing was withdrawn"
    assert not whole.control.status("d2")["rivals"]
