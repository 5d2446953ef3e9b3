"""VIPs that VRRP moves, on real IPVS: what clients send reaches a member, and goes on."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from tests.frr.conftest import eventually, sh
from tests.support.vrrp_segment import DRAINED, HANGS, VIP, Segment, settled, until

pytestmark = pytest.mark.kernel

ECHO = """
import socket, socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True
Server(("10.100.0.1", 80), Echo).serve_forever()
"""
TALK = """
import signal, socket, sys, time
going = [True]
signal.signal(signal.SIGTERM, lambda *_: going.clear())
with socket.create_connection(("10.100.0.1", 80), timeout=20) as talker:
    turns = 0
    while going:
        said = b"%d" % turns
        talker.sendall(said)
        assert talker.recv(100) == said
        turns += 1
        print(turns, flush=True)
        time.sleep(0.02)
"""


@pytest.fixture
def segment():
    with Segment("e0", name="clbk") as made:
        yield made


@pytest.fixture
def member(segment):
    """A real server on the directors' link, with the VIP on lo; each director's IPVS leads there."""
    name, switch = f"clbk{os.getpid() % 100000}m", segment.switch
    sh("ip", "netns", "add", name)
    try:
        for command in (
            ("link", "set", "lo", "up"),
            ("link", "add", "e0", "type", "veth", "peer", "m0", "netns", switch.name),
            ("addr", "add", "10.1.0.50/24", "dev", "e0"),
            ("link", "set", "e0", "up"),
            ("addr", "add", f"{VIP}/32", "dev", "lo"),
        ):
            sh("ip", "-n", name, *command)
        switch.ip("link", "set", "m0", "master", "br0", "up")
        settings = ("net.ipv4.conf.all.arp_ignore=1", "net.ipv4.conf.all.arp_announce=2")
        sh("ip", "netns", "exec", name, "sysctl", "-qw", *settings)
        server = subprocess.Popen(["ip", "netns", "exec", name, sys.executable, "-S", "-c", ECHO])
        for router in segment.routers:
            here = ("ip", "netns", "exec", router.name)
            sh(*here, "ipvsadm", "-A", "-t", f"{VIP}:80", "-s", "mh", "-b", "mh-port,mh-fallback")
            sh(*here, "ipvsadm", "-a", "-t", f"{VIP}:80", "-r", "10.1.0.50", "-g")
            sh(*here, "sysctl", "-qw", "net.ipv4.vs.sloppy_tcp=1")
        yield name
        server.kill()
        server.wait()
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False)


class Talker:
    """A client that says something every 20 ms over one connection, and hears it said back."""

    def __init__(self, segment):
        argv = ["ip", "netns", "exec", segment.switch.name, sys.executable, "-S", "-u", "-c", TALK]
        self.process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)

    def goes_on(self):
        """Wait for ten more answers."""
        for _ in range(10):
            assert self.process.stdout.readline(), "the connection has ended"

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        with self.process.stdout as said:
            said.read()
        assert self.process.wait(30) == 0


def active(router):
    """Return how many connections a director's IPVS has as active."""
    table = sh("ip", "netns", "exec", router.name, "ipvsadm", "-Ln")
    return sum(int(line.split()[-2]) for line in table.splitlines() if "Route" in line)


async def test_connections_outlive_a_switch_over_and_a_master_that_hangs(segment, member):
    first, second = segment.directors
    await first.stand()
    await second.stand()
    await settled(first, second)
    talker = Talker(segment)
    await asyncio.to_thread(talker.goes_on)
    assert (active(first.router), active(second.router)) == (1, 0)

    await first.stand(vip=DRAINED)
    await until(second, vip="master")
    await asyncio.to_thread(talker.goes_on)
    eventually(lambda: active(second.router) == 1)

    second.router.signal("vrrpd", signal.SIGSTOP)
    sh("ip", "netns", "exec", second.router.name, "nft", HANGS)
    await until(first, vip="master")
    await asyncio.to_thread(talker.goes_on)
    talker.end()
