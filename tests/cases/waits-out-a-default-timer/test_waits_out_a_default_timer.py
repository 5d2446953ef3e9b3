import random
from pathlib import Path

import pytest

from clusterlb.drivers.frr.delta import additions, script
from clusterlb.drivers.frr.merge import merge, merge_text
from clusterlb.drivers.frr.text import lines_of, parse, scan

GOLDEN = Path(__file__).parents[2] / "golden"
FILES = sorted(
    [*GOLDEN.glob("frr/*.conf"), *GOLDEN.glob("switch/*.frr.conf"), *GOLDEN.glob("switch/*.sonic.conf")]
)
# a host whose operator has begun with OSPF
OPERATOR = """\
interface e0
 ipv6 ospf6 area 0.0.0.0
 description uplink
exit
router ospf6
exit
"""


def started_too_early(lines):
    """Return the settings of an interface that come behind the line that starts OSPF there."""
    started = set()
    for line in lines:
        for word in ("ip ospf", "ipv6 ospf6"):
            if line.text.startswith(f"{word} area "):
                started.add((line.context, word))
            elif line.text.removeprefix("no ").startswith(word) and (line.context, word) in started:
                yield line


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_ospf_starts_last(path):
    ours = parse(path.read_text())
    assert not list(started_too_early(ours))
    assert not list(started_too_early(parse(script(additions((), ours)))))


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("frr/*.conf")), ids=lambda path: path.stem)
def test_ospf_starts_last_whatever_the_order_in_which_lines_come(path):
    ours = [line for line in parse(path.read_text()) if line.context]
    random.Random(path.stem).shuffle(ours)
    for before in ("", OPERATOR):
        assert not list(started_too_early(merge(parse(before), ours, ())))
        assert not list(started_too_early(lines_of(scan(merge_text(before, ours, ())))))
        assert not list(started_too_early(parse(script(additions(parse(before), ours)))))
