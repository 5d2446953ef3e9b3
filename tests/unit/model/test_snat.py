"""Whose an address of a SNAT pool is."""

from ipaddress import ip_address, ip_network

import pytest

from clusterlb.model.snat import SnatPool

A, B, C = (ip_address(f"10.100.2.{last}") for last in (1, 2, 3))
POOL = SnatPool("internet", (ip_network("10.2.0.0/24"),), {"d1": (A,), "d2": (B,)})


def test_an_address_has_one_owner():
    assert [POOL.owner(address) for address in (A, B)] == ["d1", "d2"]


def test_an_address_of_another_pool_has_none():
    with pytest.raises(KeyError):
        POOL.owner(C)
