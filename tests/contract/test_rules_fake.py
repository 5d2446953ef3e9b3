import pytest

from clusterlb.drivers.interface import DriverError
from clusterlb.model.plan import ChangeSets, LoadRules
from clusterlb.model.rules import NO_RULES, NamedSet, Rules, SetChange
from tests.contract.rules_suite import RULES, WATCH, RulesSuite, loaded
from tests.support.fake_rules import FakeRules

__all__ = ["loaded"]


@pytest.fixture
def rules():
    return FakeRules()


@pytest.fixture
def again(rules):
    return lambda: rules


@pytest.fixture
def alter(rules):
    return rules.alter_chains


class TestFakeRules(RulesSuite):
    def test_fail_next_fails_one_step(self, rules):
        rules.fail_next("no")
        with pytest.raises(DriverError, match="no"):
            rules.apply(LoadRules(RULES))
        assert rules.read() == NO_RULES
        rules.apply(LoadRules(RULES))
        assert rules.applied == [LoadRules(RULES)]

    @pytest.mark.parametrize(
        "change",
        [
            SetChange("marks", {("10.100.0.9", "6", "80"): "0x44000001"}),
            SetChange("marks", {("10.100.0.9", "tcp", "80"): "1140850689"}),
            SetChange("verdicts", {("fd00:0:0::1",): "drop"}),
            SetChange("ranges", {("10.101.0.0-10.101.0.255", "tcp", "80"): "0x44000001"}),
            SetChange("ranges", {("10.101.0.0/32", "tcp", "80"): "0x44000001"}),
        ],
    )
    def test_a_key_that_nft_prints_otherwise_is_refused(self, loaded, change):
        with pytest.raises(DriverError, match="as nft prints it"):
            loaded.apply(ChangeSets((change,)))
        assert loaded.read() == RULES

    def test_a_watch_forgets_what_the_last_one_heard(self, loaded):
        loaded.watch(WATCH)
        loaded.heard["heard"] = {("10.2.0.1", "10.100.0.1")}
        assert loaded.seen("heard") == {("10.2.0.1", "10.100.0.1")}
        loaded.apply(LoadRules(RULES))
        assert loaded.seen("heard")
        loaded.watch(WATCH)
        assert loaded.seen("heard") == frozenset()

    def test_the_chain_that_tells_what_was_loaded_is_not_the_rules(self, rules):
        with pytest.raises(DriverError, match="the driver's"):
            rules.check(Rules("  chain loaded {\n  }\n", {"one": NamedSet("mark")}))
