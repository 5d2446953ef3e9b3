"""``python -m tests.coverage_floors REPORT``: do tests run as much of each room as they have to?

REPORT is what ``coverage json`` writes of the unit and the behaviour lane (``make coverage``). Of ``core``
and ``model`` each file is run whole: they are pure, so a test can reach every branch, and one that none can
reach is to go. The other rooms' floors are what was measured, less a point for what hangs on timing; who
raises the figure raises the floor. What runs in a process of its own is not measured (the commands in their
transcripts, the check engine), nor what the FRR and the kernel lanes run.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

FLOORS: dict[str, float] = {
    "api": 66,
    "audit": 93,
    "checks": 85,
    "cli": 70,
    "config": 96,
    "controller": 90,
    "doctor": 99,
    "drivers": 68,
    "lab": 62,
    "peers": 90,
    "render": 92,
}
WHOLE = ("core/", "model/")


def share(summaries: list[dict[str, int]]) -> float:
    """Return the per cent of the lines and branches of some files that ran."""
    there = sum(each["num_statements"] + each["num_branches"] for each in summaries)
    ran = sum(each["covered_lines"] + each["covered_branches"] for each in summaries)
    return 100 * ran / there if there else 100.0


def missed(files: dict[str, dict[str, int]], floors: dict[str, float]) -> list[str]:
    """Return what is below its floor.

    ``files``: the summary of each file, by its path in the package.
    """
    found = []
    for room, floor in floors.items():
        reached = share([each for path, each in files.items() if path.startswith(f"{room}/")])
        if reached < floor:
            found.append(f"{room}: {reached:.1f} % of its lines and branches run, and its floor is {floor}")
    for path, each in files.items():
        if path.startswith(WHOLE) and share([each]) < 100:
            found.append(f"{path}: not every line and branch is tested")
    return found


def main(report: Path) -> int:
    """Print each room's share, and what is missed; return the exit status."""
    files = {
        path.removeprefix("clusterlb/"): each["summary"]
        for path, each in json.loads(report.read_text(encoding="utf-8"))["files"].items()
    }
    for room in sorted({path.partition("/")[0] for path in files if "/" in path}):
        reached = share([each for path, each in files.items() if path.startswith(f"{room}/")])
        print(f"{room:12} {reached:5.1f} %   floor {FLOORS.get(room, '-')}")
    faults = missed(files, FLOORS)
    print("\n".join(faults))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
