"""The kernel's text of its connections, and the process that counts them."""

import threading
from ipaddress import ip_address

import pytest

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import census_aside, entries
from clusterlb.drivers.ipvs.entries import read_entries
from clusterlb.model.flow import Flow, FlowEntry
from clusterlb.model.ipvs import DestinationKey, Protocol

# as Linux 7.3 writes it: ip_vs_conn_seq_show() in net/netfilter/ipvs/ip_vs_conn.c
TABLE = """\
Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C6120001 0FA0 0A640001 0050 0A020065 1F90 ESTABLISHED     899
UDP C6120002 0035 0A640001 0035 0A020066 0035 UDP             299 sip a-call@example
IP/50 C6120002 0000 0A640001 0000 0A020066 0000 NONE             9
TCP 2001:0db8:0009:0000:0000:0000:0000:0001 0FA0 2001:0db8:0100:0000:0000:0000:0000:0001 0050 \
2001:0db8:0002:0000:0000:0000:0000:0065 0050 FIN_WAIT        119
TCP C6120003 0FA1 0A640001 0050 2001:0db8:0002:0000:0000:0000:0000:0065 0050 SYN_RECV         59
"""
V4, V6 = ip_address("10.100.0.1"), ip_address("2001:db8:100::1")
MEMBER6 = DestinationKey(ip_address("2001:db8:2::65"), 80)


def key(address, port):
    return DestinationKey(ip_address(address), port)


def test_reads_each_form(tmp_path):
    path = tmp_path / "ip_vs_conn"
    path.write_text(TABLE)
    client = ip_address("198.18.0.1")
    tcp, udp = Protocol.TCP, Protocol.UDP
    assert list(read_entries(path)) == [
        FlowEntry(Flow(tcp, client, 4000, V4, 80), key("10.2.0.101", 8080), "ESTABLISHED", 899),
        FlowEntry(Flow(udp, client + 1, 53, V4, 53), key("10.2.0.102", 53), "UDP", 299),
        FlowEntry(Flow(tcp, ip_address("2001:db8:9::1"), 4000, V6, 80), MEMBER6, "FIN_WAIT", 119),
        FlowEntry(Flow(tcp, client + 2, 4001, V4, 80), MEMBER6, "SYN_RECV", 59),
    ]


def test_a_line_may_end_in_the_next_chunk(tmp_path, monkeypatch):
    path = tmp_path / "ip_vs_conn"
    path.write_text(TABLE)
    whole = list(read_entries(path))
    monkeypatch.setattr(entries, "_CHUNK", 7)
    assert list(read_entries(path)) == whole


@pytest.mark.parametrize("line", ["TCP C6120001 0FA0\n", "TCP what 0FA0 0A640001 0050 0A020065 1F90 X 8\n"])
def test_an_unknown_form_is_an_error(tmp_path, line):
    path = tmp_path / "ip_vs_conn"
    path.write_text(line)
    with pytest.raises(ValueError, match=r"unpack|literal"):
        list(read_entries(path))


@pytest.mark.behaviour
def test_a_process_that_cannot_count_says_why(monkeypatch):
    taker = census_aside.CensusTaker()
    with pytest.raises(DriverError, match=r"ended with 1"):
        taker.take("no survey")
    monkeypatch.setattr(census_aside, "PATIENCE", 0.001)
    with pytest.raises(DriverError, match=r"longer than 0\.001 s"):
        taker.take("no survey")


@pytest.mark.behaviour
def test_one_that_is_stopped_does_not_keep_its_caller_waiting(monkeypatch):
    monkeypatch.setattr(census_aside.fresh, "argv", lambda *_: ["sleep", "60"])
    taker = census_aside.CensusTaker()
    stopping = threading.Timer(0.2, taker.stop)
    stopping.start()
    with pytest.raises(DriverError, match=r"ended with -9"):
        taker.take("no survey")
    stopping.join()
    taker.stop()
