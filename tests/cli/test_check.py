"""Transcripts of ``clusterlb check`` and ``clusterlb schema``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from clusterlb.cli.check import command as check
from clusterlb.cli.check import schema
from clusterlb.cli.exits import Exit

EXAMPLE = Path(__file__).parents[2] / "inventory" / "example.yaml"


@pytest.fixture
def bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    text = (
        EXAMPLE.read_text().replace("max_active: 8 ", "max_activ: 8 ").replace("pace: 1200ms", "pace: 200ms")
    )
    path = Path("bad.yaml")
    path.write_text(text)
    return path


def test_all_clear() -> None:
    result = CliRunner().invoke(check, [str(EXAMPLE)])
    assert result.output == f"{EXAMPLE}: ok: 1 director, 1 pool, 1 VIP, 1 service; 0 errors, 0 warnings\n"
    assert result.exit_code == Exit.OK


def test_warnings_are_allowed(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(EXAMPLE.read_text().replace("pace: 1200ms", "pace: 200ms"))
    result = CliRunner().invoke(check, [str(path)])
    assert "warning: `pace` is 200ms, below the default MinLSArrival of 1s" in result.output
    assert result.output.endswith("0 errors, 1 warning\n")
    assert result.exit_code == Exit.OK


def test_a_bad_inventory(bad: Path) -> None:
    result = CliRunner().invoke(check, [str(bad)])
    lines = result.output.splitlines()
    assert lines[0] == "bad.yaml:7:3: error: unknown key `max_activ` in `cluster`"
    assert lines[1].startswith("      max_activ: 8")
    assert lines[2] == "      ^"
    assert lines[3] == "    hint: did you mean `max_active`?"
    assert lines[4].startswith("bad.yaml:14:11: warning: `pace` is 200ms")
    assert lines[-1] == "bad.yaml: invalid: 1 error, 1 warning"
    assert result.exit_code == Exit.INVALID


def test_json(bad: Path) -> None:
    result = CliRunner().invoke(check, ["-o", "json", str(bad)])
    problems = json.loads(result.output)
    assert result.exit_code == Exit.INVALID
    assert [problem["severity"] for problem in problems] == ["error", "warning"]
    assert problems[0] == {
        "file": "bad.yaml",
        "line": 7,
        "column": 3,
        "severity": "error",
        "text": "unknown key `max_activ` in `cluster`",
        "hint": "did you mean `max_active`?",
        "source": problems[0]["source"],
    }


def test_json_of_a_good_inventory_is_an_empty_list() -> None:
    result = CliRunner().invoke(check, ["-o", "json", str(EXAMPLE)])
    assert (result.output, result.exit_code) == ("[]\n", Exit.OK)


def test_a_path_that_is_not_there() -> None:
    result = CliRunner().invoke(check, ["/nowhere/at all"])
    assert result.output.splitlines()[0] == "/nowhere/at all: error: no such file or folder"
    assert result.exit_code == Exit.INVALID


def test_output_that_the_terminal_cannot_show(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("clüster: 1\n", encoding="utf-8")
    result = CliRunner(charset="ascii").invoke(check, [str(path)])
    assert "cl\\xfcster" in result.output
    assert result.exit_code == Exit.INVALID


def test_schema() -> None:
    result = CliRunner().invoke(schema, [])
    document = json.loads(result.output)
    assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    sections = {"cluster", "directors", "pools", "vips", "snat_pools", "maintenance"}
    assert set(document["properties"]) == sections
    assert result.exit_code == Exit.OK
