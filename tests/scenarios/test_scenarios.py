"""Stories of one director, each a file beside this one; `--update` writes what comes of them."""

from collections.abc import Callable
from pathlib import Path

import pytest
from scenario import play

SCENARIOS = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", SCENARIOS, ids=lambda path: path.stem)
def test_it_goes_as_written(path: Path, tmp_path: Path, golden: Callable[[Path, str], None]) -> None:
    golden(path, play(path.read_text(), tmp_path))
