"""Inventories with a secret and a mistake, in every style of YAML: the secret is nowhere in what is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.cli.main import main
from clusterlb.config.load import InventoryError, load
from clusterlb.config.render import render
from clusterlb.config.schema import schema
from clusterlb.config.secret import PLAIN, SECRET, mask

BASE = """\
cluster:
  name: edge-1
  vip_prefixes: [10.100.0.0/24]
  ospf: {area: 0.0.0.0%s}
directors:
  d1: {router_id: 10.1.0.1, uplinks: [e0]}
pools:
  web:
    members:
      - {address: 10.2.0.101, port: 80}
    check: %s
vips:
  10.100.0.1:
    services:
      - {protocol: tcp, port: 80, pool: web}
"""

OSPF = [
    ", md5key: s3cret",
    ", md5_kye: 's3cret'",
    ", md5_key: s3cret, hallo: 1s",
    ', hallo: 1s, "md5_key": "s3cret"',
    ", md5_key: *s3cret",
    ", md5_key: !s3cret x",
    ", md5_key: !!int s3cret",
    ", md5_key: &s3cret",
    ", md5_key: %s3cret",
    ", md5_key: @s3cret",
    ", md5_key: [s3cret]",
    ", md5_key: {s3cret: s3cret}",
    ", md5_key: s3cret-that-is-much-too-long",
    ", md5_key: s3cret: x",
    ", md5_key: 's3cret",
    ", password: s3cret",
    ", password: *s3cret",
    ", md5_key: s3cret, md5_key: s3cret",
]
CHECK = [
    "{type: http, headers: {X-Api-Key: s3cret}, intervall: 2s}",
    "{type: http, headers: {X-Auth-Token: s3cret}, intervall: 2s}",
    "{type: http, headers: {name: s3cret, path: s3cret}, intervall: 2s}",
    "{type: http, headers: {X-Api-Key: [s3cret]}}",
    "{type: http, headers: [s3cret]}",
    "{type: http, headers: s3cret}",
    "{type: http, header: {X-Api-Key: s3cret}}",
    '{type: http, headers: {X-Api-Key: "s3cret\\n"}}',
    '{type: http, headers: {"X Api Key": "s3cret"}}',
    "{type: http, headers: {X-Api-Key: s3cret}",
    "{type: http, headers: {X-Api-Key: s3cret, X: {}",
    "{type: http, headers: {X-Api-Key: s3cret}}, }",
    '{type: tcp, send: "AUTH s3cret\\r\\n", intervall: 2s}',
    "{type: tcp, sned: 'AUTH s3cret'}",
    "{type: tcp, send: [s3cret]}",
    "{type: tcp, send: s3cret, expect: [}",
    "{type: http, path: /health?token=s3cret, intervall: 2s}",
    "{type: http, path: 'http://ada:s3cret@[x', intervall: 2s}",
    "\n      type: http\n      intervall: 2s\n      headers:\n        X-Api-Key: s3cret\n        X: []",
    "\n      type: http\n      headers:\n        X-Api-Key:\n          - s3cret",
    "\n      type: http\n      headers:\n        X-Api-Key: >-\n          a\n          s3cret\n        Y: {}",
    "\n      type: tcp\n      send: |\n        AUTH\n        s3cret\n      intervall: 2s",
    "\n      type: tcp\n      send: AUTH\n        s3cret\n      intervall: [",
    "\n      type: tcp\n      send: |\n        AUTH s3cret\n\t  x\n      intervall: [",
    '\n      type: tcp\n      send: "AUTH\n        s3cret\n      intervall: 2s',
    "\n      type: tcp\n      ? [send]\n      : s3cret",
    "\n      type: http\n      headers:\n\tX-Api-Key: s3cret",
    "\n      type: http\n      headers:\n        X-Api-Key: s3cret\n       Y: z",
    "\n      type: http\n      token: |\n        s3cret\n      : x",
]


def said(path: Path) -> str:
    try:
        _, problems = load(path)
        text = render(problems)
    except InventoryError as error:
        text = str(error)
    done = CliRunner().invoke(main, ["check", str(path), "-o", "json"])
    return text + done.output


@pytest.mark.parametrize("ospf", OSPF)
def test_a_key_of_ospf(ospf: str, tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_text(BASE % (ospf, "{type: tcp, intervall: 2s}"))
    text = said(path)
    assert "error: " in text
    assert "s3cret" not in text, text


@pytest.mark.parametrize("check", CHECK)
def test_what_a_check_sends(check: str, tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_text(BASE % ("", check))
    text = said(path)
    assert "error: " in text
    assert "s3cret" not in text, text


def test_what_is_no_secret_is_shown(tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_text(BASE % ("", "{type: http, path: /health, timeout: 1, headers: {A: b}, rise: two}"))
    assert "check: {type: http, path: /health, timeout: 1, headers: {A: *}, rise: two}" in said(path)
    broken = mask(BASE % ("", "{type: http, timeout: 1s, path: /health"))
    assert "- {address: 10.2.0.101, port: 80}" in broken
    assert "check: {type: http, timeout: 1s, path: " in broken
    broken = mask("directors: }\n  d1: {router_id: 10.1.0.1, uplinks: [e0]}\n")
    assert broken.startswith("directors: }\n")
    assert set(broken.splitlines()[1]) == {" ", "*"}


def keys(node: object) -> set[str]:
    if isinstance(node, list):
        return set().union(*map(keys, node))
    if not isinstance(node, dict):
        return set()
    own = set(node["properties"]) if isinstance(node.get("properties"), dict) else set()
    return own.union(*(keys(value) for value in node.values()))


@pytest.mark.parametrize("section", ["pools", "vips", "directors", "snat_pools"])
def test_a_text_where_settings_belong_is_not_repeated(section: str, tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_text(f"{section}: {{token: s3cret}}\n")
    with pytest.raises(InventoryError) as caught:
        load(path)
    assert "s3cret" not in str(caught.value)


def test_every_key_of_an_inventory_is_known_as_plain_or_secret():
    """Who adds a key says whether it holds a secret; what nobody has thought about is not shown."""
    assert keys(schema()) == PLAIN | SECRET
    assert not PLAIN & SECRET


TREES = st.recursive(
    st.sampled_from(["s3cret", "a s3cret b", "- s3cret", "'s3cret", "s3cret\ns3cret", "#s3cret"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "bc", "name", "path", "x"]), inner)
    ),
    max_leaves=5,
)


@given(
    key=st.sampled_from([*sorted(SECRET), "md5-key", "Headers", "token"]),
    tree=TREES,
    flow=st.sampled_from([True, False, None]),
    style=st.sampled_from([None, "'", '"', "|", ">"]),
    cut=st.integers(0, 400),
    odd=st.sampled_from(["", "\t", "}", "]", "'", '"', ": ", "\x85", "%", "\n  -"]),
)
def test_in_any_style_whole_or_broken_a_secret_is_hidden_and_every_place_stays(
    key, tree, flow, style, cut, odd
):
    whole = {"pools": {"web": {"check": {"type": "http", key: tree, "timeout": "1s"}, "members": []}}}
    text = yaml.safe_dump(whole, default_flow_style=flow, default_style=style, sort_keys=False, width=40)
    text = text[:cut] + odd + text[cut:]
    found = mask(text)
    assert "s3cret" not in found, text
    assert len(found) == len(text)
    assert [i for i, c in enumerate(found) if c.isspace()] == [i for i, c in enumerate(text) if c.isspace()]
