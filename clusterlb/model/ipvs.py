"""Virtual services and destinations as the kernel keeps them.

Sources: include/uapi/linux/ip_vs.h and net/netfilter/ipvs/ip_vs_ctl.c of Linux 6.1.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from typing import NamedTuple

from clusterlb.model.address import AddressFamily, IPAddress, endpoint_text


class KernelNumber(IntEnum):
    """Numbers that the kernel takes from anybody, unchecked, and reports to everybody.

    (``ip_vs_genl_parse_service``, ``ip_vs_genl_parse_dest``.) One that has no name here is a value of its
    own: what somebody else has set can be read, compared and removed. It is called after its number.
    """

    @classmethod
    def _missing_(cls, value: object) -> KernelNumber | None:
        if not isinstance(value, int) or not 0 <= value <= _LARGEST:
            return None
        number = int.__new__(cls, value)
        number._name_ = f"{cls.__name__}_{value}".upper()
        number._value_ = value
        return number

    @property
    def known(self) -> bool:
        """Say whether it is a number that has a meaning here."""
        return self._name_ in type(self).__members__


_LARGEST = 0xFFFFFFFF


class Protocol(KernelNumber):
    """IP protocol numbers IPVS can balance; NONE belongs to firewall-mark services."""

    NONE = 0
    TCP = 6
    UDP = 17
    SCTP = 132


class ForwardMethod(KernelNumber):
    """IP_VS_CONN_F_FWD_MASK values: how the kernel sends a packet to a destination."""

    MASQ = 0
    LOCAL = 1
    TUNNEL = 2
    ROUTE = 3
    BYPASS = 4


class ServiceFlag(IntFlag):
    """IP_VS_SVC_F_*; the three scheduler flags mean what the scheduler says they mean."""

    NONE = 0
    PERSISTENT = 0x01
    HASHED = 0x02  # the kernel's own: set on every service it reports, never sent
    ONE_PACKET = 0x04
    SCHED1 = 0x08  # sh-fallback, mh-fallback
    SCHED2 = 0x10  # sh-port, mh-port
    SCHED3 = 0x20


class TunnelType(KernelNumber):
    """IP_VS_CONN_F_TUNNEL_TYPE_*: the encapsulation of a TUNNEL destination."""

    IPIP = 0
    GUE = 1
    GRE = 2


class TunnelFlag(IntFlag):
    """IP_VS_TUNNEL_ENCAP_FLAG_*: checksum options of GUE and GRE."""

    NOCSUM = 0
    CSUM = 1
    REMCSUM = 2


class ServiceKey(NamedTuple):
    """What identifies a virtual service in the kernel.

    Either protocol, address and port, or a firewall mark with its family
    (then protocol is NONE, address None and port 0).
    """

    family: AddressFamily
    protocol: Protocol
    address: IPAddress | None
    port: int
    fwmark: int = 0

    @property
    def vips(self) -> frozenset[IPAddress]:
        """Return the VIP that the key itself names; a firewall mark names none."""
        return frozenset() if self.address is None else frozenset({self.address})

    def __str__(self) -> str:
        if self.address is None:
            return f"fwmark {self.fwmark} ipv{4 if self.family is AddressFamily.IPV4 else 6}"
        return f"{self.transport} {endpoint_text(self.address, self.port)}"

    @property
    def transport(self) -> str:
        """Return the protocol's name, ``fwmark`` for a service of a firewall mark."""
        return self.protocol.name.lower() if self.address is not None else "fwmark"


@dataclass(frozen=True, slots=True)
class VirtualService:
    """A virtual service's own attributes, without its destinations.

    ``timeout`` is the persistence timeout in seconds (0: no persistence) and ``prefix``
    the persistence granularity as a prefix length (32 or 128: one client each). An IPv4 mask with
    holes, such as 255.0.255.0, has no length: it is read as its own number, negative. ``pe_name`` is the
    persistence engine that somebody else has given a service; it is read, so that it is drift, and never
    sent: an edit without one takes it off (``ip_vs_edit_service``).
    """

    key: ServiceKey
    scheduler: str
    flags: ServiceFlag = ServiceFlag.NONE
    timeout: int = 0
    prefix: int = 32
    pe_name: str = ""


def ipv4_mask(prefix: int) -> int:
    """Return the mask of a ``VirtualService.prefix``, negative where it has holes; ValueError beyond 32."""
    return -prefix if prefix < 0 else 0xFFFFFFFF << (32 - prefix) & 0xFFFFFFFF


class DestinationKey(NamedTuple):
    """What identifies a destination inside its service."""

    address: IPAddress
    port: int

    def __str__(self) -> str:
        return endpoint_text(self.address, self.port)


@dataclass(frozen=True, slots=True)
class Destination:
    """The kernel's entry for a member.

    ``weight`` is what the entry has now. ``nominal`` is the member's full weight: a fresh entry is
    added with it and only then edited to ``weight``, and an entry that gets weight 0 has it just before,
    because mh builds its table from the last weight that was not zero (ip_vs_mh.c). Of an entry that was
    read, ``nominal`` is that last weight, 0 where it is not known. The kernel does not report it, so it is
    not compared.
    """

    key: DestinationKey
    method: ForwardMethod
    weight: int
    upper: int = 0
    lower: int = 0
    tunnel_type: TunnelType = TunnelType.IPIP
    tunnel_port: int = 0
    tunnel_flags: TunnelFlag = TunnelFlag.NOCSUM
    nominal: int = field(default=1, compare=False)


@dataclass(frozen=True, slots=True)
class ServiceState:
    """A virtual service and its destinations, in the order in which they were inserted."""

    service: VirtualService
    destinations: tuple[Destination, ...] = ()


@dataclass(frozen=True, slots=True)
class Counters:
    """64-bit counters since the entry was made or zeroed (IPVS_STATS_ATTR_*)."""

    connections: int = 0
    in_packets: int = 0
    out_packets: int = 0
    in_bytes: int = 0
    out_bytes: int = 0


@dataclass(frozen=True, slots=True)
class DestinationStatistics:
    """Live connections through one destination, and its counters."""

    active: int = 0
    inactive: int = 0
    persistent: int = 0
    counters: Counters = Counters()


@dataclass(frozen=True, slots=True)
class ServiceStatistics:
    """A service's counters and its destinations' statistics."""

    counters: Counters = Counters()
    destinations: tuple[tuple[DestinationKey, DestinationStatistics], ...] = ()


@dataclass(frozen=True, slots=True)
class ProtocolTimeouts:
    """IPVS connection timeouts in seconds (IPVS_CMD_SET_CONFIG); 0 leaves one unchanged."""

    tcp: int = 0
    tcp_fin: int = 0
    udp: int = 0

    def changed(self, by: ProtocolTimeouts) -> ProtocolTimeouts:
        """Return what they are once those of ``by`` that are not 0 have been set."""
        return ProtocolTimeouts(by.tcp or self.tcp, by.tcp_fin or self.tcp_fin, by.udp or self.udp)


KEEP_TIMEOUTS = ProtocolTimeouts()
