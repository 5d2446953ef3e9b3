import pytest

from clusterlb.drivers.nft.fields import canonical, span


@pytest.mark.parametrize(
    ("kind", "given", "printed"),
    [
        ("ipv4_addr", "10.0.0.1", "10.0.0.1"),
        ("ipv4_addr", "10.0.0.1/32", "10.0.0.1"),
        ("ipv4_addr", "10.0.0.0/24", "10.0.0.0/24"),
        ("ipv4_addr", "10.0.0.0-10.0.0.255", "10.0.0.0/24"),
        ("ipv4_addr", "10.0.0.1-10.0.0.2", "10.0.0.1-10.0.0.2"),
        ("ipv4_addr", "10.0.0.2-10.0.0.3", "10.0.0.2/31"),
        ("ipv4_addr", "0.0.0.0-255.255.255.255", "0.0.0.0/0"),
        ("ipv6_addr", "fd00:0:0:0::1", "fd00::1"),
        ("ipv6_addr", "FD00::-fd00::ffff", "fd00::/112"),
        ("ipv6_addr", "::102:304", "::102:304"),
        ("inet_proto", "6", "tcp"),
        ("inet_proto", "ipv6-icmp", "ipv6-icmp"),
        ("inet_proto", "99", "99"),
        ("inet_proto", "6-17", "6-17"),
        ("inet_service", "80", "80"),
        ("inet_service", "80-80", "80"),
        ("inet_service", "1024-2047", "1024-2047"),
        ("mark", "7", "0x00000007"),
        ("mark", "0x44000001", "0x44000001"),
        ("mark", "8/29", "0x00000008-0x0000000f"),
        ("ifname", '"e0"', '"e0"'),
        ("typeof symhash mod 4", "3", "3"),
    ],
)
def test_a_field_is_written_as_nft_prints_it(kind, given, printed):
    assert canonical(kind, given) == printed


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("ipv4_addr", "10.0.0.1/24"),
        ("ipv4_addr", "10.0.0.9-10.0.0.1"),
        ("ipv4_addr", "fd00::1"),
        ("inet_service", "65536"),
        ("inet_service", "http"),
        ("mark", "-1"),
    ],
)
def test_what_is_no_such_field_is_refused(kind, text):
    with pytest.raises(ValueError):  # noqa: PT011 - the text differs
        canonical(kind, text)


def test_a_protocol_with_a_dash_in_its_name_is_no_range():
    assert span("inet_proto", "ipv6-icmp") == (58, 58)
