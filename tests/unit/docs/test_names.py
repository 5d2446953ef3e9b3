"""What the documents name is there: commands, options, metrics, lanes, files, figures, reasons."""

from __future__ import annotations

import re
import shlex
from dataclasses import fields
from pathlib import Path

import click
import pytest
from forwarding_inventories import every_method
from prometheus_client.parser import text_string_to_metric_families
from scraped import scrape

from clusterlb.cli.main import main
from clusterlb.model.port_use import ConntrackFailures
from clusterlb.model.reason import Reason
from tests.bench.__main__ import GROUPS

ROOT = Path(__file__).parents[3]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
PAGES = [page for page in PAGES if page.name != "cases.md"]  # made from the cases, which tell of faults
ALL = [*PAGES, ROOT / "CHANGELOG.md"]
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.DOTALL | re.MULTILINE)
CALL = re.compile(r"(?:^|[;&|(] *|ssh \S+ |-m |/)clusterlb ([^;|&#()\n]+)")
LOGGED = {"client", "local"}  # what nftables' log lines begin with
# nftables' tables, a template's name and the like, which are no metrics
NO_METRICS = {"clusterlb_watch", "clusterlb_realserver"}


def ids(page: Path) -> str:
    return str(page.relative_to(ROOT))


def code(page: Path) -> list[str]:
    """Return every piece of code of a page: what stands in backquotes, and the lines of its blocks."""
    text = page.read_text()
    lines = [line for block in BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    return [*CODE.findall(BLOCK.sub("", text)), *lines]


def find(words: list[str]) -> tuple[click.Command, list[str]]:
    """Return the command that words name, and the words after it."""
    command: click.Command = main
    while isinstance(command, click.Group) and words:
        context = click.Context(command)
        found = command.get_command(context, words[0])
        if found is None:
            break
        command, words = found, words[1:]
    return command, words


def unknown_in(line: str) -> list[str]:
    """Return what a line names of clusterlb's command line that is not there."""
    line = re.sub(r"\\\|\S+", "", line.partition(" # ")[0])  # a table's alternatives, a comment
    missing = []
    for call in CALL.findall(line):
        words = shlex.split(re.sub("['\"]", "", call))
        if not words or not re.fullmatch(r"--[a-z-]+|[a-z][a-z-]+", words[0]) or words[0] in LOGGED:
            continue
        before = words.index("--") if "--" in words else len(words)
        command, rest = find([word for word in words[:before] if word not in ("...", "[...]")])
        if command is main and not words[0].startswith("-"):
            missing.append(words[0])
            continue
        known = {each for one in command.params for each in (*one.opts, *one.secondary_opts, "--help")}
        options = [word.partition("=")[0].strip("[],.") for word in rest if word.startswith("-")]
        missing += [f"{call.strip()}: {each}" for each in options if each not in known]
    return missing


@pytest.mark.parametrize("page", ALL, ids=ids)
def test_commands_and_their_options_are_there(page: Path) -> None:
    assert [each for line in code(page) for each in unknown_in(line)] == []


def test_the_test_of_commands_can_fail() -> None:
    assert unknown_in("clusterlb sttus") == ["sttus"]
    assert unknown_in("clusterlb down --hard") == ["down --hard: --hard"]
    assert unknown_in("ssh d1 clusterlb drain director --reason x --nowait") != []
    assert unknown_in("clusterlb lab kernel build --source linux-source-6.1; clusterlb status -o json") == []


def metrics() -> set[str]:
    """Return the names of every series and family that a scrape can have."""
    families = list(text_string_to_metric_families(scrape(every_method())))
    series = {sample.name for family in families for sample in family.samples}
    counters = {f"{family.name}_total" for family in families if family.type == "counter"}
    counters |= {
        f"clusterlb_conntrack_{each.name}_total" for each in fields(ConntrackFailures)
    }  # of a kernel
    return series | counters | {family.name for family in families if family.type != "counter"}


def test_metrics_are_there() -> None:
    known = metrics()
    named = {
        name
        for page in ALL
        for line in code(page)
        for name in re.findall(r"\bclusterlb_[a-z0-9_*]+", line)
        if name not in NO_METRICS and not name.endswith("_")
    }
    assert named
    patterns = {name: re.compile(name.replace("*", r"\w+")) for name in named}
    assert [name for name, pattern in patterns.items() if not any(map(pattern.fullmatch, known))] == []


@pytest.mark.parametrize("page", ALL, ids=ids)
def test_files_of_the_project_are_there(page: Path) -> None:
    folders = r"(?:docs|inventory|scripts|templates|tests|clusterlb)/"
    named = [
        found for line in code(page) for found in re.findall(rf"(?<![\w/.-]){folders}[\w./*{{}}-]+", line)
    ]
    plain = [name.rstrip(".") for name in named if not set("*{") & set(name)]
    assert [name for name in plain if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("page", ALL, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!http)([^)#\s]+)(?:#([^)\s]*))?\)", page.read_text())
    for link, anchor in links:
        target = page.parent / link
        assert target.exists(), link
        if anchor:
            assert anchor in anchors(target), f"{link}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    heads = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", ALL, ids=ids)
def test_tox_has_every_environment_that_is_named(page: Path) -> None:
    sections = re.findall(
        r"^\[testenv:(\w+)(?:\{([\d,]+)\})?\]", (ROOT / "tox.ini").read_text(), re.MULTILINE
    )
    there = {name + number for name, numbers in sections for number in numbers.split(",")}
    named = {name for line in code(page) for name in re.findall(r"tox -e (\w+)", line)}
    assert named - there == set()


def test_tests_that_are_named_are_there() -> None:
    text = "\n".join(path.read_text() for path in (ROOT / "tests").rglob("*.py"))
    there = set(re.findall(r"def (test_\w+)", text)) | {
        path.stem for path in (ROOT / "tests").rglob("test_*.py")
    }
    named = {name for page in ALL for line in code(page) for name in re.findall(r"\btest_\w+", line)}
    assert len(named) > 5
    assert [name for name in named if not any(each.startswith(name) for each in there)] == []


def test_every_figure_is_measured_and_told() -> None:
    text = (ROOT / "docs" / "measurements.md").read_text()
    assert [name for _, _, made in GROUPS for name in made if f"`{name}`" not in text] == []


def test_every_reason_that_the_manual_explains_is_one() -> None:
    text = (ROOT / "docs" / "operating.md").read_text()
    table = text.partition("| it says | do |")[2].partition("\n\n")[0]
    first = [row.split("|")[1] for row in table.splitlines() if row.startswith("|")]
    words = {word for cell in first for word in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", cell)}
    assert words
    assert words - {reason.value for reason in Reason} == set()
