"""Endpoints of rules are apart, whatever services share a member: nft refuses ranges that overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.nft.part import apart
from clusterlb.model.plan import LoadRules
from clusterlb.model.rules import NamedSet, Rules
from tests.support.fake_rules import FakeRules

PORTS = range(13)
SPANS = st.tuples(st.integers(0, 12), st.integers(0, 12)).map(sorted)
KEYS = st.tuples(
    st.sampled_from(["10.2.0.1", "10.2.0.2"]),
    st.sampled_from(["tcp", "udp"]),
    SPANS.map(lambda span: str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"),
)


def meanings(elements, host, protocol, port):
    """Return everything that a port of a host means."""
    found = set()
    for (address, name, ports), meant in elements.items():
        first, _, last = ports.partition("-")
        if (address, name) == (host, protocol) and int(first) <= port <= int(last or first):
            found.add(meant)
    return found


@given(st.dictionaries(KEYS, st.sampled_from(["a", "b", ""]), max_size=6))
def test_a_port_that_means_one_thing_keeps_it_and_any_other_means_nothing(elements):
    kept = apart(elements)
    for host in ("10.2.0.1", "10.2.0.2"):
        for protocol in ("tcp", "udp"):
            for port in PORTS:
                before = meanings(elements, host, protocol, port)
                assert meanings(kept, host, protocol, port) == (before if len(before) == 1 else set())


@given(st.dictionaries(KEYS, st.sampled_from(["0x00000001", "0x00000002"]), max_size=6))
def test_nft_takes_what_is_apart(elements):
    kept: dict[tuple[str, ...], str] = {
        (key[0], key[2]): meant for key, meant in apart(elements).items() if key[1] == "tcp"
    }
    named = NamedSet("ipv4_addr . inet_service", "mark", interval=True, elements=kept)
    FakeRules().apply(LoadRules(Rules("  chain c {\n  }\n", {"replies": named})))


@given(st.dictionaries(KEYS, st.just(""), max_size=6))
def test_what_is_apart_stays_as_it_is(elements):
    once = apart(elements)
    assert apart(once) == once
