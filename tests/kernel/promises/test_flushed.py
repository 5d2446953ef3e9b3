"""``nft flush ruleset`` on a director under load: whose connections live, and that the rules come back."""

import time

import pytest
from lab_view import eventually, inside

from clusterlb.lab.client import ClientProcess
from clusterlb.lab.traffic import Load
from tests.kernel.promises.conftest import DIRECT, MAPPED, SOURCES, TRANSLATED, TUNNELLED

pytestmark = pytest.mark.kernel

FLOWS = 48
ALL = (FLOWS, 0)  # that answer, and that are lost
# seconds between two lines of a connection: the second is long beside a flush on a host that has much to do
OFTEN, NOW_AND_THEN = 0.05, 12.0
DELAYED = 1.0  # seconds in which a client acknowledges an answer; Linux waits 200 ms at most (TCP_DELACK_MAX)


@pytest.fixture
def load(whole):
    """Start connections to VIPs that talk so often; all of them answer."""
    made = []

    def load(vips, pace):
        clients = {
            vip: ClientProcess(Load((vip,), 80, tuple(SOURCES), flows=FLOWS, pace=pace, timeout=60.0))
            for vip in vips
        }
        made.extend(clients.values())
        assert counts(clients) == dict.fromkeys(vips, ALL)
        return clients

    yield load
    for each in made:
        each.stop()


def answered(clients):
    """Return how many connections answer anew, and how many are lost, when that is said of all."""
    for each in clients.values():
        each.mark("now")
    return counts(clients)


def counts(clients):
    """Return how many connections have answered since the last mark or ever, and how many are lost."""
    reports = {vip: each.settle(30)["flows"] for vip, each in clients.items()}
    return {vip: (report["answered"], report["lost"]) for vip, report in reports.items()}


def flush(director):
    """Flush, and wait until our table is there again."""
    inside(director, "nft", "flush", "ruleset")
    eventually(
        lambda: "chain guard_output" in inside(director, "nft", "list", "ruleset"), 30, "the table back", 0.1
    )


def test_connections_that_need_no_rules_or_are_silent_in_that_moment_live(whole, load):
    """Those with nat and full NAT have just been answered and say nothing for seconds; d1 has a quarter."""
    clients = load((DIRECT, TUNNELLED), OFTEN) | load((TRANSLATED, MAPPED), NOW_AND_THEN)
    time.sleep(DELAYED)  # an acknowledgement amid the flush may be tracked, and answered with a reset
    flush("d1")
    assert answered(clients) == dict.fromkeys(clients, ALL)


def test_of_those_that_talk_only_the_directors_are_lost_and_new_ones_are_served(whole, load):
    """Who talks in that moment may be reset: docs/forwarding.md says why, docs/measurements.md how many."""
    clients = load((TRANSLATED, MAPPED), OFTEN)
    before = whole.control.status("d1")["counts"]["drift"]
    for number in range(2):  # the second one comes right after the first was put right
        flush("d1")
        what = f"flush {number} counted"
        eventually(lambda n=number: whole.control.status("d1")["counts"]["drift"] > before + n, 20, what)
    lost = {vip: gone for vip, (_, gone) in answered(clients).items()}
    print(f"lost of {FLOWS}: {lost}")
    assert all(gone < FLOWS * 3 / 4 for gone in lost.values()), "the other directors have three quarters"
    load((TRANSLATED, MAPPED), OFTEN)
