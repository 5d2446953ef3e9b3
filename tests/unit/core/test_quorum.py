"""Counts with hysteresis, and UNKNOWN that decides nothing."""

import pytest

from clusterlb.core.quorum import standing
from clusterlb.model.health import VerdictState
from clusterlb.model.inventory import Quorum

STATES = {"u": VerdictState.UP, "d": VerdictState.DOWN, "?": VerdictState.UNKNOWN}


@pytest.mark.parametrize(
    ("members", "before", "fit"),
    [
        ("uu??", False, True),
        ("u???", False, False),
        ("u???", True, True),
        ("uddd", True, False),
        ("uddd", False, False),
        ("?ddd", True, False),
        ("??dd", True, True),
        ("uudd", False, True),
        ("dddd", True, False),
        ("????", True, True),
        ("????", False, False),
    ],
)
def test_two_up_to_be_fit_one_to_be_unfit(members, before, fit):
    found = standing(Quorum(up=2, down=1), [STATES[m] for m in members], before)
    assert found.fit is fit
    assert (found.up, found.unknown, found.total) == (members.count("u"), members.count("?"), len(members))


def test_between_the_marks_nothing_changes():
    members = [STATES[m] for m in "uudd"]
    for before in (True, False):
        assert standing(Quorum(up=3, down=1), members, before).fit is before
