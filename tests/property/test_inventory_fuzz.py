"""Whatever a file holds: an inventory, or InventoryError with places that exist."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from clusterlb.config.load import InventoryError, Severity, load, render

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


def check(data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.yaml"
        path.write_bytes(data)
        try:
            problems, expected = load(path)[1], False
        except InventoryError as error:
            problems, expected = error.problems, True
    assert any(problem.severity is Severity.ERROR for problem in problems) == expected
    assert bool(render(problems)) == bool(problems)
    for problem in problems:
        assert problem.text
        assert (problem.line == 0) == (problem.column == 0)
        assert problem.column <= len(problem.source) + 1


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
KEYS = ("cluster", "directors", "pools", "vips")


@given(
    st.dictionaries(
        st.sampled_from(KEYS), st.dictionaries(st.sampled_from(WORDS), VALUES, max_size=3) | VALUES
    )
)
def test_values_of_the_wrong_kind(document: dict[str, object]) -> None:
    # JSON is YAML, and ASCII escapes get every character past the reader
    check(json.dumps(document).encode())
