"""Commands and queries to IPVS's generic netlink family in this network namespace."""

from __future__ import annotations

from collections.abc import Sequence

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs.protocol import (
    CTRL_ATTR_FAMILY_ID,
    CTRL_ATTR_FAMILY_NAME,
    CTRL_CMD_GETFAMILY,
    GENL_HEADER,
    GENL_ID_CTRL,
    IPVS_GENL_NAME,
    IPVS_GENL_VERSION,
    Command,
)
from clusterlb.drivers.netlink.codec import Answer, attribute, number, parse
from clusterlb.drivers.netlink.socket import NETLINK_GENERIC, BatchResult, NetlinkSocket

Message = tuple[int, bytes, bytes]
"""A command and its attributes in two parts: the service's and the destination's."""

_HEADERS = {int(command): GENL_HEADER.pack(command, IPVS_GENL_VERSION, 0) for command in Command}


class IpvsSocket:
    """A socket to IPVS; it belongs to the network namespace of the thread that makes it.

    Raises DriverError when it cannot be opened. Its calls are those of ``NetlinkSocket``.
    """

    def __init__(self) -> None:
        try:
            self._netlink = NetlinkSocket(NETLINK_GENERIC)
        except OSError as error:
            raise DriverError(
                f"cannot open a generic netlink socket: {error.strerror}; a seccomp filter or a container "
                "runtime that hides AF_NETLINK prevents it"
            ) from error
        self._family = 0

    @property
    def messages_sent(self) -> int:
        """Return how many messages have been sent."""
        return self._netlink.messages_sent

    def close(self) -> None:
        """Close the socket; closing twice is fine."""
        self._netlink.close()

    def resolve_family(self) -> None:
        """Look up the number of the IPVS family; NetlinkError ENOENT when the kernel has no such family."""
        name = attribute(CTRL_ATTR_FAMILY_NAME, IPVS_GENL_NAME.encode() + b"\0")
        answer = self._netlink.ask(GENL_ID_CTRL, GENL_HEADER.pack(CTRL_CMD_GETFAMILY, 1, 0) + name)
        _, found = parse(GENL_HEADER, answer)
        self._family = number(found[CTRL_ATTR_FAMILY_ID])

    def ask(self, command: Command, body: bytes = b"") -> Answer:
        """Send one question and return its one answer."""
        return self._netlink.ask(self._family, _HEADERS[command] + body)

    def do(self, command: Command, body: bytes) -> None:
        """Have one command carried out."""
        self._netlink.do(self._family, _HEADERS[command] + body)

    def dump(self, command: Command, body: bytes = b"") -> list[Answer]:
        """Return all messages of a dump, whole."""
        return self._netlink.dump(self._family, _HEADERS[command] + body)

    def batch(self, messages: Sequence[Message]) -> BatchResult:
        """Have up to 256 commands carried out, in their order."""
        family, headers = self._family, _HEADERS
        return self._netlink.batch(
            [(family, 0, headers[command] + one + two) for command, one, two in messages]
        )
