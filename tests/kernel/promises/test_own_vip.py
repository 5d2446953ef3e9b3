"""A member that calls a VIP of its own pool: what docs/forwarding.md says of each method."""

from collections import Counter

import pytest
from lab_view import eventually

from tests.kernel.promises.conftest import DIRECT, MAPPED, TRANSLATED, TUNNELLED
from tests.kernel.promises.held import Holder

pytestmark = pytest.mark.kernel


@pytest.fixture
def calls():
    """Call a VIP from a member so many times; return the answers."""
    holders = {}

    def calls(name, address, vip, count=20):
        holder = holders.setdefault(name, Holder(name))
        return [holder.ask(address, vip, 80) for _ in range(count)]

    yield calls
    for holder in holders.values():
        holder.end()


def test_with_full_nat_other_members_and_itself_answer(whole, calls):
    answers = calls("r2", "10.2.0.102", TRANSLATED)
    assert {answer["server"] for answer in answers} == {"r2", "r3"}
    assert {answer["client"].rpartition(".")[0] for answer in answers} == {"10.100.1"}


@pytest.mark.parametrize("vip", [DIRECT, TUNNELLED])
def test_with_dr_and_tun_it_answers_itself(whole, calls, vip):
    assert Counter(answer["server"] for answer in calls("r1", "10.2.0.101", vip)) == {"r1": 20}


def test_with_nat_the_other_members_answer_is_reset_and_the_call_is_reported(whole, calls):
    answers = calls("r4", "10.2.0.104", MAPPED, count=4)
    assert {answer["error"] for answer in answers} <= {"TimeoutError", "ConnectionRefusedError"}, answers

    def reported():
        return [line for name in whole.directors for line in whole.control.status(name)["inside"]]

    eventually(reported, 90, "the call in a director's status")
    (line,) = set(reported())
    assert line.startswith(f"member 10.2.0.104 calls {MAPPED}, a VIP of its own pool")
    assert "forwarding: fullnat" in line
