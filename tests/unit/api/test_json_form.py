"""The JSON form of a status says all that the status says."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_address

import pytest
from fake_director import FakeDirector
from intents import drain, pause, pin
from served_director import served
from statuses import member, status, vip

from clusterlb.api.json_form import decode, encode
from clusterlb.controller import status as module
from clusterlb.model.cluster_view import FindingKind
from clusterlb.model.ospf import Lane
from clusterlb.model.port_use import AddressKind, ConntrackFailures
from clusterlb.model.status import (
    AnnouncerStatus,
    ClusterViewStatus,
    FindingStatus,
    PortsStatus,
    PortUseStatus,
    Status,
    WindowStatus,
)
from clusterlb.model.vrrp import VrrpState

VIP6 = ip_address("2001:db8::1")
RICH = status(
    vips=(
        vip("10.100.0.1", member(), announced=(Lane.ACTIVE,), vrrp=VrrpState.UNKNOWN),
        vip(str(VIP6), member("[2001:db8::2]:80", age=1.5), reason=None),
    ),
    intents=(
        pin("web/[2001:db8::2]:80", made=3.0),
        drain("vip/10.100.0.1", patience=60.0, begins=7.0, until=9.0),
        drain("pool/web", force=True),
        pause(),
    ),
    cluster_view=ClusterViewStatus(
        age=0.5,
        warnings=(FindingStatus(kind=FindingKind.ISOLATED, text="no neighbour"),),
        announcements={
            VIP6: (AnnouncerStatus(director="d2", lane=None, cost=7, external=True, alive=False),)
        },
    ),
    ports=PortsStatus(
        addresses={VIP6: PortUseStatus(kind=AddressKind.SNAT, used=1, capacity=2, connections=3)},
        conntrack=ConntrackFailures(1, 2, 3),
    ),
    next_window=WindowStatus(name="patches", reason="kernel", begins=1.0, ends=2.0),
    two_masters=(VIP6,),
)


def test_what_is_written_is_read_again_as_it_was() -> None:
    assert decode(Status, json.loads(encode(RICH))) == RICH


async def test_so_is_the_status_of_a_controller(tmp_path) -> None:
    async with served(FakeDirector(tmp_path)) as controller:
        now = await module.status(controller)
    assert decode(Status, json.loads(encode(now))) == now


@pytest.mark.parametrize("data", [{}, {"director": "d1"}, json.loads(encode(replace(RICH))) | {"vips": 5}])
def test_another_form_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="no Status"):
        decode(Status, data)
