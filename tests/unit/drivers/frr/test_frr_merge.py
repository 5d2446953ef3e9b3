import pytest

from clusterlb.drivers.frr.contexts import slot
from clusterlb.drivers.frr.merge import displaced, merge, merge_text, needed
from clusterlb.drivers.frr.text import parse
from clusterlb.model.state import FrrLine

RUNNING = parse("""\
hostname x
interface e0
 description d
 ip ospf cost 5
exit
router ospf
 log-adjacency-changes
exit
bfd
 profile theirs
  detect-multiplier 9
 exit
exit
ip prefix-list P seq 5 permit any
""")
E0 = ("interface e0",)
OSPF = ("router ospf",)


def test_nothing_to_do():
    assert merge(RUNNING, (), ()) == RUNNING
    assert merge(RUNNING, RUNNING, ()) == RUNNING


def test_a_new_line_stands_at_the_end_of_its_context():
    merged = merge(RUNNING, [FrrLine(E0, "ip ospf area 0.0.0.0")], ())
    assert merged[: merged.index(FrrLine(E0, "ip ospf area 0.0.0.0"))] == RUNNING[:4]


def test_a_one_value_line_takes_the_place_of_the_other():
    merged = merge(RUNNING, [FrrLine(E0, "ip ospf cost 10")], ())
    assert merged == tuple(
        FrrLine(E0, "ip ospf cost 10") if line == FrrLine(E0, "ip ospf cost 5") else line for line in RUNNING
    )
    assert displaced(RUNNING, merged) == (FrrLine(E0, "ip ospf cost 5"),)


def test_displaced_ignores_what_was_only_removed():
    merged = merge(RUNNING, (), [FrrLine(E0, "ip ospf cost 5")])
    assert displaced(RUNNING, merged) == ()


def test_contexts_are_made_and_vanish_when_ours():
    ours = parse(
        "bfd\n profile ours\n  detect-multiplier 4\n exit\nexit\nrouter ospf6\n ospf6 router-id 1.1.1.1\n"
    )
    fresh = needed(RUNNING, ours)
    merged = merge(RUNNING, fresh, ())
    assert needed(merged, ours) == ()
    assert FrrLine(("bfd", "profile ours"), "detect-multiplier 4") in merged
    assert merge(merged, (), fresh) == RUNNING


def test_a_header_with_foreign_lines_inside_stays():
    gone = [FrrLine((), "router ospf"), FrrLine((), "bfd"), FrrLine(("bfd",), "profile theirs")]
    assert merge(RUNNING, (), gone) == RUNNING


def test_a_foreign_header_stays_when_our_lines_leave_it_empty():
    lines = parse("router ospf\n maximum-paths 8\nexit\n")
    assert merge(lines, (), [FrrLine(OSPF, "maximum-paths 8")]) == (FrrLine((), "router ospf"),)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ip ospf cost 5", "ip ospf cost 10"),
        ("ip ospf passive", "no ip ospf passive"),
        ("ip ospf dead-interval 3", "ip ospf dead-interval minimal hello-multiplier 4"),
        ("ip ospf message-digest-key 1 md5 a", "ip ospf message-digest-key 1 md5 b"),
        ("ip ospf authentication null", "ip ospf authentication message-digest"),
        ("ip ospf authentication", "ip ospf authentication message-digest"),
        ("ip ospf area 0", "ip ospf area 0.0.0.0"),
        ("ospf router-id 1.1.1.1", "ospf router-id 2.2.2.2"),
        ("timers throttle spf 0 50 500", "timers throttle spf 0 50 5000"),
        ("ipv6 ospf6 hello-interval 1", "ipv6 ospf6 hello-interval 2"),
        ("ipv6 ospf6 authentication keychain a", "ipv6 ospf6 authentication keychain b"),
        ("redistribute kernel", "redistribute kernel route-map clb-ipv4"),
        ("graceful-restart", "graceful-restart grace-period 60"),
        ("ip prefix-list a seq 5 permit 10.0.0.0/8 ge 32", "ip prefix-list a seq 5 deny 11.0.0.0/8"),
        ("set metric 10", "set metric 20"),
    ],
)
def test_lines_that_replace_each_other(one, other):
    assert slot(one) == slot(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ip ospf cost 5", "ip ospf cost 5 10.0.0.1"),
        ("ip ospf bfd", "ip ospf bfd profile x"),
        ("ip ospf message-digest-key 1 md5 a", "ip ospf message-digest-key 2 md5 a"),
        ("timers throttle spf 0 50 500", "timers throttle lsa all 0"),
        ("ip route 10.0.0.0/8 Null0", "ip route 10.0.0.0/8 10.1.1.1"),
        ("neighbor 1.1.1.1 remote-as 1", "neighbor 1.1.1.1 description x"),
        ("redistribute kernel", "redistribute connected"),
        ("graceful-restart", "graceful-restart helper enable"),
        ("ip prefix-list a seq 5 permit 10.0.0.0/8", "ipv6 prefix-list a seq 5 permit fd00::/8"),
        ("ip prefix-list a seq 5 permit 10.0.0.0/8", "ip prefix-list a seq 10 permit 10.0.0.0/8"),
        ("set metric 10", "set metric-type type-1"),
    ],
)
def test_lines_that_stand_beside_each_other(one, other):
    assert slot(one) != slot(other)


