import pytest
from lab_inventories import inventory

from clusterlb.lab.host import modules

PLAIN = ("ip_vs", "dummy", "ip_vs_mh")


@pytest.mark.parametrize(
    ("service", "more"),
    [
        ("forwarding: dr", ()),
        ("forwarding: tun", ("ipip", "sit", "ip6_tunnel")),
        ("forwarding: tun, tunnel: {type: gre}", ("ip_gre", "ip6_gre")),
        ("forwarding: tun, tunnel: {type: gue, port: 6080}", ("ipip", "sit", "ip6_tunnel", "fou", "fou6")),
    ],
)
def test_what_a_forwarding_method_needs_is_loaded(service, more):
    found = inventory(f"services: [{{protocol: tcp, port: 80, pool: web, {service}}}]")
    assert modules(found) == (*PLAIN, *more)


def test_every_scheduler_is_loaded_once():
    found = inventory(
        "vips: {10.100.0.2: {services: [{protocol: tcp, port: 80, pool: web, scheduler: wlc}]}}"
    )
    assert modules(found) == (*PLAIN, "ip_vs_wlc")


def test_a_snat_pool_needs_translation():
    found = inventory("snat_pools: {out: {sources: [10.2.0.0/24], addresses: {d1: [10.100.0.9]}}}")
    assert "nft_chain_nat" in modules(found)
