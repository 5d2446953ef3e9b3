"""Packets a second through a director, with our nftables table and without; needs root and IPVS.

A client, a director with a `dr` service, and a sink that drops at its interface, in namespaces side by side.
One call of sendmmsg(2) sends a thousand packets, which the kernel carries all the way before it returns. What
the sender costs alone, with the director's interface dropping, is taken off: a real director does not send.
No network card is in the way either, so the director's own share is the smallest there can be.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from itertools import cycle, islice
from pathlib import Path
from statistics import median

from clusterlb.config.load import load
from clusterlb.core.nft.table import table
from clusterlb.drivers.ipvs.driver import KernelIpvs
from clusterlb.drivers.nft.driver import KernelRules
from clusterlb.lab.netns import inside, run
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ServiceKey,
    VirtualService,
)
from clusterlb.model.plan import AddDestination, AddService, IpvsStep, LoadRules
from clusterlb.model.rules import NO_RULES
from tests.bench.figures import Figure, main
from tests.contract.ipvs_suite import MH_FLAGS

INVENTORY = Path("inventory/examples/dr.yaml")
CLIENT, DIRECTOR, SINK = "pps-client", "pps-director", "pps-sink"
VIP, SOURCE, PORT = IPv4Address("10.100.0.1"), IPv4Address("10.1.0.200"), 80
MEMBERS = [IPv4Address("10.2.0.101"), IPv4Address("10.2.0.102")]
BATCH, PACKETS, ROUNDS = 1000, 100_000, 15
SYN, ACK = 0x02, 0x10
LAYOUT = f"""
link add to-director netns {CLIENT} type veth peer name e0 netns {DIRECTOR}
link add e1 netns {DIRECTOR} type veth peer name to-director netns {SINK}
-n {CLIENT} address add {SOURCE}/24 dev to-director
-n {CLIENT} link set to-director up
-n {DIRECTOR} link set lo up
-n {DIRECTOR} address add 10.1.0.1/24 dev e0
-n {DIRECTOR} address add 10.2.0.1/24 dev e1
-n {DIRECTOR} address add {VIP}/32 dev lo
-n {DIRECTOR} link set e0 up
-n {DIRECTOR} link set e1 up
-n {SINK} address add {MEMBERS[0]}/24 dev to-director
-n {SINK} address add {MEMBERS[1]}/24 dev to-director
-n {SINK} link set to-director up
-n {CLIENT} route add {VIP}/32 via 10.1.0.1
"""


class _Buffer(ctypes.Structure):
    """``struct iovec``."""

    _fields_ = (("base", ctypes.c_char_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    """``struct msghdr``."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("buffers", ctypes.POINTER(_Buffer)),
        ("buffer_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Message(ctypes.Structure):
    """``struct mmsghdr``, see sendmmsg(2)."""

    _fields_ = (("header", _Header), ("sent", ctypes.c_uint))


class Sender:
    """Sends the packets of so many flows, in turn, from a raw socket in the client's namespace."""

    def __init__(self, flows: int) -> None:
        with inside(CLIENT):
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
            self._socket.connect((str(VIP), 0))
        self._libc = ctypes.CDLL(None, use_errno=True)
        ports = range(20_000, 20_000 + flows)
        for messages in _batches([_packet(port, SYN) for port in ports]):
            self._call(messages)
        whole = max(flows, BATCH) // flows
        self._batches = _batches([_packet(port, ACK) for port in ports] * whole)

    def seconds(self, packets: int) -> float:
        """Send so many packets, a multiple of BATCH; return how long that took."""
        started = time.perf_counter()
        for messages in islice(cycle(self._batches), packets // BATCH):
            self._call(messages)
        return time.perf_counter() - started

    def _call(self, messages: ctypes.Array[_Message]) -> None:
        sent = self._libc.sendmmsg(self._socket.fileno(), messages, len(messages), 0)
        if sent != len(messages):
            raise OSError(ctypes.get_errno(), f"{sent} of {len(messages)} packets were sent")


def measure() -> Iterator[Figure]:
    """Measure with one flow and with 10,000; the ratio is the lower of the two, the cost the higher."""
    ratios, costs = [], []
    with layout():
        for flows in (1, 10_000):
            alone, bare, ours = rounds(Sender(flows))
            ratios.append(median((b - a) / (o - a) for a, b, o in zip(alone, bare, ours, strict=True)))
            costs.append(median(o - b for b, o in zip(bare, ours, strict=True)) / PACKETS * 1e9)
            rates = [f"{PACKETS / median(times) / 1000:.0f}" for times in (alone, bare, ours)]
            print(f"# {flows} flows: {', '.join(rates)} kpps (sender alone, bare, with our table)")
    ratio, best = min(ratios), max(ratios)
    yield Figure("pps_with_rules_vs_bare", ratio, "ratio", floor=0.97, spread=best, spread_is="best")
    yield Figure("rules_ns_per_packet", max(costs), "ns", spread=min(costs), spread_is="best")


def rounds(sender: Sender) -> tuple[list[float], list[float], list[float]]:
    """Return the seconds with the director dropping, without our table, and with it; in turn, many times."""
    inventory, _ = load(INVENTORY)
    rules = table(inventory, inventory.directors["d1"])
    alone: list[float] = []
    bare: list[float] = []
    ours: list[float] = []
    for number in range(ROUNDS + 1):
        with dropping():
            first = sender.seconds(PACKETS)
        order = [(NO_RULES, bare), (rules, ours)]
        for wanted, times in order if number % 2 else reversed(order):
            with inside(DIRECTOR):
                KernelRules().apply(LoadRules(wanted))
            before = received()
            took = sender.seconds(PACKETS)
            arrived = received() - before
            assert arrived >= PACKETS, f"{arrived} of {PACKETS} packets reached the sink"
            if number:  # the first round warms up
                times.append(took)
        if number:
            alone.append(first)
    return alone, bare, ours


@contextmanager
def layout() -> Iterator[None]:
    """Make the namespaces and the service; take them down."""
    names = (CLIENT, DIRECTOR, SINK)
    try:
        for name in names:
            run(["ip", "netns", "add", name])
        for line in LAYOUT.strip().splitlines():
            run(["ip", *line.split()])
        link = run(["ip", "-n", SINK, "-brief", "link", "show", "to-director"]).split()[2]
        for member in MEMBERS:
            way = f"ip -n {DIRECTOR} neigh replace {member} lladdr {link} dev e1 nud permanent"
            run(way.split())
        drop(SINK, "to-director")
        with inside(DIRECTOR):
            Path("/proc/sys/net/ipv4/conf/e0/rp_filter").write_text("0")
            programme()
        yield
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "delete", name], check=False)