FILE = """\
! kept by hand
hostname x

interface e0
  ip ospf cost 5
  ! why five
router ospf
 log-adjacency-changes
line vty
end
"""


def test_a_file_keeps_its_comments_and_indentation():
    ours = parse("interface e0\n ip ospf cost 10\nexit\nrouter ospf\n maximum-paths 8\nexit\nbfd\nexit\n")
    before = parse(FILE)
    edited = merge_text(FILE, ours, ())
    assert edited == FILE.replace("cost 5", "cost 10").replace(
        " log-adjacency-changes\n", " log-adjacency-changes\n maximum-paths 8\n"
    ).replace("end\n", "bfd\nexit\nend\n")
    back = merge_text(edited, displaced(before, parse(edited)), needed(before, ours))
    assert back == FILE


def test_an_untouched_file_is_the_same_text():
    assert merge_text(FILE.removesuffix("\n"), (), ()) == FILE.removesuffix("\n")


def test_ospf_has_its_router_id_before_the_first_interface_of_a_file_that_has_one():
    text = "hostname d1\n!\ninterface e0\n description uplink\nexit\n!\nrouter bgp 65000\nexit\n"
    ours = (
        FrrLine(("interface e0",), "ip ospf area 0.0.0.0"),
        FrrLine(("router ospf",), "ospf router-id 10.1.0.6"),
    )
    merged = merge_text(text, ours, ())
    rows = merged.splitlines()
    assert rows.index("router ospf") < rows.index(" ospf router-id 10.1.0.6") < rows.index("interface e0")
    assert merge_text(merged, ours, ()) == merged
    assert merge_text(merged, (), ours).count("\n") <= text.count("\n") + 2


@pytest.mark.parametrize(
    ("text", "ours", "merged"),
    [
        pytest.param(
            "bfd\n peer 192.0.2.1\n  detect-multiplier 5\n !\n!\n",
            "bfd\n profile ours\n  detect-multiplier 4\n exit\nexit\n",
            "bfd\n profile ours\n  detect-multiplier 4\n exit\n"
            " peer 192.0.2.1\n  detect-multiplier 5\n !\n!\n",
            id="an inner context comes before those that may stay open",
        ),
        pytest.param(
            "mpls ldp\n address-family ipv4\n  interface e7\n  exit\n exit-address-family\nexit\n",
            "router ospf\nexit\n",
            "mpls ldp\n address-family ipv4\n  interface e7\n  exit\n exit-address-family\nexit\n"
            "router ospf\nexit\n",
            id="an interface of LDP's is none",
        ),
        pytest.param(
            "mpls ldp\n address-family ipv4\n  interface e7\n!\n",
            "interface e0\nexit\n",
            "mpls ldp\n address-family ipv4\n  interface e7\n!\n  exit\n exit-address-family\nexit\n"
            "interface e0\nexit\n",
            id="LDP is left before an interface of ours",
        ),
        pytest.param(
            "router ospf6\n ospf6 router-id 192.0.2.9\n!\n",
            "interface e0\nexit\n",
            "router ospf6\n ospf6 router-id 192.0.2.9\n!\nexit\ninterface e0\nexit\n",
            id="so is OSPFv3, for which `interface` is half a setting",
        ),
        pytest.param(
            "interface e0\n ip ospf cost 10\n ip ospf cost 5\n",
            "interface e0\n ip ospf cost 10\nexit\n",
            "interface e0\n ip ospf cost 10\n ip ospf cost 10\n",
            id="the later of two values is the one in force",
        ),
        pytest.param(
            "interface e0\n ip ospf cost 5\nend\ninterface e0\n ip ospf cost 6\nend\n",
            "interface e0\n ip ospf cost 10\nexit\nbfd\nexit\n",
            "interface e0\n ip ospf cost 5\nend\ninterface e0\n ip ospf cost 10\nbfd\nexit\nend\n",
            id="FRR reads on behind an end",
        ),
        pytest.param(
            "interface e0\r\n ip ospf cost 5\r\nhostname x",
            "interface e0\n ip ospf area 0\nexit\n",
            "interface e0\r\n ip ospf cost 5\r\n ip ospf area 0\nhostname x\n",
            id="other ends of lines stay",
        ),
        pytest.param(
            "hostname x\ninterface e0\n description a\u2028interface e1\x85\x0c\n",
            "interface e0\n ip ospf cost 5\nexit\n",
            "hostname x\ninterface e0\n description a\u2028interface e1\x85\x0c\n ip ospf cost 5\n",
            id="nothing else ends a line",
        ),
    ],
)
def test_ours_stand_where_frr_reads_them_as_they_are_meant(text, ours, merged):
    assert merge_text(text, parse(ours), ()) == merged
