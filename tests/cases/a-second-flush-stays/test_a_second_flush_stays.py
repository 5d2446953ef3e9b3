"""Two flushes without a reading between them, as the controller's memory of the table sees them."""

from __future__ import annotations

from clusterlb.controller.actual import Actual
from clusterlb.model.rules import NO_RULES, Rules

OURS = Rules("table", digest="d")


def test_a_table_that_goes_again_is_gone():
    actual = Actual()
    actual.take_rules(OURS)
    for _ in range(2):
        actual.take_rules(NO_RULES)  # flushed
        assert actual.rules is NO_RULES
        actual.rules = OURS  # loaded by us, and flushed before anybody has looked


def test_a_reading_like_the_last_changes_no_object():
    """A diff of an object and itself looks at nothing: equal rules stay the object that they are."""
    actual = Actual()
    actual.take_rules(OURS)
    kept = actual.rules
    for _ in range(2):
        actual.take_rules(Rules("table", digest="d"))
        assert actual.rules is kept
