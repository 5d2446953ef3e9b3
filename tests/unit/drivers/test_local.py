from ipaddress import ip_address

from clusterlb.drivers.link import not_local


def test_loopback_is_here_and_a_documentation_address_is_not():
    here, elsewhere = ip_address("127.0.0.1"), ip_address("192.0.2.1")
    assert not_local([here, elsewhere]) == {elsewhere}


def test_ipv6_as_well():
    elsewhere = ip_address("2001:db8::1")
    assert not_local([elsewhere]) == {elsewhere}
