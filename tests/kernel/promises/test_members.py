"""What becomes of members that are DOWN and come back: slow start, the sorry server, removal, panic."""

import time

import pytest
from lab_view import eventually

from tests.kernel.promises.conftest import CAREFUL, RESETTING, SCARCE, SOURCES, member, over_ipv6

pytestmark = pytest.mark.kernel

ONE, TWO, SORRY = (member(n, 84) for n in (101, 102, 106))
FULL = {ONE: 4, TWO: 4}
ALL = {member(n, 85): 1 for n in (101, 102, 103)}


def asked(holder, vip, port):
    """Return who answers, which has to be the same over TCP and UDP."""
    answers = {
        protocol: {holder.visit(source, vip, port, protocol) for source in SOURCES * 3}
        for protocol in ("tcp", "udp")
    }
    assert answers["tcp"] == answers["udp"], answers
    return answers["tcp"]


def test_a_member_that_comes_back_gets_its_weight_in_steps(whole, says):
    says("r1", 84, 0)
    eventually(lambda: whole.everywhere_of(CAREFUL, 84, {ONE: 0, TWO: 4}), 20, "r1 out")
    says("r1", 84, 100)
    seen = []
    until = time.monotonic() + 30
    while time.monotonic() < until and seen[-1:] != [4]:
        weight = whole.of("d2", CAREFUL, 84)[ONE]
        if seen[-1:] != [weight]:
            seen.append(weight)
        time.sleep(0.1)
    assert seen[seen[0] == 0 :] == [1, 2, 3, 4]


@over_ipv6
def test_a_sorry_server_answers_while_no_member_can(whole, holder, says):
    assert asked(holder, CAREFUL, 84) == {"r1", "r2"}
    for name in ("r1", "r2"):
        says(name, 84, 0)
    eventually(lambda: whole.everywhere_of(CAREFUL, 84, {ONE: 0, TWO: 0, SORRY: 1}), 20, "the sorry server")
    assert asked(holder, CAREFUL, 84) == {"r6"}
    assert whole.next_hops(CAREFUL) == list(whole.directors), "the VIP stays announced"
    assert whole.vip("d2", CAREFUL)["reason"] == "sorry"
    says("r2", 84, 100)
    eventually(lambda: whole.everywhere_of(CAREFUL, 84, {ONE: 0, TWO: 4}), 30, "the sorry server gone")
    assert asked(holder, CAREFUL, 84) == {"r2"}
    says("r1", 84, 100)
    eventually(lambda: whole.everywhere_of(CAREFUL, 84, FULL), 30, "all as before")


@over_ipv6
def test_a_member_that_is_down_is_removed_and_with_too_few_all_are_used(whole, holder, says):
    assert asked(holder, SCARCE, 85) == {"r1", "r2", "r3"}
    says("r1", 85, 0)
    left = {member(n, 85): 1 for n in (102, 103)}
    eventually(lambda: whole.everywhere_of(SCARCE, 85, left), 20, "r1 removed")
    assert asked(holder, SCARCE, 85) == {"r2", "r3"}
    says("r2", 85, 0)
    eventually(lambda: whole.everywhere_of(SCARCE, 85, ALL), 20, "panic: all are used")
    assert asked(holder, SCARCE, 85) == {"r1", "r2", "r3"}
    assert "all are used" in whole.vip("d2", SCARCE)["because"]
    for name in ("r1", "r2"):
        says(name, 85, 100)
    for director in whole.directors:
        eventually(lambda name=director: list(whole.of(name, SCARCE, 85)) == list(ALL), 20, "the first order")


@over_ipv6
def test_of_a_member_that_is_down_tcp_flows_are_reset_and_udp_flows_move(whole, holder, says):
    """``flows_on_down: {tcp: reset}``: a client hears of it at once, and is served elsewhere."""
    opened = [
        (protocol, source, holder.open(source, RESETTING, 87, protocol))
        for protocol in ("tcp", "udp")
        for source in SOURCES * 2
    ]
    assert {name for *_, name in opened} == {"r1", "r2", "r3"}
    says("r1", 87, 0)
    out = {member(n, 87): int(n != 101) for n in (101, 102, 103)}
    eventually(lambda: whole.everywhere_of(RESETTING, 87, out), 20, "r1 out")
    for number, (protocol, source, name) in enumerate(opened):
        answer = holder.again(number)
        if name != "r1":
            assert answer.get("server") == name, (protocol, answer)
        elif protocol == "udp":
            assert answer.get("server") in ("r2", "r3"), answer
        else:
            assert answer == {"error": "ConnectionResetError"}, answer
        assert holder.visit(source, RESETTING, 87, protocol) in ("r2", "r3")
    says("r1", 87, 100)
    back = {member(n, 87): 1 for n in (101, 102, 103)}
    eventually(lambda: whole.everywhere_of(RESETTING, 87, back), 20, "r1 back")
    assert asked(holder, RESETTING, 87) == {"r1", "r2", "r3"}


@over_ipv6
def test_flows_of_a_member_that_drains_stay_with_it(whole, holder):
    """UDP's, too: who goes on sending is not taken away from a member that is well."""
    opened = [
        (protocol, holder.open(source, RESETTING, 87, protocol))
        for protocol in ("tcp", "udp")
        for source in SOURCES * 2
    ]
    assert set(opened) == {(p, name) for p in ("tcp", "udp") for name in ("r1", "r2", "r3")}
    target = ("member", f"resetting/{member(101, 87)}")
    for name in whole.directors:
        words = (*target, "--reason", "new disk", "--detach")
        # refused (7) while directors come or go
        eventually(lambda name=name, words=words: whole.run(name, "drain", *words)[0] == 0, 30, "the wish")
    out = {member(n, 87): int(n != 101) for n in (101, 102, 103)}
    eventually(lambda: whole.everywhere_of(RESETTING, 87, out), 20, "r1 gets nothing new")
    for number, (protocol, name) in enumerate(opened):
        assert holder.again(number).get("server") == name, protocol
    assert asked(holder, RESETTING, 87) == {"r2", "r3"}
    for name in whole.directors:
        whole.clusterlb(name, "undrain", *target)
    back = {member(n, 87): 1 for n in (101, 102, 103)}
    eventually(lambda: whole.everywhere_of(RESETTING, 87, back), 20, "r1 back")
