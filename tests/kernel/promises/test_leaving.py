"""A director, a VIP, a pool or a member leaves in peace: by hand, at a time, in a maintenance window."""

import time
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
import yaml
from lab_view import eventually, inside

from tests.kernel.promises.conftest import DIRECT, MAPPED, TRANSLATED, TUNNELLED

pytestmark = pytest.mark.kernel

MOVED = {DIRECT, TUNNELLED, MAPPED}
WEB = {f"10.2.0.{n}:80": 1 for n in (101, 102, 103)}


def clients(whole, director):
    """Return the connections of each VIP that a director has an entry of."""
    found = {vip: set() for vip in MOVED}
    for line in inside(director, "ipvsadm", "-Lnc").splitlines()[2:]:
        _, _, _, client, vip, _ = line.split()
        if vip.removesuffix(":80") in found:
            found[vip.removesuffix(":80")].add(client)
    return found


@contextmanager
def lossless(whole, flows, leaver):
    """Have flows with dr, tun and nat move from a director to the others and back; none may be lost."""
    others = [name for name in whole.directors if name != leaver]
    had, mine = {name: clients(whole, name) for name in others}, clients(whole, leaver)
    assert all(mine.values()), "flows of each method pass the director that leaves"
    yield
    for vip in whole.vips:
        if whole.next_hops(vip) != ["d1"]:
            eventually(lambda vip=vip: whole.next_hops(vip) == others, 30, f"{vip} on the others")
    flows.all_answer()
    have = {name: clients(whole, name) for name in others}
    for vip in MOVED:
        taken = {client for name in others for client in have[name][vip] - had[name][vip]}
        assert taken & mine[vip], f"no flow of {vip} came over from {leaver}"


def nothing_is_lost(whole, flows):
    """Wait until all directors are next hops again; no flow may be lost by that."""
    eventually(lambda: whole.next_hops(DIRECT) == list(whole.directors), 30, "all next hops")
    flows.all_answer()


def test_flows_of_each_method_move_when_a_director_drains(whole, flows):
    with lossless(whole, flows, "d3"):
        status, output = whole.control.drain("d3")
        assert status == 0, output
    status, output = whole.control.drain("d3", back=True)
    assert status == 0, output
    nothing_is_lost(whole, flows)


def test_a_maintenance_window_takes_a_director_out_and_ends(whole, flows):
    text = whole.inventory.read_text()
    window = {
        "name": "cabling",
        "directors": ["d4"],
        "reason": "cabling in rack 4",
        "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}",
        "for": "10m",
    }
    document = yaml.safe_load(text)
    try:
        with lossless(whole, flows, "d4"):
            whole.inventory.write_text(yaml.safe_dump({**document, "maintenance": [window]}, sort_keys=False))
        eventually(lambda: whole.vip("d4", DIRECT)["reason"] == "drained", 20, "d4 out")
        assert "cabling in rack 4" in whole.vip("d4", DIRECT)["because"]
    finally:
        whole.inventory.write_text(text)
    nothing_is_lost(whole, flows)


def test_a_vip_drains_alone(whole):
    whole.clusterlb("d2", "drain", "vip", TRANSLATED, "--reason", "a try")
    rest = [name for name in whole.directors if name != "d2"]
    eventually(lambda: whole.next_hops(TRANSLATED) == rest, 20, "the VIP withdrawn at d2")
    assert whole.vip("d2", TRANSLATED)["reason"] == "drained"
    assert whole.next_hops(DIRECT) == list(whole.directors)
    whole.clusterlb("d2", "undrain", "vip", TRANSLATED)
    eventually(lambda: whole.next_hops(TRANSLATED) == list(whole.directors), 20, "the VIP back")


def test_a_pool_drains_on_one_director_and_its_vips_go_there(whole):
    words = ("drain", "pool", "web", "--reason", "a try", "--detach")
    # refused (7) while directors come or go
    eventually(lambda: whole.run("d2", *words)[0] == 0, 30, "the wish taken")
    rest = [name for name in whole.directors if name != "d2"]
    for vip in (DIRECT, TUNNELLED):
        eventually(lambda vip=vip: whole.next_hops(vip) == rest, 30, f"{vip} withdrawn at d2")
        eventually(
            lambda vip=vip: not whole.of("d2", vip), 40, "its members gone at d2, with their last connection"
        )
        assert all(whole.of(name, vip) == WEB for name in rest)
    assert whole.next_hops(MAPPED) == list(whole.directors)
    whole.clusterlb("d2", "undrain", "pool", "web")
    eventually(lambda: whole.next_hops(DIRECT) == list(whole.directors), 30, "the VIP back")
    for vip in (DIRECT, TUNNELLED):
        eventually(lambda vip=vip: whole.of("d2", vip) == WEB, 20, "all members back")


def test_a_member_drains_at_a_time_and_for_a_while(whole):
    begins = 0.0

    def taken():
        nonlocal begins
        begins = time.time() + 3  # anew each time that it is refused: what is over by then is refused as well
        words = ("--reason", "new disk", "--at", datetime.fromtimestamp(begins, UTC).isoformat())
        return whole.run("d1", "drain", "member", "web/10.2.0.101:80", *words, "--for", "4s")[0] == 0

    eventually(taken, 30, "the wish taken")
    assert "new disk" in whole.clusterlb("d1", "schedule", "list")
    assert whole.of("d1", DIRECT) == WEB
    assert time.time() < begins, "so long it has its weight"
    left = {member: 1 for member in WEB if "101" not in member}
    took = eventually(lambda: whole.of("d1", DIRECT) == left, 15, "the member out of the table")
    assert time.time() >= begins, took
    assert whole.of("d2", DIRECT) == WEB, "a wish is one director's"
    eventually(lambda: list(whole.of("d1", DIRECT)) == list(WEB), 20, "the member back in its place")
    assert whole.of("d1", DIRECT) == WEB