def programme() -> None:
    """Give the director its service, as clusterlb does."""
    ipvs = KernelIpvs()
    key = ServiceKey(AddressFamily.IPV4, Protocol.TCP, VIP, PORT)
    members = [Destination(DestinationKey(member, PORT), ForwardMethod.ROUTE, 1) for member in MEMBERS]
    steps: list[IpvsStep] = [
        AddService(VirtualService(key, "mh", MH_FLAGS)),
        *(AddDestination(key, each) for each in members),
    ]
    assert ipvs.apply(steps) == []
    ipvs.close()


@contextmanager
def dropping() -> Iterator[None]:
    """Have the director's interface drop what comes, before anything looks at it."""
    drop(DIRECTOR, "e0")
    try:
        yield
    finally:
        run(["ip", "netns", "exec", DIRECTOR, "nft", "delete", "table", "netdev", "pps"])


def drop(namespace: str, interface: str) -> None:
    """Drop every packet where it enters."""
    chain = f'type filter hook ingress device "{interface}" priority 0; policy drop;'
    text = f"table netdev pps {{ chain drops {{ {chain}\n}}\n}}\n"
    run(["ip", "netns", "exec", namespace, "nft", "--file", "-"], text)


def received() -> int:
    """Return how many packets have reached the sink."""
    statistics = "/sys/class/net/to-director/statistics/rx_packets"
    return int(run(["ip", "netns", "exec", SINK, "cat", statistics]))


def _packet(port: int, flags: int) -> bytes:
    """Return a TCP segment without data; the kernel fills in IP's checksum, and IPVS looks at no other."""
    length = 40
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, length, 0, 0x4000, 64, 6, 0, SOURCE.packed, VIP.packed)
    return ip + struct.pack("!HHLLBBHHH", port, PORT, 1, 1, 5 << 4, flags, 1024, 0, 0)


def _batches(packets: list[bytes]) -> list[ctypes.Array[_Message]]:
    return [_messages(packets[first : first + BATCH]) for first in range(0, len(packets), BATCH)]


def _messages(packets: list[bytes]) -> ctypes.Array[_Message]:
    messages = (_Message * len(packets))()
    for message, packet in zip(messages, packets, strict=True):
        buffer = _Buffer(packet, len(packet))
        message.header.buffers, message.header.buffer_count = ctypes.pointer(buffer), 1
    return messages


if __name__ == "__main__":
    main(measure)
