"""What every RulesDriver does.

A subclass provides the fixtures ``rules``, without a table; ``again()``, which returns the driver of a
controller that has started anew; and ``alter()``, by which somebody else changes a chain.
"""

from dataclasses import replace

import pytest

from clusterlb.core.plan.diff import diff
from clusterlb.drivers.interface import DriverError
from clusterlb.model.plan import ChangeSets, LoadRules
from clusterlb.model.rules import ALTERED, NO_RULES, NamedSet, Rules, SetChange
from clusterlb.model.state import DirectorState

ENDPOINT = "ipv4_addr . inet_proto . inet_service"
CHAINS = """
  set heard {
    type ipv4_addr . ipv4_addr
    size 128
    flags dynamic,timeout
    timeout 1h
  }
  chain mute {
    tcp flags & rst == rst drop
  }
  chain classify {
    type filter hook prerouting priority mangle; policy accept;
    meta mark set ip daddr . meta l4proto . th dport map @marks
    meta mark set meta nfproto . jhash ip saddr . th sport mod 4 seed 0x5 map @buckets
    ip saddr @servers counter update @heard { ip saddr . ip daddr }
    ip6 saddr vmap @verdicts
  }
"""
SETS = {
    "marks": NamedSet(
        ENDPOINT,
        "mark",
        elements={
            ("10.100.0.1", "tcp", "80"): "0x44000001",
            ("10.100.0.1", "udp", "53"): "0x44000002",
            ("10.100.0.2", "sctp", "5060"): "0x44000003",
        },
    ),
    "ranges": NamedSet(
        ENDPOINT,
        "mark",
        interval=True,
        elements={
            ("10.100.0.1", "tcp", "8000-8010"): "0x44000004",
            ("10.100.1.0/24", "udp", "0-65535"): "0x44000005",
            ("10.100.2.1-10.100.2.9", "tcp", "443"): "0x44000006",
        },
    ),
    "servers": NamedSet("ipv4_addr", interval=True, elements={("10.2.0.0/24",): "", ("10.4.0.1",): ""}),
    "verdicts": NamedSet(
        "ipv6_addr", "verdict", elements={("fd00::1",): "jump mute", ("fd00:0:1:1::",): "drop"}
    ),
    "buckets": NamedSet(
        "typeof meta nfproto . symhash mod 4",
        "mark",
        elements={("2", "0"): "0x45000001", ("10", "3"): "0x45000002"},
    ),
    "ways": NamedSet("mark", "ipv4_addr . inet_service", elements={("0x46000001",): "10.100.0.1 . 80"}),
    "links": NamedSet("ifname", elements={('"e0"',): "", ('"e1.100"',): ""}),
    "empty": NamedSet("inet_service"),
}
RULES = Rules(CHAINS, SETS)
WATCH = Rules(
    """
  set heard {
    type ipv4_addr . ipv4_addr
    size 128
    flags dynamic
  }
  chain heard {
    type filter hook prerouting priority mangle; policy accept;
    ip saddr @servers update @heard { ip saddr . ip daddr }
  }
""",
    {"servers": NamedSet("ipv4_addr", elements={("127.0.0.1",): ""})},
)
KEY = ("10.100.0.1", "tcp", "80")


def with_elements(rules, name, elements):
    return replace(rules, sets={**rules.sets, name: replace(rules.sets[name], elements=elements)})


def go(driver, want):
    """Have the driver do what is needed for these rules, and return the steps."""
    steps = diff(DirectorState(rules=want), DirectorState(rules=driver.read()))
    for step in steps:
        driver.apply(step)
    return steps


@pytest.fixture
def loaded(rules):
    rules.apply(LoadRules(RULES))
    return rules


