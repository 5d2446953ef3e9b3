from pathlib import Path

import pytest
from switch_inventories import INVENTORIES

from clusterlb.audit.switch import report
from clusterlb.render.switch import SwitchError, System, facts_of

HERE = Path(__file__).parent
FACTS = facts_of(INVENTORIES["plain"], (), "ROUTER_ID")


@pytest.mark.parametrize(("name", "system"), [("generated.cfg", System.EOS), ("sonic.conf", System.SONIC)])
def test_the_system_is_told_and_said(name, system):
    audited = report((HERE / name).read_text(), name, FACTS)
    rows = (HERE / name).read_text().splitlines()
    assert audited.guess.system is system
    assert audited.guess.text.split("`")[0].strip() in rows[audited.guess.line - 1]


def test_the_advice_is_in_the_systems_words():
    fixes = [row for f in report((HERE / "generated.cfg").read_text(), "x", FACTS).findings for row in f.fix]
    assert "   ip ospf neighbor bfd" in fixes
    assert not any("bfd profile" in row or "ip protocol" in row or "timers throttle" in row for row in fixes)


def test_what_nothing_tells_is_refused():
    with pytest.raises(SwitchError, match="no line tells which system this is: say --os"):
        report((HERE / "nothing-tells.cfg").read_text(), "x", FACTS)
