"""What an operator reads of the peers, and a scraper gets."""

from dataclasses import replace
from ipaddress import ip_address

import pytest
from prometheus_client.parser import text_string_to_metric_families
from statuses import member, status, vip

from clusterlb.api.metrics import exposition
from clusterlb.cli.status import peers, show, strayed
from clusterlb.controller.judgement import troubles
from clusterlb.controller.status import COUNTS
from clusterlb.model.peer import PeerState
from clusterlb.model.status import PeerStatus


def peer(number, **changes):
    fields = {"state": PeerState.CONNECTED, "age": 5.0, "reads": True, **changes}
    return PeerStatus(peer=f"d{number}", address=ip_address(f"10.2.0.{number}"), **fields)


SILENT = peer(3, state=PeerState.SILENT, age=34.2, because="10.2.0.3:7480: Connection refused", reads=False)


def test_the_peers_are_one_line_those_first_that_do_not_speak(capsys):
    show(status(peers=(peer(2), SILENT)))
    lines = capsys.readouterr().out.splitlines()
    assert "peers d3 SILENT for 34 s: 10.2.0.3:7480: Connection refused; d2 connected" in lines


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"state": PeerState.CONNECTING}, "d2 CONNECTING for 5 s: no word yet"),
        ({"reads": False}, "d2 DOES NOT LISTEN: it has not connected"),
        ({"reads": False, "turned_away": "TLS: expired"}, "d2 DOES NOT LISTEN: TLS: expired"),
        ({"behind": True}, "d2 BEHIND: it has not taken in all anchors yet"),
        ({"tables_differ": ("tcp a:1", "udp b:2")}, "d2 connected, with another table for tcp a:1, udp b:2"),
    ],
)
def test_what_is_wrong_with_a_peer_is_said(changes, text):
    assert peers(status(peers=(peer(2, **changes),))) == text


def test_without_the_channel_there_is_no_line(capsys):
    assert peers(status()) == ""
    show(status())
    assert "peers" not in capsys.readouterr().out


def test_a_director_that_joins_says_so():
    assert peers(status(peers=(peer(2),), joined=False)) == (
        "d2 connected; joining: not all have told of their anchors yet"
    )


def test_what_is_not_covered_and_what_was_not_counted_is_said(capsys):
    show(status(uncovered=("d3 not told of this director's anchors",), uncounted="the disk is full"))
    lines = capsys.readouterr().out.splitlines()
    assert "note: d3 not told of this director's anchors" in lines
    assert "warning: strays are not counted: the disk is full" in lines


def with_strays(anchored, **more):
    found = vip("10.100.0.1", member())
    (service,) = found.services
    return status(
        vips=(replace(found, services=(replace(service, flows=9, strays=4, anchored=anchored),)),), **more
    )


def test_strays_that_the_peers_keep_too_are_no_news():
    assert list(strayed(with_strays(4))) != []
    assert list(strayed(with_strays(4, peers=(peer(2),)))) == []
    assert list(strayed(with_strays(3, peers=(peer(2),)))) != []
    assert list(strayed(with_strays(4, peers=(SILENT,), uncovered=("d3",)))) != []


def test_an_odd_table_is_an_error_and_a_trouble(capsys):
    given = status(odd_tables=("tcp 10.100.0.1:80: here a; at d2 b",))
    text = "most directors have another table for tcp 10.100.0.1:80: here a; at d2 b"
    assert text in troubles(given)
    show(given)
    assert f"error: {text}" in capsys.readouterr().out.splitlines()


def test_a_scraper_gets_who_is_heard_and_who_is_told():
    given = status(
        peers=(peer(2), SILENT, peer(4, behind=True)), odd_tables=("a: b",), counts=dict.fromkeys(COUNTS, 0)
    )
    found = {
        (sample.name, sample.labels.get("peer")): sample.value
        for family in text_string_to_metric_families(exposition(given).decode())
        for sample in family.samples
        if "peer" in sample.labels or sample.name == "clusterlb_odd_tables"
    }
    assert found == {
        ("clusterlb_peer_heard", "d2"): 1,
        ("clusterlb_peer_heard", "d3"): 0,
        ("clusterlb_peer_heard", "d4"): 1,
        ("clusterlb_peer_told", "d2"): 1,
        ("clusterlb_peer_told", "d3"): 0,
        ("clusterlb_peer_told", "d4"): 0,
        ("clusterlb_odd_tables", None): 1,
    }
