"""When a change by others is a second program at work, and what is said of it."""

from __future__ import annotations

from clusterlb.core.rivalry import OFTEN, WINDOW, Rivalry

WEB = "tcp 10.100.0.1:80"


def seen(*times: float) -> Rivalry:
    found = Rivalry()
    for time in times:
        found.changed((WEB,), time)
    return found


def test_what_happens_once_or_twice_is_an_accident():
    assert Rivalry().text(0.0, ()) == ""
    assert seen(*range(OFTEN - 1)).text(10.0, ()) == ""


def test_what_happens_again_and_again_is_somebody():
    text = seen(0.0, 30.0, 60.0).text(61.0, ())
    assert text.startswith(f"others changed what is ours in IPVS 3 times within 5 min, last {WEB}: ")
    assert "excludeCIDRs" in text
    assert "lvs_flush" in text
    assert "others' services" not in text


def test_it_is_over_when_nothing_has_happened_for_long():
    found = seen(0.0, 30.0, 60.0)
    assert found.text(WINDOW - 1, ())
    assert not found.text(WINDOW, ()), "the first one is forgotten"
    found.changed((WEB,), WINDOW)
    assert found.text(WINDOW, ()), "and there is a third one again"


def test_whose_services_are_there_too_is_named_and_many_are_counted():
    others = [f"tcp 10.96.0.{n}:443" for n in range(8)]
    text = seen(0.0, 1.0, 2.0).text(3.0, others)
    assert text.endswith(f"it has others' services, too: {', '.join(others[:5])} and 3 more")
