"""Flows through a director, and the kernel's entries of them."""

from __future__ import annotations

from typing import NamedTuple

from clusterlb.model.address import IPAddress, endpoint_text
from clusterlb.model.ipvs import DestinationKey, Protocol


class Flow(NamedTuple):
    """What makes two packets parts of one conversation. ``vip`` and ``port`` are those the client uses."""

    protocol: Protocol
    client: IPAddress
    client_port: int
    vip: IPAddress
    port: int

    def __str__(self) -> str:
        client, vip = endpoint_text(self.client, self.client_port), endpoint_text(self.vip, self.port)
        return f"{self.protocol.name.lower()} {client} to {vip}"


class FlowEntry(NamedTuple):
    """The kernel's entry of a flow: while it lives, the flow's packets go to ``destination``.

    ``state`` is the kernel's word, such as ESTABLISHED; ``expires`` the whole seconds until the entry ends if
    no packet comes.
    """

    flow: Flow
    destination: DestinationKey
    state: str
    expires: int


class FlowCount(NamedTuple):
    """How many flows of one service live, and how many of them are strays, by each table asked for."""

    live: int = 0
    strays: tuple[int, ...] = ()
