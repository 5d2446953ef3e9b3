"""Anchored flows of each protocol and family, and the table that keeps them."""

from ipaddress import ip_address

from clusterlb.core.anchors import bindings
from clusterlb.core.nft.anchored import anchored
from clusterlb.core.nft.part import join
from clusterlb.model.address import family_of
from clusterlb.model.anchor import Anchor, Binding
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol, ServiceKey
from clusterlb.model.rules import Rules

SIDES = (("10.1.0.2", "10.100.0.1", "10.2.0.101"), ("fd00:3::2", "fd00:100::1", "fd00:2::101"))
FLOWS = {
    Flow(protocol, ip_address(client), 4000 + number, ip_address(vip), 80): Anchor(
        Binding(
            ServiceKey(family_of(ip_address(vip)), protocol, ip_address(vip), 80),
            DestinationKey(ip_address(member), 80),
        ),
        0.0,
    )
    for client, vip, member in SIDES
    for protocol in (Protocol.TCP, Protocol.UDP)
    for number in range(2)
}


def anchored_table() -> Rules:
    """Return the table that anchors them, and holds nothing else."""
    return join([anchored(FLOWS, bindings({}, FLOWS))])
