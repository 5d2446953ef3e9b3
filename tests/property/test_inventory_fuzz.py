"""Whatever a file holds: an inventory, or InventoryError with places that exist."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from json_schema import accepts
from pydantic import BaseModel

from clusterlb.config.load import InventoryError, Severity, load, render
from clusterlb.config.models.cluster import ClusterFile, TimeoutsFile
from clusterlb.config.models.director import DirectorFile
from clusterlb.config.models.forwarding import GreFile, GueFile
from clusterlb.config.models.kinds import KINDS
from clusterlb.config.models.pool import MemberFile, PoolFile, QuorumFile, SorryFile
from clusterlb.config.models.snat import SnatPoolFile
from clusterlb.config.models.vip import ServiceFile, VipFile
from clusterlb.config.schema import schema
from clusterlb.model.inventory import Inventory

EXAMPLE = (Path(__file__).parents[2] / "inventory" / "example.yaml").read_text()
CHUNKS = [
    *(
        "- ",
        ": ",
        "\n",
        "  ",
        "\t",
        "{",
        "}",
        "[",
        "]",
        "&a ",
        "*a",
        "!!int ",
        "!x ",
        "<<",
        "? ",
        "---\n",
        "...",
    ),
    *("|\n", ">-\n", "'", '"', "%", "#", "~", "null", "on", "1:20", "1e999", ".nan", "-1", "9" * 20),
    *("\u2028", "\x85", "\ufeff", "é", "\x00"),
]
WORDS = EXAMPLE.split()


def check(data: bytes) -> Inventory | None:
    inventory = None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"
        path.write_bytes(data)
        try:
            (inventory, problems), expected = load(path), False
        except InventoryError as error:
            problems, expected = error.problems, True
    assert any(problem.severity is Severity.ERROR for problem in problems) == expected
    assert bool(render(problems)) == bool(problems)
    for problem in problems:
        assert problem.text
        assert (problem.line == 0) == (problem.column == 0)
        assert problem.column <= len(problem.source) + 1
    return inventory


@given(st.binary(max_size=300))
def test_bytes(data: bytes) -> None:
    check(data)


@given(st.text(max_size=300))
def test_text(text: str) -> None:
    check(text.encode("utf-8", "surrogatepass"))


@given(st.lists(st.sampled_from(CHUNKS + WORDS), max_size=60))
def test_yaml_like(parts: list[str]) -> None:
    check("".join(parts).encode())


@given(
    st.lists(
        st.tuples(
            st.integers(0, len(EXAMPLE)),
            st.integers(0, 12),
            st.sampled_from(["", *CHUNKS, *WORDS]) | st.text(max_size=4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_the_example_with_mistakes(changes: list[tuple[int, int, str]]) -> None:
    text = EXAMPLE
    for start, length, put in changes:
        text = text[:start] + put + text[start + length :]
    check(text.encode("utf-8", "surrogatepass"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
KEYS = ("cluster", "directors", "pools", "vips", "snat_pools")


@given(
    st.dictionaries(
        st.sampled_from(KEYS), st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=3) | VALUES
    )
)
def test_values_of_the_wrong_kind(document: dict[str, object]) -> None:
    # JSON is YAML, and ASCII escapes get every character past the reader
    check(json.dumps(document).encode())


SCHEMA = schema()
FITTING: list[object] = [
    *("tcp", "http", "vip", "member", "up", "all", "any", "weight", "remove", "dr", "nat", "system", "GET"),
    *("1s", "30d", "50%", "0%", "100%", "200-299", "299-200", "/a", "/bin/x", "10.2.0.9", "2001:db8::9"),
    *("A", "NOERROR", "ab" * 32, "^a+$", "(", "X-Weight", "", "\xff", "\u20ac", "a\r\nb", "[key]", "tcp/80"),
    *(0, 1, 80, 204, 70000, True, False, None, [], {}),
]
VALUE = st.sampled_from(FITTING) | st.lists(st.sampled_from(FITTING), max_size=3) | VALUES
CHECK_KEYS = sorted({key for kind in KINDS.values() for key in kind.model_fields} | {"address", "[key]"})
CHECK_VALUE = VALUE | st.dictionaries(st.sampled_from([*CHECK_KEYS, "X-A", "Host", "a b"]), VALUE, max_size=3)
CHECK = st.one_of(
    st.dictionaries(st.sampled_from(CHECK_KEYS), CHECK_VALUE, max_size=4),
    st.builds(
        lambda kind, rest: {**rest, "type": kind},
        st.sampled_from(list(KINDS)),
        st.dictionaries(st.sampled_from(CHECK_KEYS), CHECK_VALUE, max_size=4),
    ),
    VALUE,
)
KEYS_OF_POOLS = [key for key in PoolFile.model_fields if key not in ("members", "check", "checks")]
POOL_VALUE = VALUE | st.dictionaries(
    st.sampled_from([*QuorumFile.model_fields, *SorryFile.model_fields]), VALUE, max_size=4
)


@given(
    st.dictionaries(st.sampled_from(["check", "checks"]), CHECK | st.lists(CHECK, max_size=2), max_size=2),
    st.dictionaries(st.sampled_from(["check", "checks"]), CHECK | st.lists(CHECK, max_size=2), max_size=1),
    st.dictionaries(st.sampled_from(KEYS_OF_POOLS), POOL_VALUE, max_size=3),
    st.dictionaries(st.sampled_from(["gateway", "a b", "[key]"]), CHECK, max_size=1),
    st.sampled_from(["all", "any", ["tcp/80"]]) | VALUE,
)
def test_health(
    checks: dict[str, object],
    own: dict[str, object],
    keys: dict[str, object],
    probes: dict[str, object],
    announce_when: object,
) -> None:
    member = {"address": "10.2.0.1", "port": 80}
    document = {
        "cluster": {"name": "c", "vip_prefixes": ["10.100.0.0/24"], "director_checks": {"probes": probes}},
        "directors": {"d1": {"router_id": "10.1.0.1", "uplinks": ["e0"]}},
        "pools": {"web": {"members": [member | own], **checks, **keys}},
        "vips": {
            "10.100.0.1": {
                "announce_when": announce_when,
                "services": [{"protocol": "tcp", "port": 80, "pool": "web"}],
            }
        },
    }
    if check(json.dumps(document).encode()):
        assert accepts(SCHEMA, document, SCHEMA)


NETWORK = [
    *("10.2.0.101", "10.2.0.1", "10.100.0.1", "10.100.0.2", "fd00:100::1", "127.0.0.1", "10.2.0.0/24", "d1"),
    *("fd00:2::/64", "0.0.0.0/0", "8000-8010", "9-1", "1-65535", "fwmark/7", "tcp/443", "tun", "fullnat"),
    *("gue", "gre", "ipip", "full", "remote", "rr", "mh", "ops", "sctp", 0x44000000, 443, 65535, "600s"),
]
TUNNEL_KEYS = sorted({*GueFile.model_fields, *GreFile.model_fields, *TimeoutsFile.model_fields})
PLAIN = st.sampled_from(FITTING + NETWORK) | st.lists(st.sampled_from(FITTING + NETWORK), max_size=3) | VALUES


def some(*models: type[BaseModel], most: int = 4) -> st.SearchStrategy[dict[str, object]]:
    """Return mappings with some keys of these models."""
    keys = sorted({key for model in models for key in model.model_fields})
    inner = PLAIN | st.dictionaries(st.sampled_from(TUNNEL_KEYS), PLAIN, max_size=3)
    nothing: st.SearchStrategy[dict[str, object]] = st.just({})  # often, or no inventory at all is good
    return nothing | nothing | st.dictionaries(st.sampled_from(keys), inner, max_size=most)


FIRST: dict[str, object] = {"port": 80, "forwarding": "fullnat"}
SECOND: dict[str, object] = {"ports": [443, "8000-8010"], "forwarding": "tun"}


@example([FIRST, SECOND], {}, {}, {"group": ["10.100.0.2"]}, {"destinations": ["192.0.2.0/24"]}, {})
@given(
    st.lists(st.sampled_from([FIRST, SECOND]) | some(ServiceFile), min_size=1, max_size=3),
    some(MemberFile),
    some(DirectorFile),
    some(VipFile, most=2),
    some(SnatPoolFile),
    some(ClusterFile, most=2),
)
def test_forwarding(
    services: list[dict[str, object]],
    member: dict[str, object],
    director: dict[str, object],
    vip: dict[str, object],
    pool: dict[str, object],
    cluster: dict[str, object],
) -> None:
    whole = {"protocol": "tcp", "pool": "web"}
    document = {
        "cluster": {"name": "c", "vip_prefixes": ["10.100.0.0/16", "fd00:100::/32"], **cluster},
        "directors": {
            "d1": {
                "router_id": "10.1.0.1",
                "uplinks": ["e0"],
                "inside": ["10.2.0.251"],
                "local_addresses": ["10.100.1.1"],
                **director,
            },
            "d2": {
                "router_id": "10.1.0.2",
                "uplinks": ["e0"],
                "inside": ["10.2.0.252"],
                "local_addresses": ["10.100.1.2"],
            },
        },
        "pools": {"web": {"members": [{"address": "10.2.0.1", "port": 80, **member}]}},
        "vips": {"10.100.0.1": {"services": [whole | service for service in services], **vip}},
        "snat_pools": {
            "a": {"sources": ["10.2.0.0/25"], "addresses": {"d1": ["10.100.2.1"]}, **pool},
            "b": {"sources": ["10.2.0.0/24"], "addresses": {"d1": ["10.100.2.2"]}},
        },
    }
    if inventory := check(json.dumps(document).encode()):
        assert accepts(SCHEMA, document, SCHEMA)
        assert {address for vip in inventory.vips.values() for address in vip.addresses} == set(
            inventory.vips
        )


RANGES = st.tuples(st.integers(1, 30), st.integers(0, 3)).map(lambda pair: (pair[0], sum(pair)))


@given(st.lists(st.lists(RANGES, min_size=1, max_size=3), min_size=1, max_size=4))
def test_ports_belong_to_one_service(services: list[list[tuple[int, int]]]) -> None:
    lists = [[f"{first}-{last}" for first, last in ranges] for ranges in services]
    document = {
        "cluster": {"name": "c", "vip_prefixes": ["10.100.0.0/16"]},
        "directors": {"d1": {"router_id": "10.1.0.1", "uplinks": ["e0"]}},
        "pools": {"web": {"members": [{"address": "10.2.0.1", "port": 80}]}},
        "vips": {
            "10.100.0.1": {
                "services": [{"protocol": "tcp", "pool": "web", "ports": ports} for ports in lists],
            }
        },
    }
    claimed = [port for ranges in services for first, last in ranges for port in range(first, last + 1)]
    inventory = check(json.dumps(document).encode())
    assert (inventory is not None) == (len(claimed) == len(set(claimed)))
    if inventory:
        marks = [service.mark for vip in inventory.vips.values() for service in vip.services]
        assert len(set(marks)) == len(marks)


TLS_GOOD: dict[str, list[object]] = {
    "server_name": ["a.example", ""],
    "ca": ["system", "/ca.pem", ""],
    "warn_expiry": ["30d", "0s"],
}
GOOD: dict[str, list[object]] = {
    **TLS_GOOD,
    "interval": ["10ms", "1h"],
    "timeout": ["1ms", "2m"],
    "rise": [1, 1000],
    "hold": ["0s", "1h"],
    "initial": ["unknown", "up", "down"],
    "port": [None, 1, 65535],
    "send": ["", "a\x00\xff\r\n"],
    "expect": ["", "^a+(b|c)$"],
    "method": ["GET", "M-SEARCH"],
    "path": ["/", "/a?b=%20#{address}"],
    "headers": [{}, {"X-A": "", "x!": "é a"}],
    "status": [200, "100-599", [204, "300-301"]],
    "digest": ["", "aB" * 32],
    "body_limit": [1, 1 << 20],
    "weight_header": ["", "X-W"],
    "name": [".", "a.example.", "_a._b"],
    "record": ["A", "https"],
    "rcode": ["NOERROR", "servfail"],
    "size": [0, 65507],
    "helo": ["a"],
    "starttls": [True, False],
    "service": ["", "a.B"],
    "argv": [["/a"], ["/a", "", "{port}"]],
    "weight": [True, False],
}
GOOD_TLS = st.fixed_dictionaries({}, optional={key: st.sampled_from(good) for key, good in TLS_GOOD.items()})


def good_check(kind: str) -> st.SearchStrategy[dict[str, object]]:
    """Return checks of one kind that have nothing wrong with them."""
    values = {key: st.sampled_from(GOOD[key]) for key in KINDS[kind].model_fields if key in GOOD}
    if "tls" in KINDS[kind].model_fields:
        values["tls"] = GOOD_TLS
    required = {
        key: values.pop(key)
        for key, info in KINDS[kind].model_fields.items()
        if info.is_required() and key != "type"
    }
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional=values)


@given(st.sampled_from(list(KINDS)).flatmap(good_check))
def test_a_good_check_is_good_for_loader_and_schema(good: dict[str, object]) -> None:
    document = {
        "cluster": {"name": "c", "vip_prefixes": ["10.100.0.0/24"]},
        "directors": {"d1": {"router_id": "10.1.0.1", "uplinks": ["e0"]}},
        "pools": {"web": {"members": [{"address": "10.2.0.1", "port": 80}], "check": good}},
    }
    inventory = check(json.dumps(document).encode())
    assert inventory is not None
    assert accepts(SCHEMA, document, SCHEMA)
    (found,) = inventory.pools["web"].checks
    hash(found)  # equal specifications share a probe
    assert found.probe.type.value == good["type"]
