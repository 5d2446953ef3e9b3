from pathlib import Path

import pytest

from clusterlb.checks.exchange import Exchange
from clusterlb.checks.http import HttpDialogue
from clusterlb.config.error import InventoryError
from clusterlb.config.load import load

INVENTORY = Path(__file__).with_name("inventory.yaml")


@pytest.mark.parametrize("text", ["alles ist 健康", "wir sind zurück\n"])
def test_the_pattern_is_found_in_utf_8_and_the_request_can_be_sent(text):
    inventory, problems = load(INVENTORY)
    assert not problems
    [check] = inventory.pools["web"].checks
    dialogue = HttpDialogue(check.probe.options, "member")
    assert b"X-Wanted: zur\xfcck\r\n" in dialogue.begin()
    body = text.encode()
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    assert dialogue.receive(answer).ok


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_one_that_fits_into_latin_1_is_found_there_too(encoding):
    dialogue = Exchange("", "^zurück$")
    assert dialogue.receive("zurück".encode(encoding)).ok


def test_bytes_are_found_as_bytes():
    assert Exchange("", "\xff\x00\xfe").receive(b"\xff\x00\xfe").ok


def test_a_record_of_dns_is_ascii(tmp_path):
    file = tmp_path / "inventory.yaml"
    file.write_text(
        INVENTORY.read_text()
        .replace("type: http, body", "type: dns, answer")
        .replace(', headers: {X-Wanted: "zurück"}', "")
    )
    with pytest.raises(InventoryError, match="beyond ASCII"):
        load(file)
