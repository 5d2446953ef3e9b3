from ipaddress import ip_address

from lab_inventories import inventory

from clusterlb.lab.topology import ANY_PORTS, ports_of

R1 = (ip_address("10.2.0.101"), ip_address("fd00:2::101"))


def ports(services: str, pool: str = "") -> tuple[tuple[int, ...], tuple[int, ...]]:
    return ports_of(inventory(f"services: [{services}]\n{pool}"), R1)


def test_a_members_port_is_served_with_the_protocol_of_its_service():
    assert ports("{protocol: tcp, port: 80, pool: web}") == ((80,), ())
    assert ports("{protocol: udp, port: 80, pool: web}") == ((80,), (80,))  # TCP: for the check


def test_another_host_serves_none_of_them():
    assert ports_of(inventory(""), (ip_address("10.2.0.102"),)) == ((), ())


def test_every_port_of_a_list_is_served():
    found, _ = ports('{protocol: tcp, ports: [80, 443, "8000-8003"], pool: web, flags: [mh-fallback]}')
    assert found == (80, 443, 8000, 8001, 8002, 8003)


def test_a_wide_range_is_served_where_it_begins_and_ends():
    found, _ = ports('{protocol: tcp, ports: ["1000-65535"], pool: web, flags: [mh-fallback]}')
    assert found == (80, *range(1000, 1256), 65535)


def test_a_mark_of_the_operators_is_served_with_both_protocols():
    assert ports("{protocol: tcp, fwmark: 7, pool: web, flags: [mh-fallback]}") == (ANY_PORTS, ANY_PORTS)


def test_checks_and_sorry_servers_have_their_ports():
    pool = """
pools:
  web:
    members: [{address: 10.2.0.101, port: 80}]
    check: {type: tcp, port: 8081}
  other:
    members: [{address: 10.2.0.102, port: 80}]
    sorry: {address: 10.2.0.101, port: 81}
vips:
  10.100.0.2: {services: [{protocol: tcp, port: 81, pool: other, forwarding: nat}]}
"""
    found, _ = ports("{protocol: tcp, port: 80, pool: web}", pool)
    assert found == (80, 81, 8081)
