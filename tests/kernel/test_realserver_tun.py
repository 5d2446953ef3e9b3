"""The script for tunnels, with real packets: from a client through IPVS and a tunnel to a server and back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

import pytest
from realserver_host import Host
from realserver_inventories import GRE, GRE_CHECKSUM, GUE, inventory, service

from clusterlb.core.plan.diff import service_steps
from clusterlb.core.programme import destination, virtual_service
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.ipvs.modules import load
from clusterlb.model.forwarding import Forwarding, Tunnel
from clusterlb.model.inventory import Inventory
from clusterlb.model.ipvs import ServiceState, TunnelFlag, TunnelType
from clusterlb.render.realserver.needs import needs_of
from clusterlb.render.realserver.render import realserver_script
from tests.kernel.conftest import fresh_namespace

pytestmark = pytest.mark.kernel

VIP = {4: "10.100.0.1", 6: "fd00:100::1"}
SERVER = {4: "10.2.0.101", 6: "fd00:2::101"}
CLIENT = {4: "10.3.0.1", 6: "fd00:3::1"}
DIRECTORS = {4: "10.2.0.1", 6: "fd00:2::1"}
UPLOAD = 200_000
# the default of strict Debian hosts; the receiver's own setting has to prevail
STRICT = "sysctl -qw net.ipv4.conf.all.rp_filter=1 net.ipv4.conf.default.rp_filter=1"
DIRECTOR = """
sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
ip link add br0 type bridge
ip link set br0 up
ip address add 10.2.0.1/24 dev br0
ip address add fd00:2::1/64 dev br0 nodad
ip route add 10.3.0.0/24 dev br0
ip route add fd00:3::/64 dev br0
ip route add local 10.100.0.1 dev lo
ip route add local fd00:100::1 dev lo
"""

SERVE = f"""
import socket
server = socket.create_server(("::", 80), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    connection, client = server.accept()
    left = {UPLOAD}
    while left and (data := connection.recv(left)):
        left -= len(data)
    connection.sendall(client[0].encode())
    connection.close()
"""
ASK = f"""
import socket, sys
connection = socket.create_connection((sys.argv[1], 80), timeout=20)
print(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
connection.sendall(bytes({UPLOAD}))
print(connection.recv(100).decode())
"""


@dataclass(frozen=True)
class Way:
    """A tunnel with the IP versions of VIP and member."""

    tunnel: Tunnel
    vip: int
    member: int

    def __str__(self) -> str:
        options = f"-{self.tunnel.checksum.name}" if self.tunnel.checksum else ""
        return f"{self.tunnel.type.name}{options}-{self.vip}in{self.member}".lower()

    @property
    def inventory(self) -> Inventory:
        pool = {4: "web", 6: "web6"}[self.member]
        return inventory({VIP[self.vip]: [service(pool, Forwarding.TUN, self.tunnel)]})


REMOTE = Tunnel(TunnelType.GUE, 6080, TunnelFlag.REMCSUM)
WAYS = [Way(tunnel, version, version) for tunnel in (Tunnel(), GUE, GRE) for version in (4, 6)]
WAYS += [Way(Tunnel(), 6, 4), Way(Tunnel(), 4, 6), Way(REMOTE, 4, 4), Way(GRE_CHECKSUM, 4, 4)]
BROKEN = (WAYS[0], WAYS[3], WAYS[4])  # one of each kind, in both families


@pytest.fixture(scope="module", autouse=True)
def modules() -> None:
    """Load what else the first script would, for fallback devices come with it."""
    for name in ("ipip", "sit", "ip6_tunnel", "ip_gre", "ip6_gre", "fou"):
        load(name)


@contextmanager
def network(tmp_path) -> Iterator[tuple[Host, Host]]:
    """A server and a client, both on the bridge of this thread's namespace, the director's."""
    with ExitStack() as stack:
        stack.enter_context(fresh_namespace())
        subprocess.run(["sh", "-ec", DIRECTOR], check=True)
        hosts = []
        for name in ("server", "client"):
            (tmp_path / name).mkdir()
            host = stack.enter_context(closing(Host(tmp_path / name)))
            join = f"ip link add {name} type veth peer name e0 netns {host.pid}"
            subprocess.run(["sh", "-ec", f"{join}; ip link set {name} master br0 up"], check=True)
            hosts.append(host)
        server, client = hosts
        server.sh(f"ip link set e0 up; {address(SERVER)}; {on_link(CLIENT)}; {STRICT}")
        client.sh(f"ip link set e0 up; {address(CLIENT)}; {on_link(DIRECTORS)}; {to_vips()}")
        yield server, client


def address(of: dict[int, str]) -> str:
    return f"ip address add {of[4]}/24 dev e0; ip address add {of[6]}/64 dev e0 nodad"


def on_link(of: dict[int, str]) -> str:
    return f"ip route add {of[4]}/32 dev e0; ip route add {of[6]}/128 dev e0"


def to_vips() -> str:
    return f"ip route add {VIP[4]} via {DIRECTORS[4]}; ip route add {VIP[6]} via {DIRECTORS[6]}"


@pytest.mark.parametrize("way", WAYS, ids=str)
def test_a_client_uploads_through_the_tunnel_and_nothing_is_left(way: Way, tmp_path) -> None:
    given, own = way.inventory, ip_address(SERVER[way.member])
    (clamp,) = needs_of(given, own).clamps
    vip = given.vips[ip_address(VIP[way.vip])]
    (each,) = vip.services
    member = given.pools[each.pool].members[0]
    state = ServiceState(virtual_service(vip, each), (destination(each, member, 1),))
    with network(tmp_path) as (server, client), closing(KernelIpvs()) as ipvs:
        assert ipvs.apply(service_steps(each.key(vip.address), state, None)) == []
        server.install(realserver_script(given, (own,)))
        before = server.state()

        status, done, errors = server.realserver()
        assert (status, errors, done[-1]) == (0, "", "ok")
        assert server.realserver() == (0, ["ok"], "")
        assert server.realserver("--check") == (0, ["ok"], "")
        assert upload(server, client, way) == [clamp.mss - 12, CLIENT[way.vip]]  # 12: the timestamps

        if way in BROKEN:
            for harm, said in harms(way):
                server.sh(harm)
                wrong = server.mend()
                assert all(any(words in line for line in wrong) for words in said), wrong
            assert upload(server, client, way)[1] == CLIENT[way.vip]

        assert server.realserver("--remove")[0] == 0
        assert server.state() == before


def harms(way: Way) -> list[tuple[str, list[str]]]:
    """Return commands that break things, and what is said then."""
    device = needs_of(way.inventory, ip_address(SERVER[way.member])).receivers[0].name
    harm = f"ip link set {device} down; nft flush chain inet clusterlb_realserver output"
    said = [f"{device} is down", "segments small enough"]
    if way.tunnel.type is TunnelType.GUE:
        harm += f"; ip fou del port 6080{' -6' if way.member == 6 else ''}"
        said.append("unpacks no GUE")
    gone = f"ip link delete {device}; nft delete table inet clusterlb_realserver"
    return [(harm, said), (gone, [f"no device {device} unpacks what comes to", "segments small enough"])]


def upload(server: Host, client: Host, way: Way) -> list[object]:
    """Send a client's upload to the VIP; return its segment size, and the address that the server saw."""
    argv = [*server.enter, sys.executable, "-S", "-c", SERVE]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as serving:
        try:
            assert serving.stdout.readline() == "ready\n"
            argv = [*client.enter, sys.executable, "-S", "-c", ASK, VIP[way.vip]]
            asked = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=120)
            assert asked.returncode == 0, f"{asked.stderr}\n{server.state()}"
        finally:
            serving.kill()
    segment, seen = asked.stdout.split()
    return [int(segment), seen.removeprefix("::ffff:")]
