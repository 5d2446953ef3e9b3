"""The table of reserved numbers in docs/forwarding.md is ``model.marks``."""

from __future__ import annotations

import re
from pathlib import Path

from clusterlb.model import marks

DOCS = Path(__file__).parents[3] / "docs"


def text(numbers: range | int, form: str = "{}") -> str:
    if isinstance(numbers, range):
        return f"{form.format(numbers[0])}-{form.format(numbers[-1])}"
    return form.format(numbers)


def test_the_table_of_reserved_numbers_is_the_plan() -> None:
    section = (DOCS / "forwarding.md").read_text().partition("## Reserved numbers\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([^|]*) \| (\w[\w-]*) \|", section, re.MULTILINE)
    assert rows == [
        ("firewall mark", text(marks.PROBE_MARKS, "{:#x}")),
        ("firewall mark", text(marks.SERVICE_MARKS, "{:#x}")),
        ("firewall mark, connection mark", text(marks.DIRECTOR_MARKS, "{:#x}")),
        ("firewall mark", text(marks.REPLY_MARKS, "{:#x}")),
        ("firewall mark", text(marks.ANCHOR_MARKS, "{:#x}")),
        ("mask of a mark", text(marks.KIND_MASK, "{:#x}")),
        ("routing table", text(marks.DIRECTOR_MARKS, "{:#x}")),
        ("preference of policy rules", text(marks.PEER_PREFERENCE)),
        ("preference of policy rules", text(marks.DROP_PREFERENCE)),
        ("route protocol", text(marks.ANNOUNCE_PROTO)),
        ("route protocol", text(marks.CLUSTERLB_PROTO)),
        ("route metric", text(marks.LANE_METRICS)),
        ("OSPF tag", text(marks.EXTERNAL_TAG)),
    ]


def test_every_page_says_the_numbers_of_the_plan() -> None:
    pages = "\n".join(page.read_text() for page in DOCS.rglob("*.md"))
    said = {
        "preference": {marks.PEER_PREFERENCE},
        "proto": {marks.ANNOUNCE_PROTO},
        "(?:preference \\d+|route), protocol": {marks.ANNOUNCE_PROTO},
        "route protocol": {marks.CLUSTERLB_PROTO},
        "tag": {marks.EXTERNAL_TAG},
        "proto 201 metric": {marks.LANE_METRICS[0]},
        "standby": {marks.LANE_METRICS[1]},
        "drained": {marks.LANE_METRICS[2]},
    }
    found = {words: {int(n) for n in re.findall(rf"\b{words} (\d+)\b", pages)} for words in said}
    assert found == said
