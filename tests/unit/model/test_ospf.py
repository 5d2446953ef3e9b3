"""Which version of OSPF carries which family."""

from clusterlb.model.address import AddressFamily
from clusterlb.model.ospf import OspfVersion


def test_each_version_carries_one_family():
    assert [OspfVersion.of(family).ip for family in (AddressFamily.IPV4, AddressFamily.IPV6)] == [4, 6]
