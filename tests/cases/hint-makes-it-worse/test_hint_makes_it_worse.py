"""Each hint that proposes something is followed, and the problem must be gone."""

from __future__ import annotations

import codecs
import re
from pathlib import Path

import pytest
from problem_marks import problems_of

from clusterlb.config.load import InventoryError, load

TEXT = (Path(__file__).parent / "inventory.yaml").read_text()
MEMBER = "{address: 10.2.0.101, port: 80, weight: 1}"
CHECK = "check: {type: tcp}"

# what is written, what the hint says, and what it proposes (None: nothing)
FOLLOWED = {
    "a command in one text": (
        CHECK,
        'check: {type: command, argv: "/bin/true -x"}',
        '"/bin/true -x"',
        "write it as a list: [/bin/true, -x]",
    ),
    "a command with quotes": (
        CHECK,
        "check: {type: command, argv: '/bin/sh -c \"a b\"'}",
        "'/bin/sh -c \"a b\"'",
        'write it as a list: [/bin/sh, -c, "a b"]',
    ),
    "a command with a number": (
        CHECK,
        "check: {type: command, argv: /bin/sleep 1}",
        "/bin/sleep 1",
        'write it as a list: [/bin/sleep, "1"]',
    ),
    "uplinks in one text": ("uplinks: [e0]", "uplinks: e0", "e0", "write it as a list: [e0]"),
    "uplinks with commas": ("uplinks: [e0]", "uplinks: e0 e1", "e0 e1", "write it as a list: [e0, e1]"),
    "a member in one text": (
        MEMBER,
        '"10.2.0.101:80"',
        '"10.2.0.101:80"',
        "write it as {address: 10.2.0.101, port: 80}",
    ),
    "an IPv6 member": (
        "[{address: 10.2.0.101, port: 80, weight: 1}]",
        '[{address: 10.2.0.101, port: 80}, "[2001:db8::1]:80"]',
        '"[2001:db8::1]:80"',
        'write it as {address: "2001:db8::1", port: 80}',
    ),
    "a quoted number": ("weight: 1", 'weight: "4"', '"4"', "remove the quotes: 4"),
    "a number for a name": ("name: edge-1", "name: 0x10", "0x10", 'put it in quotes: "0x10"'),
    "a fraction for a name": ("name: edge-1", "name: 1.50", "1.50", 'put it in quotes: "1.50"'),
    "a check in one word": (CHECK, "check: http", "check: http", "write `check: {type: http}`"),
    "checks in one word": (CHECK, "checks: http", "http", "write it as a list: [{type: http}]"),
}
SAID = {
    "200 digits": ("weight: 1", "weight: " + "9" * 200, "write a smaller number: no field takes one of 200"),
    "a number as an address": ("10.2.0.101", "167903333", "write for example 10.2.0.101"),
    "a number as a name that is none": ("name: edge-1", "name: -5", "1 to 63 letters"),
    "a quoted number that is too large": ("weight: 1", 'weight: "70000"', "Share of the connections"),
    "a check that is none": (CHECK, "check: htpt", "write `key: value` pairs"),
    "a pool with a bad name": ("  web:\n", "  ../web:\n", "add it under `pools`"),
    "a no-break space before a key": (
        "  d2:",
        "\xa0 d2:",
        "write an ordinary space for U+00A0 NO-BREAK SPACE",
    ),
    "an ideographic space in a number": (
        "weight: 1",
        "weight: 1\u3000",
        "write an ordinary space for U+3000",
    ),
    "a zero-width space in a number": ("weight: 1", "weight: 1\u200b", "remove U+200B ZERO WIDTH SPACE"),
    "a zero-width space in a word": ("type: tcp", "type: tcp\u200b", "remove U+200B ZERO WIDTH SPACE"),
    "a zero-width space in an address": (
        "10.2.0.101",
        '"10.2.0.101\u200b"',
        "remove U+200B ZERO WIDTH SPACE",
    ),
    "other digits": ("weight: 1", "weight: \u0661", "write the digits 0 to 9"),
    "a zone in a prefix": ("10.100.0.0/24]", '10.100.0.0/24, "2001:db8::%e0/64"]', "leave out `%e0`"),
    "a mapped group": ("10.2.0.101", '"::ffff:224.0.0.1"', "224.0.0.1 is none"),
    "a directive": ("cluster:", "%YAML 1.3\n---\ncluster:", "remove this line"),
    "a key that is there twice under another name": (
        "port: 80, w",
        "prot: 80, port: 81, w",
        "one of: address",
    ),
}


@pytest.mark.parametrize("name", FOLLOWED)
def test_a_proposal_is_taken_when_it_is_followed(name: str, tmp_path: Path):
    old, new, wrong, hint = FOLLOWED[name]
    assert old in TEXT
    text = TEXT.replace(old, new, 1)
    problems = problems_of(text, tmp_path)
    assert hint in [problem.hint for problem in problems], problems
    proposed = re.sub(
        r"^(write it as a list|put it in quotes|remove the quotes): |^write it as |^write ", "", hint
    )
    followed = text.replace(wrong, proposed.strip("`"), 1)
    assert all(problem.severity.value == "warning" for problem in problems_of(followed, tmp_path)), followed


@pytest.mark.parametrize("name", SAID)
def test_where_nothing_can_be_proposed_the_hint_says_what_is_needed(name: str, tmp_path: Path):
    old, new, hint = SAID[name]
    assert old in TEXT
    hints = [problem.hint for problem in problems_of(TEXT.replace(old, new, 1), tmp_path)]
    assert any(one.startswith(hint) for one in hints), hints


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_the_encoding_is_named(encoding: str, tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(TEXT.encode(encoding))
    with pytest.raises(InventoryError) as caught:
        load(path)
    (problem,) = caught.value.problems
    named = re.search(r"iconv -f (\S+)", problem.hint)
    assert named is not None
    assert codecs.decode(path.read_bytes(), named[1]) == TEXT
