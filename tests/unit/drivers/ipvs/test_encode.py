"""Golden wire bytes, written by hand from include/uapi/linux/ip_vs.h; little-endian hosts."""

from __future__ import annotations

import struct
import sys
from ipaddress import ip_address

import pytest

from clusterlb.drivers.ipvs import encode
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import (
    Destination,
    DestinationKey,
    ForwardMethod,
    Protocol,
    ProtocolTimeouts,
    ServiceFlag,
    ServiceKey,
    TunnelFlag,
    TunnelType,
    VirtualService,
)

pytestmark = pytest.mark.skipif(
    sys.byteorder != "little", reason="the bytes below are a little-endian host's"
)

WEB = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80)
WEB6 = ServiceKey(AddressFamily.IPV6, Protocol.UDP, ip_address("2001:db8::1"), 443)
MARK6 = ServiceKey(AddressFamily.IPV6, Protocol.NONE, None, 0, 0x01020304)

WEB_IDENTITY = """
    06 00 01 00  02 00 00 00                                       AF = AF_INET
    06 00 02 00  06 00 00 00                                       PROTOCOL = TCP
    14 00 03 00  0a 64 00 01 00 00 00 00 00 00 00 00 00 00 00 00   ADDR = 10.100.0.1, sixteen bytes
    06 00 04 00  00 50 00 00                                       PORT = 80, network order
"""
WEB6_IDENTITY = """
    06 00 01 00  0a 00 00 00                                       AF = AF_INET6
    06 00 02 00  11 00 00 00                                       PROTOCOL = UDP
    14 00 03 00  20 01 0d b8 00 00 00 00 00 00 00 00 00 00 00 01   ADDR
    06 00 04 00  01 bb 00 00                                       PORT = 443
"""
MARK6_IDENTITY = """
    06 00 01 00  0a 00 00 00   AF = AF_INET6
    08 00 05 00  04 03 02 01   FWMARK, host order
"""


def wire(text: str) -> bytes:
    """Read the hex columns; three spaces begin a comment."""
    lines = (line.strip().split("   ")[0] for line in text.strip().splitlines())
    return bytes.fromhex(" ".join(lines))


@pytest.mark.parametrize(
    ("key", "header", "identity"),
    [
        (WEB, "30 00 01 80", WEB_IDENTITY),  # 4 + 8 + 8 + 20 + 8, SERVICE | NLA_F_NESTED
        (WEB6, "30 00 01 80", WEB6_IDENTITY),
        (MARK6, "14 00 01 80", MARK6_IDENTITY),
    ],
)
def test_a_service_key(key: ServiceKey, header: str, identity: str) -> None:
    assert encode.service_key(key) == wire(header) + wire(identity)


def test_an_ipv4_service() -> None:
    service = VirtualService(WEB, "mh", ServiceFlag.SCHED1 | ServiceFlag.SCHED2 | ServiceFlag.HASHED)
    assert encode.service(service) == wire("54 00 01 80") + wire(WEB_IDENTITY) + wire(
        """
        07 00 06 00  6d 68 00 00                SCHED_NAME = "mh", its zero, one byte of padding
        0c 00 07 00  18 00 00 00  ff ff ff ff   FLAGS = SCHED1 | SCHED2 without HASHED, mask
        08 00 08 00  00 00 00 00                TIMEOUT
        08 00 09 00  ff ff ff ff                NETMASK = 255.255.255.255
        """
    )


def test_an_ipv4_service_with_persistence_and_without_the_engine_that_somebody_gave_it() -> None:
    service = VirtualService(WEB, "rr", ServiceFlag.PERSISTENT, 300, 20, "sip")
    assert encode.service(service) == wire("54 00 01 80") + wire(WEB_IDENTITY) + wire(
        """
        07 00 06 00  72 72 00 00                SCHED_NAME = "rr"
        0c 00 07 00  01 00 00 00  ff ff ff ff   FLAGS = PERSISTENT
        08 00 08 00  2c 01 00 00                TIMEOUT = 300
        08 00 09 00  ff ff f0 00                NETMASK = 255.255.240.0, network order
        """
    )


def test_an_ipv6_service_has_a_prefix_length_for_a_mask() -> None:
    service = VirtualService(WEB6, "wlc", ServiceFlag.PERSISTENT | ServiceFlag.ONE_PACKET, 1, 64)
    assert encode.service(service) == wire("54 00 01 80") + wire(WEB6_IDENTITY) + wire(
        """
        08 00 06 00  77 6c 63 00                SCHED_NAME = "wlc"
        0c 00 07 00  05 00 00 00  ff ff ff ff   FLAGS = PERSISTENT | ONEPACKET
        08 00 08 00  01 00 00 00                TIMEOUT
        08 00 09 00  40 00 00 00                NETMASK = 64, host order
        """
    )


