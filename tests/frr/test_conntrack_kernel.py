"""Real translation in a namespace: what connection tracking says of it, and what happens without ports."""

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from ipaddress import ip_address

import pytest
from conntrack_entries import UDP, Entry, insert

from clusterlb.core.port_use import CLIENT_PORTS
from clusterlb.drivers.conntrack import KernelConntrack
from clusterlb.model.port_use import AddressUse, Remote
from tests.frr.conftest import enter, eventually, sh

OWN4, OWN6 = ip_address("10.100.2.1"), ip_address("fd00:100:2::1")
SERVER4, SERVER6 = ip_address("10.3.0.9"), ip_address("fd00:3::9")
CLIENT = ip_address("10.2.0.101")
RULES = f"""
table inet t {{
    chain post {{
        type nat hook postrouting priority srcnat
        oifname e1 snat ip to {OWN4}
        oifname e1 snat ip6 to {OWN6}
    }}
}}
"""
TABLE = KernelConntrack()


class Net:
    """A client behind a director that translates, and a server beyond; sockets of each."""

    def __init__(self, inside, director, outside, stack):
        self.inside, self.stack = inside, stack
        self.client, self.director, self.server = (self._thread(r.name) for r in (inside, director, outside))

    def _thread(self, name):
        thread = self.stack.enter_context(ThreadPoolExecutor(1, initializer=enter, initargs=(name,)))
        return lambda function, *arguments: thread.submit(function, *arguments).result(60)

    def listen(self, address, port=80, kind=socket.SOCK_STREAM):
        opened = self._socket(self.server, address, kind)
        opened.bind((str(address), port))
        if kind == socket.SOCK_STREAM:
            opened.listen()
        return opened

    def connect(self, address, port=80, source=None, kind=socket.SOCK_STREAM):
        opened = self._socket(self.client, address, kind)
        opened.bind(source or ("", 0))
        opened.connect((str(address), port))
        if kind == socket.SOCK_DGRAM:
            opened.send(b"x")
        return opened

    def _socket(self, where, address, kind):
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        opened = self.stack.enter_context(where(socket.socket, family, kind))
        opened.settimeout(5)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return opened

    def use(self, *addresses):
        return self.director(TABLE.port_use, addresses)


@pytest.fixture
def net(routers, wire, tmp_path):
    inside, director, outside = everyone = routers("i"), routers("d"), routers("o")
    for router in everyone:
        sh("ip", "netns", "exec", router.name, "sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0")
    wire(inside, "e0", "10.2.0.101/24", director, "e0", "10.2.0.1/24")
    wire(director, "e1", "10.3.0.1/24", outside, "e0", "10.3.0.9/24")
    inside.ip("addr", "add", "10.2.0.102/24", "dev", "e0")
    for router, end, address in (
        (inside, "e0", "fd00:2::101/64"),
        (director, "e0", "fd00:2::1/64"),
        (director, "e1", "fd00:3::1/64"),
        (outside, "e0", "fd00:3::9/64"),
    ):
        router.ip("addr", "add", address, "dev", end, "nodad")
    for router, net in ((inside, "2"), (outside, "3")):
        router.ip("route", "add", "default", "via", f"10.{net}.0.1")
        router.ip("-6", "route", "add", "default", "via", f"fd00:{net}::1")
    rules = tmp_path / "rules"
    rules.write_text(RULES)
    here = "ip", "netns", "exec", director.name
    sh(*here, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
    sh(*here, "nft", "-f", str(rules))
    with ExitStack() as stack:
        yield Net(inside, director, outside, stack)


@pytest.mark.parametrize(("own", "server"), [(OWN4, SERVER4), (OWN6, SERVER6)])
def test_each_remote_has_the_ports_for_itself(net, own, server):
    for port in (80, 81):
        net.listen(server, port)
    for port in (80, 80, 80, 81, 81):
        net.connect(server, port)
    assert net.use(own, CLIENT) == {
        own: AddressUse(5, 3, Remote(6, server, 80)),
        CLIENT: AddressUse(),
    }
    assert net.director(TABLE.flows_of, [own]) == 5
    assert net.director(TABLE.flows_of, [CLIENT]) == 0


def test_other_protocols_are_counted(net):
    net.listen(SERVER4, 53, socket.SOCK_DGRAM)
    for _ in range(2):
        net.connect(SERVER4, 53, kind=socket.SOCK_DGRAM)
    sh("ip", "netns", "exec", net.inside.name, "ping", "-qc1", "-W5", str(SERVER4))
    sh("ip", "netns", "exec", net.inside.name, "ping", "-qc1", "-W5", str(SERVER6))
    assert net.use(OWN4, OWN6) == {
        OWN4: AddressUse(3, 2, Remote(17, SERVER4, 53)),
        OWN6: AddressUse(1),  # pings have no ports
    }


def test_two_clients_with_one_port_get_two(net):
    listening = net.listen(SERVER4)
    for source in ("10.2.0.101", "10.2.0.102"):
        net.connect(SERVER4, source=(source, 40000))
    accepted = [net.stack.enter_context(listening.accept()[0]) for _ in range(2)]
    peers = {opened.getpeername() for opened in accepted}
    assert {address for address, _ in peers} == {str(OWN4)}
    assert len(peers) == 2
    assert net.use(OWN4)[OWN4].used == 2


def test_a_closed_connection_holds_its_port_and_is_no_flow(net):
    listening = net.listen(SERVER4)
    opened = net.connect(SERVER4)
    accepted, _ = listening.accept()
    assert net.director(TABLE.flows_of, [OWN4]) == 1
    opened.shutdown(socket.SHUT_WR)
    assert accepted.recv(1) == b""
    assert net.director(TABLE.flows_of, [OWN4]) == 1  # the server may still send
    accepted.close()
    assert opened.recv(1) == b""
    eventually(lambda: net.director(TABLE.flows_of, [OWN4]) == 0)
    assert net.use(OWN4)[OWN4].used == 1


def test_connections_without_translation_are_not_asked_for(net):
    net.director(insert, [Entry(CLIENT, 40000, CLIENT, 40000, SERVER4)])
    assert net.use(CLIENT) == {CLIENT: AddressUse()}


def test_without_a_free_port_a_connection_fails_and_is_counted(net):
    listening = [net.listen(SERVER4, port, socket.SOCK_DGRAM) for port in (80, 81)]
    ports = range(65536 - CLIENT_PORTS, 65536)
    net.director(
        insert, [Entry(ip_address("10.2.1.1"), port, OWN4, port, SERVER4, protocol=UDP) for port in ports]
    )
    assert net.use(OWN4)[OWN4] == AddressUse(CLIENT_PORTS, CLIENT_PORTS, Remote(UDP, SERVER4, 80))
    assert net.director(TABLE.flows_of, [OWN4]) == CLIENT_PORTS
    before = net.director(TABLE.failures)
    for port in (80, 81):
        net.connect(SERVER4, port, kind=socket.SOCK_DGRAM)
    assert listening[1].recv(1) == b"x"  # another remote has its ports free
    after = net.director(TABLE.failures)
    assert after.insert_failed == before.insert_failed + 1
    assert after.drop == before.drop + 1
    listening[0].settimeout(0)
    with pytest.raises(BlockingIOError):
        listening[0].recv(1)
