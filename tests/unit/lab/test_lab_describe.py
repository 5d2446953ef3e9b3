import json
from pathlib import Path

from lab_inventories import inventory

from clusterlb.lab.describe import describe
from clusterlb.lab.spec import LabSpec
from clusterlb.lab.topology import topology

GIVEN = inventory("""
    cluster: {vip_prefixes: [10.100.0.0/24, "fd00:100::/64"]}
    directors: {d3: {router_id: 10.1.0.3}}
    services: [{protocol: udp, port: 80, pool: web}]
    pools: {web6: {members: [{address: "fd00:2::101", port: 8080}]}}
    vips:
      "fd00:100::1":
        group: ["fd00:100::2"]
        services: [{protocol: tcp, ports: [80, "8000-8001"], pool: web6, flags: [mh-fallback]}]
    """)


def test_a_dual_lab_tells_both_families():
    found = describe(LabSpec(), GIVEN, topology(GIVEN), Path("/run/lab"), Path("/run/lab/log"))
    assert json.loads(json.dumps(found)) == found
    assert found["vips"] == ["10.100.0.1", "fd00:100::1", "fd00:100::2"]
    assert found["clients"][:2] == ["10.3.0.2", "fd00:3::2"]
    assert found["directors"]["d3"]["next_hops"] == ["10.1.0.3", "fe80::3"]
    assert found["directors"]["d3"]["inside"] == ["10.2.0.3", "fd00:2::3"]
    server = found["servers"]["r1"]
    assert server["addresses"] == ["10.2.0.101", "fd00:2::101"]
    assert (server["ports"], server["udp_ports"]) == ([80, 8000, 8001, 8080], [80])
    assert server["set_up"][-1] == "/run/lab/r1/set-up.sh"


def test_services_are_told_with_what_a_client_needs():
    found = describe(LabSpec(), GIVEN, topology(GIVEN), Path("/run/lab"), Path("/run/lab/log"))
    single, several = found["services"]
    assert (single["vips"], single["protocol"], single["port"]) == (["10.100.0.1"], "udp", 80)
    assert several["vips"] == ["fd00:100::1", "fd00:100::2"]
    assert (several["port"], several["ports"]) == (0, [[80, 80], [8000, 8001]])
    assert several["members"] == ["[fd00:2::101]:8080"]