def test_a_fwmark_service_under_another_scheduler() -> None:
    assert encode.service(VirtualService(MARK6, "mh", prefix=128), "none") == wire("3c 00 01 80") + wire(
        MARK6_IDENTITY
    ) + wire(
        """
        09 00 06 00  6e 6f 6e 65 00 00 00 00    SCHED_NAME = "none", its zero, three bytes of padding
        0c 00 07 00  00 00 00 00  ff ff ff ff   FLAGS
        08 00 08 00  00 00 00 00                TIMEOUT
        08 00 09 00  80 00 00 00                NETMASK = 128
        """
    )


def test_a_directly_routed_destination() -> None:
    destination = Destination(DestinationKey(ip_address("10.2.0.101"), 80), ForwardMethod.ROUTE, 1)
    assert encode.destination(destination, 3) == wire(
        """
        60 00 02 80                                                    DEST | NLA_F_NESTED, 4 + 20 + 9 * 8
        14 00 01 00  0a 02 00 65 00 00 00 00 00 00 00 00 00 00 00 00   ADDR = 10.2.0.101
        06 00 02 00  00 50 00 00                                       PORT = 80
        06 00 0b 00  02 00 00 00                                       ADDR_FAMILY = AF_INET
        08 00 03 00  03 00 00 00                                       FWD_METHOD = DROUTE
        08 00 04 00  03 00 00 00                                       WEIGHT
        08 00 05 00  00 00 00 00                                       U_THRESH
        08 00 06 00  00 00 00 00                                       L_THRESH
        05 00 0d 00  00 00 00 00                                       TUN_TYPE, one byte
        06 00 0e 00  00 00 00 00                                       TUN_PORT
        06 00 0f 00  00 00 00 00                                       TUN_FLAGS
        """
    )


def test_a_gue_tunnel_with_thresholds() -> None:
    destination = Destination(
        DestinationKey(ip_address("2001:db8:2::1"), 0),
        ForwardMethod.TUNNEL,
        -1,
        upper=1000,
        lower=10,
        tunnel_type=TunnelType.GUE,
        tunnel_port=6080,
        tunnel_flags=TunnelFlag.REMCSUM,
    )
    assert encode.destination(destination, destination.weight) == wire(
        """
        60 00 02 80
        14 00 01 00  20 01 0d b8 00 02 00 00 00 00 00 00 00 00 00 01   ADDR = 2001:db8:2::1
        06 00 02 00  00 00 00 00                                       PORT
        06 00 0b 00  0a 00 00 00                                       ADDR_FAMILY = AF_INET6
        08 00 03 00  02 00 00 00                                       FWD_METHOD = TUNNEL
        08 00 04 00  ff ff ff ff                                       WEIGHT = -1
        08 00 05 00  e8 03 00 00                                       U_THRESH = 1000
        08 00 06 00  0a 00 00 00                                       L_THRESH = 10
        05 00 0d 00  01 00 00 00                                       TUN_TYPE = GUE
        06 00 0e 00  17 c0 00 00                                       TUN_PORT = 6080, network order
        06 00 0f 00  02 00 00 00                                       TUN_FLAGS = REMCSUM, host order
        """
    )


def test_a_destination_key() -> None:
    assert encode.destination_key(DestinationKey(ip_address("10.2.0.101"), 8080)) == wire(
        """
        28 00 02 80
        14 00 01 00  0a 02 00 65 00 00 00 00 00 00 00 00 00 00 00 00   ADDR
        06 00 02 00  1f 90 00 00                                       PORT = 8080
        06 00 0b 00  02 00 00 00                                       ADDR_FAMILY
        """
    )


def test_timeouts() -> None:
    assert encode.timeouts(ProtocolTimeouts(tcp=900, udp=300)) == wire(
        """
        08 00 04 00  84 03 00 00   TIMEOUT_TCP
        08 00 05 00  00 00 00 00   TIMEOUT_TCP_FIN, left as it is
        08 00 06 00  2c 01 00 00   TIMEOUT_UDP
        """
    )


@pytest.mark.parametrize(
    ("prefix", "mask"), [(0, "00000000"), (1, "80000000"), (24, "ffffff00"), (32, "ffffffff")]
)
def test_ipv4_masks(prefix: int, mask: str) -> None:
    assert encode.netmask(AddressFamily.IPV4, prefix).hex() == mask


def test_a_mask_longer_than_the_address_is_refused() -> None:
    with pytest.raises(ValueError, match="negative shift"):
        encode.netmask(AddressFamily.IPV4, 33)
    with pytest.raises(struct.error):
        encode.netmask(AddressFamily.IPV6, -1)
