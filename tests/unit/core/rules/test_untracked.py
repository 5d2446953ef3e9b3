from forwarding_inventories import every_method

from clusterlb.core.rules.untracked import untracked


def test_nothing_is_kept_out_of_tracking_unless_asked_for():
    assert untracked(every_method()).chains == ""


def test_vips_that_need_no_tracking_are_kept_out_of_it():
    part = untracked(every_method(notrack=True))
    assert set(part.sets["untracked4"].elements) == {("10.100.0.1",), ("10.100.0.2",), ("10.100.0.3",)}
    assert set(part.sets["untracked6"].elements) == {("fd00:100::1",), ("fd00:100::3",)}
    assert "priority raw" in part.chains
