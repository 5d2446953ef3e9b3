"""What is written is what is read: the script's elements, nft's listing of them, and the changes between."""

from __future__ import annotations

import json
import re

from hypothesis import given
from hypothesis import strategies as st
from nft_elements import between, named_sets, numbers

from clusterlb.core.plan.diff import diff
from clusterlb.drivers.nft import listing, script
from clusterlb.drivers.nft.fields import BITS, canonical, span
from clusterlb.model.plan import ChangeSets, LoadRules
from clusterlb.model.rules import NamedSet, Rules
from clusterlb.model.state import DirectorState
from tests.support.fake_rules import FakeRules

CHAINS = "  chain a {\n    accept\n  }\n"
PROTOCOLS = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58, "sctp": 132}
SET = re.compile(r"^  (set|map) (\w+) \{\n(.*?)^  \}", re.MULTILINE | re.DOTALL)
ELEMENTS = re.compile(r"elements = \{\n(.*?)\n\}", re.DOTALL)


def shown(kind: str, text: str) -> object:
    """Return a field as nft's JSON has it."""
    if kind == "verdict":
        return {text: None}
    if text in PROTOCOLS:
        return PROTOCOLS[text]
    number = str if kind.endswith("_addr") else lambda one: int(one, 0)
    if "/" in text:
        address, length = text.split("/")
        return {"prefix": {"addr": address, "len": int(length)}}
    if "-" in text:
        return {"range": [number(one) for one in text.split("-")]}
    return number(text)


def together(kinds: list[str], texts: list[str]) -> object:
    fields = [shown(kind, text) for kind, text in zip(kinds, texts, strict=True)]
    return {"concat": fields} if len(fields) > 1 else fields[0]


def listed(text: str) -> str:
    """Return what nft would list of a script, read by other means than the script's own."""
    objects = []
    for what, name, body in SET.findall(text):
        typed = re.search(r"type (.*)", body)
        assert typed is not None
        kind, _, value = typed[1].partition(" : ")
        kinds, values = kind.split(" . "), value.split(" . ")
        entry = {"name": name, "type": kinds if len(kinds) > 1 else kinds[0], "elem": []}
        if "flags interval" in body:
            entry["flags"] = ["interval"]
        if value:
            entry["map"] = value
        found = ELEMENTS.search(body)
        for line in found[1].split(",\n") if found else ():
            key, _, worth = line.partition(" : ")
            item = together(kinds, key.split(" . "))
            entry["elem"].append([item, together(values, worth.split(" . "))] if value else item)
        objects.append({what: entry})
    return json.dumps({"nftables": objects})


@given(named_sets())
def test_what_a_script_writes_a_listing_reads(sets):
    assert listing.parse(listed(script.load(Rules(CHAINS, sets)))).sets == sets


@given(st.data())
def test_a_span_is_written_in_one_way(data):
    kind = data.draw(st.sampled_from(sorted(BITS)))
    first, last = sorted((data.draw(numbers(kind)), data.draw(numbers(kind))))
    text = between(kind, first, last)
    assert span(kind, text) == (first, last)
    assert canonical(kind, text) == text


def _typed(sets: dict[str, NamedSet], elements: dict[str, NamedSet]) -> Rules:
    empty = {name: NamedSet(each.type, each.value, each.interval) for name, each in sets.items()}
    return Rules(CHAINS, {name: elements.get(name, each) for name, each in empty.items()})


@given(named_sets(), named_sets())
def test_the_changes_between_any_two_tables_are_never_refused(before, after):
    kinds = {**before, **after}
    have, want = _typed(kinds, before), _typed(kinds, after)
    fake = FakeRules()
    fake.apply(LoadRules(have))
    steps = diff(DirectorState(rules=want), DirectorState(rules=fake.read()))
    changes = [step for step in steps if isinstance(step, ChangeSets)]
    assert len(changes) == len(steps)
    for step in changes:
        fake.apply(step)
    assert fake.read() == want
    assert have.changed(change for step in changes for change in step.changes) == want
    assert diff(DirectorState(rules=want), DirectorState(rules=fake.read())) == ()
