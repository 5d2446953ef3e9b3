"""The kernel's table of connections, one entry a flow: /proc/net/ip_vs_conn.

IPVS has no netlink command that reads it. The kernel fills one page a read (seq_file.c). From Linux 6.14 on a
read goes on where the one before ended. Before, each walked from the table's beginning, so that all of them
take time by the square of the number of entries; and each found its place by counting, so that an entry that
ends meanwhile has the next read pass over another one (ip_vs_conn_seq_start(), ip_vs_conn_array()).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

from clusterlb.model.address import IPAddress
from clusterlb.model.flow import Flow, FlowEntry
from clusterlb.model.ipvs import DestinationKey, Protocol

_CHUNK = 1 << 20  # bytes asked for at a time; the kernel gives a page
_PROTOCOLS = {b"TCP": Protocol.TCP, b"UDP": Protocol.UDP, b"SCTP": Protocol.SCTP}


def table_of_this_process() -> Path:
    """Return the table of the network namespace of the process that asks."""
    return Path("/proc/self/net/ip_vs_conn")


def read_entries(path: Path) -> Iterator[FlowEntry]:
    """Yield the entries in the kernel's order; OSError if they cannot be read, ValueError on a new form."""
    vips: dict[bytes, IPAddress] = {}
    destinations: dict[tuple[bytes, bytes], DestinationKey] = {}
    for line in _lines(path):
        protocol, client, client_port, vip, port, address, address_port, state, expires, *_ = line.split()
        if protocol not in _PROTOCOLS:
            continue  # the heading, and protocols that no service of ours has
        if vip not in vips:
            vips[vip] = _address(vip)
        flow = Flow(_PROTOCOLS[protocol], _address(client), int(client_port, 16), vips[vip], int(port, 16))
        name = address, address_port
        if name not in destinations:
            destinations[name] = DestinationKey(_address(address), int(address_port, 16))
        yield FlowEntry(flow, destinations[name], state.decode(), int(expires))


def _lines(path: Path) -> Iterator[bytes]:
    rest = b""
    with path.open("rb", buffering=0) as table:
        while chunk := table.read(_CHUNK):
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole


def _address(text: bytes) -> IPAddress:
    """Return the address of ``%08X`` or, with colons, of ``%pI6``."""
    if len(text) == 8:
        return IPv4Address(int(text, 16))
    return IPv6Address(int(text.replace(b":", b""), 16))
