"""Whatever the daemons print is a database or a DriverError, and any database can be looked at."""

import json
from copy import deepcopy
from ipaddress import IPv4Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.core.cluster_view import view
from clusterlb.drivers.frr.database import parse_databases
from clusterlb.drivers.interface import DriverError
from clusterlb.model.ospf import LaneCosts

OUTPUTS = Path(__file__).parents[1] / "support" / "frr_outputs"
OSPF = (OUTPUTS / "ospf-8.4.4.txt").read_text()
OSPF6 = (OUTPUTS / "ospf6-8.4.4.txt").read_text()
ANSWERS = [json.loads(line) for line in OSPF.splitlines()]
PREFIXES = (ip_network("0.0.0.0/0"), ip_network("::/0"))

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.sampled_from(["10.1.0.1", "10.1.0.1/32", "::", "::1/128", "Router", "Network", "10" * 3000]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(["lsa", "areas", "type", ""]), inner)
    ),
    max_leaves=5,
)


def look(ospf: str, ospf6: str | None = None) -> None:
    try:
        databases = parse_databases(ospf, ospf6)
    except DriverError:
        return
    view(databases, LaneCosts(), PREFIXES, IPv4Address("10.1.0.1"), 0.0)


def mutated(document, data):
    """Return a copy in which one member, at any depth, is something else or gone."""
    copy = deepcopy(document)
    at = copy
    while True:
        keys = sorted(at) if isinstance(at, dict) else range(len(at))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 5)) == 0:
            break
        at = at[key]
    if data.draw(st.integers(0, 3)):
        at[key] = data.draw(values)
    else:
        del at[key]
    return copy


@given(st.text())
def test_text_is_no_database(text):
    with pytest.raises(DriverError):
        parse_databases(text)
    with pytest.raises(DriverError):
        parse_databases(OSPF, text)


@given(values)
def test_json_is_no_database(value):
    with pytest.raises(DriverError):
        parse_databases(json.dumps(value))


@given(st.integers(0, len(OSPF.rstrip()) - 1), st.integers(0, len(OSPF6.rstrip()) - 1))
def test_a_part_is_no_database(length, length6):
    with pytest.raises(DriverError):
        parse_databases(OSPF[:length])
    with pytest.raises(DriverError):
        parse_databases(OSPF, OSPF6[:length6])


@given(st.data())
def test_a_damaged_answer(data):
    damaged = mutated(ANSWERS, data)
    look("\n".join(map(json.dumps, damaged)))


@given(st.data())
def test_a_damaged_answer_of_ospf6(data):
    look(OSPF, json.dumps(mutated(json.loads(OSPF6), data)))
