"""Numbers that the kernel reports and nobody here knows, and timeouts."""

import pytest

from clusterlb.model.ipvs import ForwardMethod, Protocol, ProtocolTimeouts


def test_a_number_without_a_name_is_a_value_of_its_own():
    strange = ForwardMethod(6)
    assert (int(strange), strange.name, strange.known) == (6, "FORWARDMETHOD_6", False)
    assert strange == ForwardMethod(6) != ForwardMethod.ROUTE
    assert ForwardMethod.ROUTE.known


@pytest.mark.parametrize("value", [-1, 1 << 32, "tcp", None])
def test_what_the_kernel_cannot_report_is_no_number_of_it(value):
    with pytest.raises(ValueError, match="not a valid Protocol"):
        Protocol(value)


def test_timeouts_of_0_change_nothing():
    before = ProtocolTimeouts(tcp=900, tcp_fin=120, udp=300)
    assert before.changed(ProtocolTimeouts()) == before
    assert before.changed(ProtocolTimeouts(udp=60)) == ProtocolTimeouts(900, 120, 60)
