"""YAML text -> nodes: places, aliases, and the bounds that keep hostile files from hurting."""

from __future__ import annotations

import pytest
import yaml

from clusterlb.config import compose as module
from clusterlb.config.compose import DEEPEST, compose
from clusterlb.config.nodes import Mapping, Position, find, place_of_key, place_of_value, plain
from clusterlb.config.report import Report
from clusterlb.config.source import Source


def composed(text: str) -> tuple[object, list[str]]:
    report = Report()
    tree = compose(Source("a.yaml", text), report)
    return None if tree is None else plain(tree), [problem.text for problem in report.problems]


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
def test_values_and_places(loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_LOADER", getattr(yaml, loader))
    report = Report()
    source = Source("a.yaml", "a:\n  - x: 1\n    yé: [on, '2']\n")
    tree = compose(source, report)
    assert tree is not None
    assert plain(tree) == {"a": [{"x": 1, "yé": ["on", "2"]}]}
    assert place_of_value(tree, ("a", 0, "yé", 1), source.as_place) == Position(source, 3, 14)
    assert place_of_key(tree, ("a", 0, "yé"), source.as_place) == Position(source, 3, 5)
    assert place_of_value(tree, ("a", 0, "absent"), source.as_place) == Position(source, 2, 5)
    assert report.problems == []


def test_aliases_stand_for_their_anchors() -> None:
    value, problems = composed("a: &a {x: &one 1}\nb: *a\nc: *one\n&k d: *k\n")
    assert value == {"a": {"x": 1}, "b": {"x": 1}, "c": 1, "d": "d"}
    assert problems == []


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 20)]
    value, problems = composed("\n".join(lines))
    assert value is None
    assert problems == ["the aliases expand to more than 1,000,000 values"]


def test_aliases_cannot_nest_deeper_than_brackets() -> None:
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 5000)]
    value, problems = composed("\n".join(lines))
    assert value is None
    assert problems == [f"nested deeper than {DEEPEST} levels"]


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "[" * 50_000 + "]" * 50_000, "? " * 50_000],
)
def test_deep_nesting_is_refused(text: str) -> None:
    value, problems = composed(text)
    assert value is None
    assert len(problems) == 1


def test_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NODES", 100)
    assert composed("[" + "x, " * 200 + "]")[1] == ["has more than 100 values"]


def test_the_first_of_duplicate_keys_is_kept() -> None:
    value, problems = composed("a: 1\na: {b: 2}\nc: 3\n")
    assert value == {"a": 1, "c": 3}
    assert problems == ["duplicate key `a`"]


def test_a_key_is_what_is_written() -> None:
    report = Report()
    tree = compose(Source("a.yaml", "on: 1\n080: 2\n~: 3\n"), report)
    assert isinstance(tree, Mapping)
    assert list(tree.entries) == ["on", "080", "~"]
    assert find(tree, ("080",)) is not None


def test_core_tags() -> None:
    assert composed("[!!str 1, !!int 1, !!float 1, !!bool true, !!null '', ! 1, !!seq [], !!map {}]") == (
        ["1", 1, 1.0, True, None, "1", [], {}],
        [],
    )


@pytest.mark.parametrize("text", ["!!python/object/apply:os.system [x]", "!!set {a}", "!!binary aGk="])
def test_other_tags_are_refused(text: str) -> None:
    assert composed(text)[1][0].startswith("unknown tag")


@pytest.mark.parametrize("text", ["%YAML 3.0\n---\na: 1", "a: 'x", "a: `x`", "a: b: c", "a: [\nb: 1", "@"])
def test_syntax_errors_have_a_place_and_a_hint(text: str) -> None:
    report = Report()
    assert compose(Source("a.yaml", text), report) is None
    (problem,) = report.problems
    assert problem.line > 0
    assert problem.hint
