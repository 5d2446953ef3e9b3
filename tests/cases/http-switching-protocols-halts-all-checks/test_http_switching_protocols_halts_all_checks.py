from pathlib import Path

import pytest

from clusterlb.checks.http import HttpDialogue
from clusterlb.checks.probe import Result
from clusterlb.config.load import load
from clusterlb.model.check import HttpOptions

INVENTORY = Path(__file__).with_name("inventory.yaml")
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x05hello"
UPGRADE = (("Upgrade", "websocket"),)


def answered(options: HttpOptions, answer: bytes) -> Result:
    dialogue = HttpDialogue(options, "member")
    dialogue.begin()
    result = dialogue.receive(answer)
    return result if isinstance(result, Result) else dialogue.end_of_file()


def test_the_inventory_is_sound_and_the_answer_passes():
    inventory, problems = load(INVENTORY)
    assert not problems
    [check] = inventory.pools["chat"].checks
    dialogue = HttpDialogue(check.probe.options, "member")
    assert b"\r\nConnection: Upgrade\r\n" in dialogue.begin()
    assert dialogue.receive(SWITCH) == Result(True, "HTTP 101")


@pytest.mark.parametrize(
    ("options", "detail"),
    [
        (HttpOptions(headers=UPGRADE), "HTTP 101 Switching Protocols, not 200-299"),
        (
            HttpOptions(headers=UPGRADE, status=((101, 101),), body="hello"),
            "no match for 'hello' in the body: nothing",
        ),
        (HttpOptions(status=((101, 101),)), "broken answer: "),
    ],
)
def test_every_other_use_of_it_ends_with_a_verdict(options, detail):
    result = answered(options, SWITCH)
    assert not result.ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(
    "answer", [b"HTTP/1.1 200 OK\r\n\r\ntunnel", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\ntunnel"]
)
def test_the_parser_pauses_after_connect_too(answer):
    assert answered(HttpOptions(method="CONNECT", body="tunnel"), answer).detail == (
        "no match for 'tunnel' in the body: nothing"
    )
    assert answered(HttpOptions(method="CONNECT"), answer).ok
