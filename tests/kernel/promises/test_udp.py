"""UDP clients that send without a pause: where they go when their member is removed, drains, or is pinned."""

import pytest
from lab_view import eventually
from udp_senders import FLOWS, Senders

from tests.kernel.promises.conftest import TALKING, VANISHING

pytestmark = pytest.mark.kernel


@pytest.fixture
def senders(whole):
    """Clients of one VIP; who may not answer one of them may answer none."""
    made = []

    def senders(vip, port):
        made.append(Senders([(vip, port)]))
        return made[-1]

    yield senders
    for each in made:
        each.close()


def flows(answer):
    return [server for _, server in answer["flows"]]


def everywhere(whole, *command):
    for director in whole.directors:
        eventually(lambda name=director: whole.run(name, *command)[0] == 0, 30, "the wish taken")


def lingering(whole):
    """Return what the directors say of the member that drains."""
    rows = [
        member
        for name in whole.directors
        for service in whole.vip(name, TALKING)["services"]
        for member in service["members"]
    ]
    return [row["lingering"] for row in rows if row["lingering"]]


def busiest(names):
    """Return the server that most are answered by: of twelve it is four of them at least."""
    return max(names, key=names.count)


def others(names, before, gone):
    """Return who answers those that were answered by others than the one that is gone."""
    return [now for now, was in zip(names, before, strict=True) if was != gone]


def test_flows_of_a_member_that_is_removed_go_to_others_and_none_hangs(whole, senders, says):
    clients = senders(VANISHING, 88)
    before = flows(clients.ask())
    gone = busiest(before)
    says(gone, 88, 0)
    member = f"{whole.servers[gone]['address']}:88"
    for director in whole.directors:
        eventually(lambda name=director: member not in whole.of(name, VANISHING, 88), 20, "it is removed")
    after = flows(clients.ask(gone))
    assert len(after) == FLOWS
    # an entry is a memory, whatever becomes of the table
    assert others(after, before, gone) == others(before, before, gone)


def test_a_drain_waits_for_senders_says_so_and_its_deadline_moves_them(whole, senders):
    clients = senders(TALKING, 89)
    before = flows(clients.ask())
    gone = busiest(before)
    words = ("member", f"talking/{whole.servers[gone]['address']}:89")
    drain = ("drain", *words, "--reason", "a try", "--detach")
    everywhere(whole, *drain)
    try:
        eventually(lambda: lingering(whole), 40, "the drain says that it waits in vain")
        assert "may go on for ever" in lingering(whole)[0]
        assert flows(clients.ask()) == before, "a drain leaves flows where they are"
        everywhere(whole, *drain, "--deadline", "1s")
        after = flows(clients.ask(gone))
        assert others(after, before, gone) == others(before, before, gone)
        assert not lingering(whole)
    finally:
        for director in whole.directors:
            whole.clusterlb(director, "undrain", *words)


def test_a_pin_moves_the_flows_of_its_member(whole, senders):
    clients = senders(TALKING, 89)
    before = flows(clients.ask())
    gone = busiest(before)
    member = f"talking/{whole.servers[gone]['address']}:89"
    everywhere(whole, "pin", member, "down", "--reason", "a try")
    try:
        after = flows(clients.ask(gone))
        assert others(after, before, gone) == others(before, before, gone)
    finally:
        for director in whole.directors:
            whole.clusterlb(director, "unpin", member)