class RulesSuite:
    def test_no_table(self, rules):
        assert rules.read() == NO_RULES
        assert rules.read().digest == ""

    def test_a_table_reads_as_it_was_loaded(self, loaded):
        found = loaded.read()
        assert found == RULES
        assert {name: each.elements for name, each in found.sets.items()} == {
            name: each.elements for name, each in SETS.items()
        }

    def test_who_starts_anew_knows_the_table(self, loaded, again):
        fresh = again()
        assert fresh.read() == RULES
        assert go(fresh, RULES) == ()

    def test_loading_again_and_loading_others(self, loaded):
        loaded.apply(LoadRules(RULES))
        assert loaded.read() == RULES
        others = Rules(
            "  chain other {\n    accept\n  }\n", {"one": NamedSet("mark", elements={("0x00000001",): ""})}
        )
        loaded.apply(LoadRules(others))
        assert loaded.read() == others

    def test_no_rules_take_the_table_away(self, loaded):
        loaded.apply(LoadRules(NO_RULES))
        assert loaded.read() == NO_RULES
        loaded.apply(LoadRules(NO_RULES))
        assert loaded.read() == NO_RULES

    @pytest.mark.parametrize(
        "other",
        [
            replace(RULES, chains=CHAINS.replace("priority mangle", "priority raw")),
            replace(RULES, sets={**SETS, "servers": replace(SETS["servers"], type="ipv6_addr", elements={})}),
            replace(RULES, sets={**SETS, "more": NamedSet("mark")}),
        ],
        ids=["chains", "type", "set"],
    )
    def test_other_rules_are_told_apart(self, loaded, other):
        assert loaded.read() != other

    def test_elements_come_go_and_change(self, loaded):
        ranges = {
            ("10.100.0.1", "tcp", "8000-8004"): "0x44000004",
            ("10.100.0.1", "tcp", "8005-8010"): "0x44000007",
            ("10.100.1.0/24", "udp", "0-65535"): "0x44000009",
        }
        want = with_elements(RULES, "marks", {KEY: "0x44000009", ("10.100.0.7", "tcp", "1"): "0x44000001"})
        want = with_elements(want, "ranges", ranges)
        want = with_elements(
            want, "servers", {("10.2.0.0/25",): "", ("10.2.0.128/26",): "", ("10.5.0.0/16",): ""}
        )
        want = with_elements(want, "buckets", {("10", "3"): "0x45000001"})
        want = with_elements(want, "empty", {("80",): ""})
        assert [type(step) for step in go(loaded, want)] == [ChangeSets]
        assert loaded.read() == want

    def test_a_set_may_become_empty_and_be_filled_again(self, loaded):
        want = with_elements(with_elements(RULES, "marks", {}), "ranges", {})
        go(loaded, want)
        assert loaded.read() == want
        go(loaded, RULES)
        assert loaded.read() == RULES

    def test_many_changes(self, loaded):
        def keys(start, value):
            return {
                (f"10.{100 + n % 3}.{n // 250}.{n % 250}", "tcp", "80"): value
                for n in range(start, start + 1000)
            }

        nothing: dict[tuple[str, ...], str] = {}
        for elements in (keys(0, "0x44000001"), keys(500, "0x44000002"), nothing):
            want = with_elements(RULES, "marks", elements)
            go(loaded, want)
            assert loaded.read() == want

    def test_no_change_is_no_failure(self, loaded):
        loaded.apply(ChangeSets(()))
        loaded.apply(ChangeSets((SetChange("marks"),)))
        loaded.apply(ChangeSets((SetChange("marks", {KEY: "0x44000001"}),)))
        assert loaded.read() == RULES

    @pytest.mark.parametrize(
        "bad",
        [
            SetChange("nosuch", {("80",): ""}),
            SetChange("marks", remove=(("10.100.0.9", "tcp", "80"),)),
            SetChange("marks", {KEY: "0x44000009"}),
            SetChange("marks", {("10.100.0.300", "tcp", "80"): "0x44000001"}),
            SetChange("marks", {("10.100.0.1", "tcp"): "0x44000001"}),
            SetChange("marks", {("10.100.0.9", "tcp", "80-90"): "0x44000001"}),
            SetChange("servers", {("10.2.0.7",): ""}),
            SetChange("ranges", {("10.100.0.1", "tcp", "8005"): "0x44000001"}),
        ],
        ids=["set", "key", "value", "address", "fields", "no-interval", "inside", "inside-concatenation"],
    )
    def test_one_bad_change_and_nothing_is_changed(self, loaded, bad):
        good = SetChange("empty", {("80",): ""})
        with pytest.raises(DriverError, match="cannot change"):
            loaded.apply(ChangeSets((good, bad)))
        assert loaded.read() == RULES

    def test_a_change_without_a_table_is_refused(self, rules):
        with pytest.raises(DriverError):
            rules.apply(ChangeSets((SetChange("marks", {KEY: "0x44000001"}),)))
        assert rules.read() == NO_RULES

    def test_what_somebody_else_changed_is_loaded_again(self, loaded, alter, again):
        alter()
        assert loaded.read().digest == ALTERED
        assert again().read().digest == ALTERED
        assert [type(step) for step in go(loaded, RULES)] == [LoadRules]
        assert loaded.read() == RULES

    @pytest.mark.parametrize(
        "bad",
        [
            Rules("  chain a {\n    ip saddr @nosuch drop\n  }\n"),
            Rules(
                CHAINS,
                {**SETS, "marks": NamedSet(ENDPOINT, "mark", elements={("10.1.1.1", "80"): "0x00000001"})},
            ),
        ],
        ids=["chains", "elements"],
    )
    def test_bad_rules_are_refused_and_the_old_ones_stay(self, loaded, bad):
        with pytest.raises(DriverError, match="cannot use"):
            loaded.check(bad)
        with pytest.raises(DriverError):
            loaded.apply(LoadRules(bad))
        assert loaded.read() == RULES

    def test_checking_changes_nothing(self, rules):
        rules.check(RULES)
        assert rules.read() == NO_RULES
        rules.apply(LoadRules(RULES))
        rules.check(Rules("  chain other {\n    accept\n  }\n"))
        rules.check(NO_RULES)
        assert rules.read() == RULES

    def test_what_was_read_cannot_be_loaded(self, loaded):
        with pytest.raises(ValueError, match="read"):
            loaded.apply(LoadRules(loaded.read()))
        assert loaded.read() == RULES

    def test_a_dynamic_set_is_no_part_of_the_rules(self, loaded):
        assert "heard" not in loaded.read().sets

    def test_a_table_that_watches_is_no_part_of_the_rules(self, loaded, again):
        for rules in (WATCH, WATCH, NO_RULES, NO_RULES):
            loaded.watch(rules)
            assert loaded.read() == RULES
            assert again().read() == RULES
            assert loaded.seen("heard") == frozenset()
            assert loaded.seen("nosuch") == frozenset()

    def test_a_watch_needs_no_other_table_and_outlives_one(self, rules):
        rules.watch(NO_RULES)
        rules.watch(WATCH)
        assert rules.read() == NO_RULES
        rules.apply(LoadRules(RULES))
        rules.apply(LoadRules(NO_RULES))
        assert rules.read() == NO_RULES
        rules.watch(NO_RULES)

    def test_a_watch_that_is_refused(self, loaded):
        with pytest.raises(DriverError, match="watch packets"):
            loaded.watch(Rules(WATCH.chains.replace("@heard", "@nosuch"), WATCH.sets))
        assert loaded.read() == RULES
