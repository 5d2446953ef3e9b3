"""Hypothesis profiles: the default is quick, and the same examples come every time in CI. And the lanes."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, max_examples=100)
settings.register_profile("ci", deadline=None, max_examples=100, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")

_BEHAVIOUR = [Path(__file__).parent / "unit" / room for room in ("checks", "controller")]


def pytest_collection_modifyitems(items):
    for item in items:
        if any(room in item.path.parents for room in _BEHAVIOUR):
            item.add_marker(pytest.mark.behaviour)
