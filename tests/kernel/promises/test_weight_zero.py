"""Whom a member at weight 0 costs its clients, as docs/schedulers.md has it: DOWN, drained or pinned."""

import pytest
from lab_view import eventually

from tests.kernel.promises.conftest import SOURCES

pytestmark = pytest.mark.kernel

R1 = "10.2.0.101"
# all that can pass over a member at weight 0, by the port of their pool
PASS_OVER = {
    82: {"lc": 11, "lblc": 15, "lblcr": 16, "rr": 21, "sh": 25},
    86: {"sed": 13, "nq": 14, "fo": 17, "ovf": 18},
    85: {"dh, removed": 23, "mh, removed": 7},
}
TURN_AWAY = {"sh": "10.100.0.24", "mh": "10.100.0.26"}
DH = "10.100.0.12"
TRIES = 80  # a third of them is a member's: that it gets none of so many is a matter of 1e-14


def asked(holder, vip, port, count):
    return {holder.visit(SOURCES[n % len(SOURCES)], vip, port) for n in range(count)}


def some_are_turned_away(holder, vip):
    """Ask until somebody is turned away; say whether that happened, and nobody got r1."""
    names = []
    while None not in names and len(names) < TRIES:
        names.append(holder.visit(SOURCES[len(names) % len(SOURCES)], vip, 82))
    assert "r1" not in names, names
    return names[-1] is None


def test_others_pass_over_a_member_that_is_down(whole, holder, says):
    for port in PASS_OVER:
        says("r1", port, 0)
    for port, vips in PASS_OVER.items():
        for name, last in vips.items():
            vip = f"10.100.0.{last}"
            eventually(lambda vip=vip, port=port: not out(whole, vip, port), 20, f"r1 out of {vip}")
            names = asked(holder, vip, port, 8)
            assert names <= {"r2", "r3"}, (name, names)


def out(whole, vip, port):
    return whole.of("d1", vip, port).get(f"{R1}:{port}", 0)


WISHES = {
    "drained": (("drain", "member"), ("--detach",)),
    "pinned": (("pin",), ("down",)),
}


@pytest.mark.parametrize("how", ["DOWN", *WISHES])
def test_a_hash_without_fallback_turns_the_members_clients_away(whole, holder, says, how):
    words, more = WISHES.get(how, ((), ()))
    member = f"even/{R1}:82"
    # what drains is at weight 0 for as long as it has a connection
    held = (holder.open(SOURCES[n % len(SOURCES)], TURN_AWAY["sh"], 82) for n in range(TRIES))
    assert "r1" in held
    if words:
        command = (*words, member, *more, "--reason", "a try")
        eventually(lambda: whole.run("d1", *command)[0] == 0, 30, "the wish taken")
    else:
        says("r1", 82, 0)
    try:
        for vip in TURN_AWAY.values():
            eventually(lambda vip=vip: whole.of("d1", vip, 82)[f"{R1}:82"] == 0, 20, f"r1 at 0 in {vip}")
        for name, vip in TURN_AWAY.items():
            assert some_are_turned_away(holder, vip), name
        assert asked(holder, "10.100.0.25", 82, 8) <= {"r2", "r3"}, "sh with its fallback, the same pool"
        assert whole.of("d1", TURN_AWAY["sh"], 82)[f"{R1}:82"] == 0, "so it was all the time"
    finally:
        if words:
            whole.clusterlb("d1", f"un{words[0]}", *words[1:], member)
    says("r1", 82, 100)
    eventually(lambda: out(whole, DH, 82) == 1, 20, "r1 back")


def test_dh_turns_all_clients_of_a_vip_away_with_its_member(whole, holder, says):
    (name,) = asked(holder, DH, 82, 3)
    says(name, 82, 0)
    member = f"{whole.servers[name]['address']}:82"
    eventually(lambda: whole.of("d1", DH, 82)[member] == 0, 20, "the member out")
    assert asked(holder, DH, 82, 2) == {None}
    assert whole.next_hops(DH) == ["d1"], "it stays announced: the pool has others"
