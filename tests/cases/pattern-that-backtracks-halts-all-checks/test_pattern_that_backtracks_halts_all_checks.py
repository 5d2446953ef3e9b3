from pathlib import Path

import pytest
from probing import make_key
from stream_members import check, member, saying

from clusterlb.checks.udp import UdpProbe
from clusterlb.config.error import InventoryError
from clusterlb.config.load import load
from clusterlb.model.check import CheckType, HttpOptions, TcpOptions, UdpOptions

INVENTORY = Path(__file__).with_name("inventory.yaml")
WELL = {"/health": b"status: all good ok\n", "/state": b"all is healthy"}
UNWELL = {"/health": b"status: service starting up please wait a moment", "/state": b"a" * 40}


def options() -> list[HttpOptions]:
    inventory, problems = load(INVENTORY)
    assert not problems
    return [check.probe.options for check in inventory.pools["web"].checks]


def body(text: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(text) + text


@pytest.mark.parametrize("which", [0, 1])
def test_the_search_ends_whatever_the_member_says(which):
    asked = options()[which]
    for texts, ok in ((WELL, True), (UNWELL, False)):
        with member(saying(body(texts[asked.path]))) as port:
            assert check(CheckType.HTTP, asked, port).ok == ok


def test_it_ends_in_a_dialogue_over_tcp_and_in_a_datagram_too():
    pattern = options()[1].body
    with member(saying(UNWELL["/state"], then=lambda connection: None)) as port:
        assert not check(CheckType.TCP, TcpOptions(send="x", expect=pattern), port).ok
    probe = UdpProbe(make_key(CheckType.UDP, UdpOptions(expect=pattern)))
    assert not probe._judge(UNWELL["/state"], 0.0).ok


def test_a_pattern_that_needs_backtracking_is_refused(tmp_path):
    file = tmp_path / "inventory.yaml"
    for pattern, hint in ((r"^(?!.*error)", "`not_body`"), (r"(a+)\1", "references back")):
        file.write_text(INVENTORY.read_text().replace(r"^(\s*\S+\s*)*healthy$", pattern))
        with pytest.raises(InventoryError, match=hint):
            load(file)
