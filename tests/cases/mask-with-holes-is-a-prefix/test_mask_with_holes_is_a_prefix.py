"""Masks as the kernel reports them."""

from __future__ import annotations

from ipaddress import IPv4Network, ip_address

import pytest
from ipvs_replies import service_reply

from clusterlb.core.plan.diff import service_steps
from clusterlb.drivers.ipvs import decode
from clusterlb.model.address import AddressFamily
from clusterlb.model.ipvs import Protocol, ServiceFlag, ServiceKey, ServiceState, VirtualService
from clusterlb.model.plan import EditService
from clusterlb.render.ipvsadm import render_rules

KEY = ServiceKey(AddressFamily.IPV4, Protocol.TCP, ip_address("10.100.0.1"), 80)


def read(prefix: int) -> VirtualService:
    data = service_reply(VirtualService(KEY, "rr", ServiceFlag.PERSISTENT, 60, prefix))
    return decode.service(data, 0, len(data))


@pytest.mark.parametrize("mask", [0xFF00FF00, 0x00FF00FF, 0x0000FFFF, 0xFFFFFFFD, 1])
def test_a_mask_with_holes_is_drift(mask: int):
    there = ServiceState(read(-mask))
    wanted = VirtualService(KEY, "rr", ServiceFlag.PERSISTENT, 60, mask.bit_count())
    assert service_steps(KEY, ServiceState(wanted), there) == [EditService(wanted)]
    assert f"-M {ip_address(mask)}" in render_rules([there])


@pytest.mark.parametrize("prefix", range(33))
def test_every_prefix_is_itself(prefix: int):
    assert read(prefix).prefix == prefix
    mask = IPv4Network((0, prefix)).netmask
    assert prefix == 32 or f"-M {mask}" in render_rules([ServiceState(read(prefix))])
