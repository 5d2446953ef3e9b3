"""Which addresses are this host's own."""

from __future__ import annotations

import socket
from collections.abc import Iterable

from clusterlb.model.address import IPAddress


def not_local(addresses: Iterable[IPAddress]) -> frozenset[IPAddress]:
    """Return those that no interface of this network namespace has (bind(2), EADDRNOTAVAIL)."""
    return frozenset(address for address in addresses if not _is_local(address))


def _is_local(address: IPAddress) -> bool:
    family = socket.AF_INET if address.version == 4 else socket.AF_INET6
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True
