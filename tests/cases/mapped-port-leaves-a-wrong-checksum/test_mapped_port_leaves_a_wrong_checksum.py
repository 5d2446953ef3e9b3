"""Every rule that writes a port names the protocol, where nft finds the checksum."""

from __future__ import annotations

import re
from dataclasses import replace
from ipaddress import ip_address

import pytest
from forwarding_inventories import RULES, every_method

from clusterlb.core.nft.reverse import reverse
from clusterlb.core.nft.table import table
from clusterlb.model.forwarding import Forwarding
from clusterlb.model.inventory import Member, Pool, Service, Vip
from clusterlb.model.ipvs import Protocol


@pytest.mark.parametrize("name", RULES)
def test_no_rule_writes_a_port_of_whatever_protocol(name):
    assert not re.findall(r"\bth [sd]port set", table(*RULES[name]).chains)


def test_each_protocol_whose_port_is_mapped_has_its_rule_and_no_other():
    vip = ip_address("10.100.0.5")
    pool = Pool("app", (Member(ip_address("10.2.0.105"), 8005),))
    for protocols in ([Protocol.TCP], [Protocol.UDP], [Protocol.SCTP], [Protocol.UDP, Protocol.TCP]):
        services = tuple(Service(one, 80, "app", forwarding=Forwarding.NAT) for one in protocols)
        whole = replace(every_method(), pools={"app": pool}, vips={vip: Vip(vip, services)})
        found = re.findall(r"(\w+) sport set meta mark map @reply_port", reverse(whole).chains)
        assert found == sorted(one.name.lower() for one in protocols)
