"""Hypothesis profiles: the default is quick, and the same examples come every time in CI. And the lanes."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support import tested

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

LANE_MARKS = ("frr", "kernel")  # `-m smoke` is a part of a lane
_BEHAVIOUR = [Path(__file__).parent / "unit" / room for room in ("checks", "controller", "peers")]


def pytest_addoption(parser):
    parser.addoption("--update", action="store_true", help="write golden files and transcripts anew")


@pytest.fixture
def golden(request):
    """Hold a text to what is written in a file; with --update, write the file instead."""

    def hold(path: Path, text: str) -> None:
        if request.config.option.update:
            path.write_text(text)
        assert text == path.read_text()

    return hold


def pytest_collection_modifyitems(items):
    for item in items:
        if any(room in item.path.parents for room in _BEHAVIOUR):
            item.add_marker(pytest.mark.behaviour)


def pytest_terminal_summary(terminalreporter, exitstatus, config):
    """Say with which versions a whole lane on a real kernel or a real FRR has passed."""
    paths = [str(Path(path).relative_to(config.rootpath)) for path in map(os.path.abspath, config.args)]
    whole = config.option.markexpr in LANE_MARKS and not config.option.keyword
    if exitstatus == 0 and whole and any(path in tested.LANES for path in paths):
        passed = len(terminalreporter.getreports("passed"))
        terminalreporter.write_line(tested.line(paths, passed))
