"""Whatever a switch's configuration holds, the audit answers."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from switch_audit import audit_switch
from switch_inventories import CASES, facts

from clusterlb.render.switch import render_switch

WORD = st.one_of(st.text(max_size=12), st.sampled_from(["{", "}", ";", "0.0.0.0/0", "99", "ge", "no", "md5"]))


@given(st.sampled_from(CASES), st.data())
def test_a_changed_word_never_makes_the_audit_fail(case, data):
    name, system = case
    rows = render_switch(facts(name, system), system).splitlines()
    number = data.draw(st.integers(0, len(rows) - 1))
    words = rows[number].split(" ")
    words[data.draw(st.integers(0, len(words) - 1))] = data.draw(WORD)
    rows[number] = " ".join(words)
    for ports in ((), facts(name, system).ports):
        for finding in audit_switch("\n".join(rows), "x", replace(facts(name, system), ports=ports), system):
            assert 1 <= finding.line <= len(rows)
