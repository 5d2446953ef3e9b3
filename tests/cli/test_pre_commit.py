"""What runs before a commit is what the lint lane runs, with the tools that are locked."""

import configparser
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
VENV = ".venv/bin/"
[LOCAL] = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
COMMANDS = [hook["entry"].removeprefix(VENV) for hook in LOCAL["hooks"]]


def test_the_hooks_are_the_lint_lane() -> None:
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    assert tox["testenv:lint"]["commands"].split("\n")[1:] == COMMANDS


def test_no_hook_brings_versions_of_its_own() -> None:
    assert LOCAL["repo"] == "local"
    for hook in LOCAL["hooks"]:
        assert hook["entry"].startswith(VENV)
        assert (hook["language"], hook["pass_filenames"]) == ("system", False)
        assert "additional_dependencies" not in hook


def test_their_tools_are_the_lint_lanes_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    packages = {Requirement(each).name for each in project["optional-dependencies"]["lint"]}
    programs = {"lint-imports": "import-linter"}
    tools = {command.split()[0] for command in COMMANDS}
    assert {programs.get(tool, tool) for tool in tools} <= packages
