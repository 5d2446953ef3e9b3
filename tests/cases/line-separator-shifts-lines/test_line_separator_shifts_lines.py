"""Whatever a comment or a text holds, the line is that of `grep -n`."""

from __future__ import annotations

from pathlib import Path

import pytest
from problem_marks import problems_of

from clusterlb.config.load import InventoryError, load

TEXT = (Path(__file__).parent / "inventory.yaml").read_text()
STRANGE = ["\u2028", "\u2029", "\x85", "\x85\u2028\u2028", "\r", "é\U0001f600\u2028"]
WRONG = TEXT.replace("weight: 1", "weight: ten")


def written(text: str, folder: Path) -> tuple[int, int, str]:
    (problem,) = problems_of(text, folder)
    return problem.line, problem.column, problem.source


@pytest.mark.parametrize("strange", STRANGE, ids=ascii)
def test_a_quoted_text_shifts_nothing(strange: str, tmp_path: Path):
    text = WRONG.replace("    members", f'    need: "a{strange}ll"\n    members')
    lines = text.split("\n")
    line = next(number for number, one in enumerate(lines, 1) if "weight: ten" in one)
    (at,) = [one for one in problems_of(text, tmp_path) if "`weight`" in one.text]
    assert (at.line, at.column) == (line, lines[line - 1].index("ten") + 1)
    assert at.source == lines[line - 1]


@pytest.mark.parametrize("strange", STRANGE[:3], ids=ascii)
def test_a_comment_shifts_nothing(strange: str, tmp_path: Path):
    text = WRONG.replace("directors:", f"# one{strange}# more\ndirectors:")
    line = 1 + next(i for i, one in enumerate(text.split("\n")) if "weight: ten" in one)
    assert written(text, tmp_path)[0] == line


@pytest.mark.parametrize("strange", STRANGE[:3], ids=ascii)
def test_a_syntax_error_is_on_its_line_too(strange: str, tmp_path: Path):
    text = TEXT.replace("directors:", f'# one{strange}# more\n"directors":').replace(
        "weight: 1}]", "weight: 1}"
    )
    problem = problems_of(text, tmp_path)[-1]
    assert problem.text.startswith("not YAML")
    assert problem.line == 1 + next(i for i, one in enumerate(text.split("\n")) if "check: {type" in one)


@pytest.mark.parametrize("end", ["\r\n", "\r"], ids=ascii)
def test_other_ends_of_lines_are_ends_of_lines(end: str, tmp_path: Path):
    path = tmp_path / "inventory.yaml"
    path.write_bytes(WRONG.replace("\n", end).encode())
    with pytest.raises(InventoryError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.line == 7
    assert problem.source == WRONG.split("\n")[6]
