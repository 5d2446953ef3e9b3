"""A reading that is the same as the one before is news where something was done in between."""

from __future__ import annotations

from clusterlb.controller.store.actual import Actual
from clusterlb.model.rules import NO_RULES, Rules


def test_no_rules_are_news_after_some_were_loaded():
    actual = Actual()
    actual.take_rules(NO_RULES)
    actual.rules = Rules("chain")  # loaded
    actual.take_rules(NO_RULES)
    assert actual.rules is NO_RULES


def test_any_reading_is_news_after_a_change():
    first, second = Rules("one"), Rules("two")
    actual = Actual()
    actual.take_rules(first)
    actual.rules = second
    actual.take_rules(first)
    assert actual.rules is first


def test_what_is_equal_stays_the_object_that_it_is():
    believed = Rules("one")
    actual = Actual()
    actual.rules = believed
    for _ in range(2):
        actual.take_rules(Rules("one"))
        assert actual.rules is believed
