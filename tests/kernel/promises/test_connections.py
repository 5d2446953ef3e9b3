"""Persistence, thresholds, firewall marks, and what full NAT leaves of a client."""

import re
import subprocess
from pathlib import Path

import pytest
from lab_view import eventually, inside

from tests.kernel.promises.conftest import IPV6, MARKED, SOURCES, TRANSLATED, over_ipv6, vip

pytestmark = pytest.mark.kernel

STICKY, LIMITED = vip(21), vip(22)
KEPT = 5  # seconds: the service's persistence
MANUAL = Path(__file__).parents[3] / "docs" / "full-nat.md"


def templates(whole):
    """Return the clients that d1 remembers a member for."""
    lines = inside("d1", "ipvsadm", "-Lnc").splitlines()[2:]
    return [line.split()[3] for line in lines if f"{STICKY}:82" in line and ":0 " in line]


def test_a_client_stays_with_its_member_for_a_time_and_not_longer(whole, holder):
    clients = SOURCES[:3]
    first = {client: holder.visit(client, STICKY, 82) for client in clients}
    assert len(set(first.values())) == 3, "round robin without persistence"
    for _ in range(2):
        assert {client: holder.visit(client, STICKY, 82) for client in clients} == first
    eventually(lambda: not templates(whole), KEPT + 20, "the templates expired")
    # round robin goes on after the last one: each client but the first that comes now gets another member
    again = {client: holder.visit(client, STICKY, 82) for client in reversed(clients)}
    assert len(set(again.values())) == 3
    assert again != first


@over_ipv6
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_a_client_stays_with_its_member_over_udp_and_ipv6_too(whole, holder, protocol):
    first = {client: holder.visit(client, STICKY, 82, protocol) for client in SOURCES[5:8]}
    assert set(first.values()) == {"r1", "r2", "r3"}, "round robin without persistence"
    for _ in range(2):
        assert {client: holder.visit(client, STICKY, 82, protocol) for client in first} == first


def test_a_client_of_a_member_that_is_down_gets_another_one(whole, holder, says):
    client = SOURCES[4]
    first = holder.visit(client, STICKY, 82)
    address = whole.servers[first]["address"]
    says(first, 82, 0)
    eventually(lambda: whole.of("d1", STICKY, 82)[f"{address}:82"] == 0, 20, "the member out")
    assert templates(whole), "there is a template still"
    assert holder.visit(client, STICKY, 82) not in (None, first)


def test_a_full_member_gets_no_connection_until_it_has_few(whole, holder):
    got = [holder.open(SOURCES[n % 8], LIMITED, 83) for n in range(8)]
    assert sorted(got) == ["r1"] * 4 + ["r2"] * 4
    assert holder.open(SOURCES[0], LIMITED, 83) is None, "all are full"
    mine = [number for number, name in enumerate(holder.held) if name == "r1"]
    for number in mine[:2]:
        holder.close(number)
    eventually(lambda: sum(whole.connections("d1", LIMITED, 83)) <= 6, 20, "two connections forgotten")
    assert holder.open(SOURCES[0], LIMITED, 83) is None, "two are not fewer than two"
    holder.close(mine[2])
    eventually(lambda: sum(whole.connections("d1", LIMITED, 83)) <= 5, 20, "a third one forgotten")
    assert [holder.open(SOURCES[n], LIMITED, 83) for n in range(3)] == ["r1"] * 3
    assert holder.open(SOURCES[0], LIMITED, 83) is None, "full again"


@over_ipv6
def test_packets_with_the_operators_mark_are_served_and_others_are_not(whole, holder):
    assert holder.open(SOURCES[0], MARKED, 80) is None, "nothing has the mark yet"
    ip = "ip6" if IPV6 else "ip"
    rules = (
        "table inet operator { chain marks { type filter hook prerouting priority mangle;"
        f" {ip} daddr {MARKED} tcp dport {{ 80, 8080 }} meta mark set 7;"
        f" {ip} daddr {MARKED} udp dport {{ 80, 8080 }} meta mark set 8; }}; }}"
    )
    for director in whole.directors:
        inside(director, "nft", rules)
    try:
        for protocol in ("tcp",) if IPV6 else ("tcp", "udp"):
            got = {holder.visit(each, MARKED, port, protocol) for each in SOURCES * 2 for port in (80, 8080)}
            assert got == {"r1", "r2"}, protocol
    finally:
        for director in whole.directors:
            inside(director, "nft", "delete", "table", "inet", "operator")


def kernel_log(pattern):
    """Return the kernel's lines that match, as journalctl -k -g would."""
    lines = subprocess.run(["dmesg"], capture_output=True, text=True, check=True).stdout
    return [line for line in lines.splitlines() if re.search(pattern, line)]


def seen_by_the_member(answer):
    """Return what is known from a member's log, by the manual's own examples of it."""
    assert answer["client"].startswith("10.100.1."), answer
    return {
        "10.100.1.1": answer["client"],
        "10.2.0.101": answer["local"],
        "41022": str(answer["port"]),
        "8080": str(answer["local_port"]),
    }


def test_the_log_tells_which_client_had_a_local_address_and_port(whole, holder):
    """The look-up of the manual, with its own patterns; what is known is what a member's log shows."""
    by_local, by_number = re.findall(r"-g '(clusterlb [^']+)'", MANUAL.read_text())[:2]
    for source in SOURCES:
        answer = holder.ask(source, TRANSLATED, 80)
        known = seen_by_the_member(answer)
        (seen,) = logged(filled(by_local, known))
        (number,) = re.findall(r"SEQ=(\d+)", seen)
        (found,) = logged(filled(by_number, {**known, "2843104519": number}))
        assert f" SRC={source} " in found


def test_the_log_tells_which_client_sent_a_datagram(whole, holder):
    """The same look-up for UDP over IPv4, by the IP id; what is known is what a member's log shows."""
    by_local, by_id = re.findall(r"-g '(clusterlb [^']+)'", MANUAL.read_text())[2:4]
    for source in SOURCES:
        answer = holder.ask(source, TRANSLATED, 80, "udp")
        known = seen_by_the_member(answer)
        (seen,) = logged(filled(by_local, known))
        (number,) = re.findall(r" ID=(\d+)", seen)
        (found,) = logged(filled(by_id, {**known, "4711": number}))
        assert f" SRC={source} " in found


@pytest.mark.parametrize("protocol", ["tcp", "udp"])
def test_conntrack_tells_which_client_a_live_connection_is_of(whole, holder, protocol):
    """The manual's other look-up, with its own command."""
    (command,) = re.findall(r"^(conntrack -L .*)$", MANUAL.read_text(), re.MULTILINE)
    for source in SOURCES:
        answer = holder.ask(source, TRANSLATED, 80, protocol)
        known = {"10.100.1.1": answer["client"], "41022": str(answer["port"]), "-p tcp": f"-p {protocol}"}
        owner = f"d{answer['client'].rpartition('.')[2]}"
        (line,) = inside(owner, *filled(command, known).split()).splitlines()
        assert f"src={source} dst={TRANSLATED} " in line
        assert f"src={answer['local']} dst={answer['client']} " in line


def filled(pattern, known):
    """Put what is known into a pattern of the manual."""
    assert sum(example in pattern for example in known) >= 2
    return re.sub("|".join(map(re.escape, known)), lambda match: known[match[0]], pattern)


def logged(pattern):
    """Return the lines that match, as soon as there are any."""
    eventually(lambda: kernel_log(pattern), 10, pattern)
    return kernel_log(pattern)
