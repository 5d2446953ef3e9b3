"""The state that an inventory asks for when every member is UP."""

from fake_director import VIP, inventory

from clusterlb.core.desired import full_state


def test_every_member_has_its_nominal_weight():
    given = inventory(members=2)
    ((key, state),) = full_state(given).items()
    assert key == given.vips[VIP].services[0].key(VIP)
    assert [(str(each.key), each.weight) for each in state.destinations] == [
        ("10.2.0.101:80", 1),
        ("10.2.0.102:80", 1),
    ]
