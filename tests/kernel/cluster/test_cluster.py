"""A whole cluster on real IPVS and real FRR: eight directors behind one switch."""

import time

import pytest
import yaml
from lab_view import eventually, inside, sh, start

pytestmark = pytest.mark.kernel


def test_eight_directors_are_eight_next_hops_with_one_table(whole):
    for vip in whole.vips:
        assert len(whole.next_hops(vip)) == 8
    tables = {whole.table(director) for director in whole.directors}
    assert len(tables) == 1, tables


def test_a_killed_real_server_is_out_on_all_directors_and_comes_back(whole, client):
    # how soon is a figure, fall_extra_ms: this machine may be emulated
    member = f"{whole.servers['r2']['address']}:80"
    whole.control.do("stop_server", "r2")
    eventually(lambda: whole.everywhere(member, 0), 120, "weight 0 on all directors", step=0.1)
    time.sleep(1)
    before = client.mark("out")["requests"]["failed"]
    time.sleep(5)
    assert client.mark("still out")["requests"]["failed"] == before, "a dead server still gets requests"
    whole.control.do("start_server", "r2")
    eventually(lambda: whole.everywhere(member, 1), 120, "the weight back on all directors")
    assert len({whole.table(director) for director in whole.directors}) == 1


def test_a_pool_below_quorum_withdraws_only_its_vip_on_all_directors_and_comes_back(whole):
    first, second = whole.vips
    text = whole.inventory.read_text()
    changed = yaml.safe_load(text)
    *rest, last = changed["pools"]["web"]["members"]
    changed["pools"]["web"]["members"] = rest
    changed["pools"]["solo"] = {**changed["pools"]["web"], "members": [last]}
    changed["vips"][second]["services"][0]["pool"] = "solo"
    try:
        whole.inventory.write_text(yaml.safe_dump(changed, sort_keys=False))
        solo = f"{last['address']}:80"
        eventually(
            lambda: all(solo not in whole.weights(d).get(f"{first}:80", {}) for d in whole.directors),
            120,
            "the changed inventory on all directors",
        )
        assert whole.all_next_hops(), "a reload withdrew something"
        whole.control.do("stop_server", "r3")
        eventually(lambda: whole.next_hops(second) == [], 120, "the second VIP withdrawn everywhere")
        assert len(whole.next_hops(first)) == 8
        status = whole.control.status("d1")
        (reason,) = [vip["because"] for vip in status["vips"] if vip["vip"] == second]
        assert "pool solo has 0 of 1 members up and needs 1" in reason
        whole.control.do("start_server", "r3")
        eventually(whole.all_next_hops, 120, "the second VIP back everywhere")
    finally:
        whole.inventory.write_text(text)
    reference = f"{last['address']}:80"
    eventually(
        lambda: all(
            reference in whole.weights(d)[f"{vip}:80"] for d in whole.directors for vip in whole.vips
        ),
        120,
        "the first inventory on all directors again",
    )


def test_a_bad_inventory_changes_nothing_and_is_told_of(whole):
    text = whole.inventory.read_text()
    before = whole.table("d1")
    try:
        whole.inventory.write_text(text.replace("members:", "membrs:"))
        eventually(lambda: whole.control.status("d1")["inventory"]["rejected"], 120, "the rejection")
        assert "membrs" in whole.control.status("d1")["inventory"]["rejected"]
        assert whole.table("d1") == before
        assert whole.all_next_hops()
    finally:
        whole.inventory.write_text(text)
    eventually(lambda: not whole.control.status("d1")["inventory"]["rejected"], 120, "the good one again")


def test_foreign_edits_of_owned_objects_are_put_right(whole):
    before = whole.table("d2")
    inside("d2", "ipvsadm", "-C")
    eventually(lambda: whole.table("d2") == before, 120, "the table back")
    sh("ip", "-n", "d2", "addr", "del", f"{whole.vips[0]}/32", "dev", "clb-active")
    eventually(lambda: whole.control.status("d2")["counts"]["drift"] >= 3, 120, "the drift counted")
    eventually(lambda: "d2" in whole.next_hops(whole.vips[0]), 120, "the address back")


@pytest.mark.smoke
def test_down_leaves_a_director_as_it_was_before_up_and_foreign_things_stay(whole):
    assert whole.control.down("d3")[0] == 0
    inside("d3", "ipvsadm", "-A", "-t", "10.99.0.1:81", "-s", "rr")
    inside("d3", "ipvsadm", "-a", "-t", "10.99.0.1:81", "-r", "10.2.0.101:81", "-g", "-w", "3")
    sh("ip", "-n", "d3", "addr", "add", "10.99.0.1/32", "dev", "e1")
    sh(
        "ip",
        "-n",
        "d3",
        "route",
        "add",
        "local",
        "10.99.0.9",
        "dev",
        "lo",
        "table",
        "local",
        "proto",
        "static",
    )
    sh("ip", "-n", "d3", "route", "add", "10.99.1.0/24", "via", "10.2.0.101", "table", "77")
    sh("ip", "-n", "d3", "rule", "add", "fwmark", "0x77", "lookup", "77", "pref", "1077")
    inside("d3", "nft", "add", "table", "ip", "theirs")
    commands = ["conf t", "ip prefix-list theirs permit 10.0.0.0/8", "interface e0", "ip ospf cost 77"]
    sh("vtysh", "-N", "d3", *(word for line in commands for word in ("-c", line)))
    # what OSPF has taught the kernel goes a moment after OSPF
    eventually(lambda: "proto ospf" not in whole.host("d3")["routes"], 30, "OSPF's routes gone")
    before = whole.host("d3")
    start(whole, "d3")
    eventually(whole.all_next_hops, 60, "d3 back")
    during = whole.host("d3")
    assert during != before
    assert "10.99.0.1:81" in during["ipvs"]
    assert "ip prefix-list theirs" in during["frr"]
    assert "table ip theirs" in during["nftables"]
    status, output = whole.control.down("d3")
    assert status == 0, output
    eventually(lambda: "proto ospf" not in whole.host("d3")["routes"], 30, "OSPF's routes gone")
    assert whole.host("d3") == before
    start(whole, "d3")
