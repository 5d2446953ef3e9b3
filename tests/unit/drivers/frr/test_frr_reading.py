import pytest

from clusterlb.drivers.frr.contexts import spelt_out
from clusterlb.drivers.frr.merge import merge_text
from clusterlb.drivers.frr.reading import probed, understood
from clusterlb.drivers.frr.text import Kind, lines_of, parse

# FRR 8.4's numbers
TOP, INTERFACE, OSPF, BFD, PEER, PROFILE = 4, 17, 41, 86, 87, 88


def read(rows):
    """Have an FRR say where it is: rows of text, each with the node behind it, and None for a refused one."""
    text = "".join(f"{row}\n" for row, _ in rows)
    said, node = [f"line 1: % Unknown command[{TOP}]: probe"], TOP
    for number, (row, after) in enumerate(rows):
        if after is None:
            said.append(f"line {2 * number + 2}: % Unknown command[{node}]: {row}")
        else:
            node = after
        said.append(f"line {2 * number + 3}: % Unknown command[{node}]: probe")
    return text, "\n".join(said)


PEERS = [
    ("bfd", BFD),
    (" peer 192.0.2.1", PEER),
    (" profile slow", PEER),
    (" !", PEER),
    (" peer 192.0.2.2", PEER),
    ("  exit", BFD),
    (" profile slow", PROFILE),
    (" bogus", None),
    ("  transmit-interval 900", PROFILE),
    ("int e0", INTERFACE),
    ("ip ospf cos 5", INTERFACE),
    ("interface e1", INTERFACE),
    ("hostname x", TOP),
    ("end", TOP),
]


def test_contexts_are_frrs():
    entries = understood(*read(PEERS))
    assert [entry.kind for entry in entries if entry.kind in {Kind.NOTHING, Kind.EXIT, Kind.END}] == [
        Kind.NOTHING,
        Kind.EXIT,
        Kind.NOTHING,
        Kind.END,
    ]
    assert lines_of(entries) == parse(
        """\
bfd
 peer 192.0.2.1
  profile slow
 exit
 peer 192.0.2.2
 exit
 profile slow
  transmit-interval 900
 exit
exit
interface e0
 ip ospf cost 5
exit
interface e1
exit
hostname x
"""
    )


def test_a_profile_of_ours_stands_before_the_peers():
    text, said = read(PEERS)
    ours = parse("bfd\n profile clusterlb\n  transmit-interval 50\n exit\nexit\n")
    merged = merge_text(text, ours, (), understood(text, said))
    assert merged == text.replace("bfd\n", "bfd\n profile clusterlb\n  transmit-interval 50\n exit\n", 1)


def test_nothing_is_put_where_frr_reads_no_more():
    """An exit too many ends FRR's reading; what comes behind it is as if it were not there."""
    text = "hostname x\nexit\nrouter ospf\n ospf router-id 192.0.2.9\n"
    said = "".join(f"line {n}: % Unknown command[{TOP}]: probe\n" for n in (1, 3))
    said += "".join(f"line {n}: % Unknown command[{TOP - 1}]: x\n" for n in range(5, 10))
    entries = understood(text, said)
    assert [entry.kind for entry in entries] == [Kind.LINE, Kind.END, Kind.NOTHING, Kind.NOTHING]
    merged = merge_text(text, parse("router ospf\n ospf router-id 10.1.0.1\nexit\n"), (), entries)
    assert merged == "hostname x\nrouter ospf\n ospf router-id 10.1.0.1\nexit\n" + text.removeprefix(
        "hostname x\n"
    )


def test_an_answer_that_does_not_tell_is_no_reading():
    assert understood("hostname x\n", "") is None
    assert understood("hostname x\n", "% vtysh: cannot open") is None
    assert understood(f"description {'x' * 5000}\n", f"line 1: % Unknown command[{TOP}]: x") is None


def test_every_line_is_asked_about():
    assert probed("a\nb").count("\n") == 5
    assert probed("").count("\n") == 1


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("int e0", "interface e0"),
        ("rou ospf", "router ospf"),
        ("router ospf6", "router ospf6"),
        ("router ospf vrf RED", "router ospf vrf RED"),
        ("ip ospf cos 5", "ip ospf cost 5"),
        ("no ip ospf pas", "no ip ospf passive"),
        ("ip ospf dead min hello 4", "ip ospf dead-interval minimal hello-multiplier 4"),
        ("ip ospf bfd", "ip ospf bfd"),
        ("ip ospf bfd prof x", "ip ospf bfd profile x"),
        ("timers thr spf 1 2 3", "timers throttle spf 1 2 3"),
        ("ip ospf x 5", "ip ospf x 5"),
        ("description int e0", "description int e0"),
        ("neighbor 192.0.2.1 bfd", "neighbor 192.0.2.1 bfd"),
        ("ospf", "ospf"),
        ("", ""),
    ],
)
def test_abbreviations(short, full):
    assert spelt_out(short) == full
