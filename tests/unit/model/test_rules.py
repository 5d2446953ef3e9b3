from dataclasses import replace

import pytest

from clusterlb.core.plan.diff import diff
from clusterlb.model.plan import ChangeSets, LoadRules
from clusterlb.model.rules import ALTERED, NO_RULES, NamedSet, Rules, SetChange
from clusterlb.model.state import DirectorState

MARKS = NamedSet("inet_service", "mark", elements={("80",): "0x00000001", ("81",): "0x00000002"})
RULES = Rules("  chain a {\n    accept\n  }\n", {"marks": MARKS})
READ = Rules(sets={"marks": replace(MARKS, type="integer")}, digest=RULES.digest)


def steps(want, have):
    return diff(DirectorState(rules=want), DirectorState(rules=have))


def test_what_was_read_equals_what_was_loaded():
    assert READ == RULES
    assert hash(READ) == hash(RULES)
    assert steps(RULES, READ) == ()
    assert Rules() == NO_RULES
    assert NO_RULES.digest == ""


@pytest.mark.parametrize(
    "other",
    [
        replace(RULES, chains="  chain a {\n    drop\n  }\n"),
        replace(RULES, sets={"marks": replace(MARKS, value="inet_service")}),
        replace(RULES, sets={"marks": replace(MARKS, interval=True)}),
        replace(RULES, sets={"others": MARKS}),
        NO_RULES,
    ],
    ids=["chains", "type", "interval", "name", "none"],
)
def test_other_chains_or_sets_are_loaded_as_a_whole(other):
    assert other != RULES
    assert steps(other, READ) == (LoadRules(other),)


def test_what_somebody_altered_is_loaded_again():
    assert steps(RULES, replace(READ, digest=ALTERED)) == (LoadRules(RULES),)


def test_other_elements_are_changed_in_place():
    elements = {("80",): "0x00000009", ("82",): "0x00000003"}
    want = replace(RULES, sets={"marks": replace(MARKS, elements=elements)})
    assert want != RULES
    [step] = steps(want, READ)
    assert step == ChangeSets((SetChange("marks", elements, (("80",), ("81",))),))
    assert READ.changed(step.changes) == want
    assert READ.sets["marks"].elements == MARKS.elements


def test_a_change_of_a_set_that_is_not_there():
    with pytest.raises(KeyError):
        RULES.changed((SetChange("nosuch"),))


def test_rules_equal_nothing_else():
    assert RULES != "rules"
    assert RULES.__eq__("rules") is NotImplemented
