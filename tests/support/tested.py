"""With which versions a lane passed: one line of its output, and the table that many such lines make.

``python -m tests.support.tested LOG...`` reads the lanes' outputs and prints the table of the README.
"""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

MARK = "TESTED "
PACKAGES = {"FRR": "frr", "nftables": "nftables", "ipvsadm": "ipvsadm", "keepalived": "keepalived"}
COLUMNS = ("Debian", "kernel", *PACKAGES, "Python")
LANES = {
    "tests/frr": "FRR",
    "tests/kernel": "IPVS",
    "tests/kernel/test_ipvs_kernel.py": "IPVS",
    "tests/kernel/cluster": "cluster of eight",
    "tests/kernel/matrix": "forwarding methods",
    "tests/kernel/promises": "promises",
}


def line(paths: Iterable[str], passed: int) -> str:
    """Return what a run of these paths prints when it has passed: the versions that it had, as JSON."""
    names = [LANES[path] for path in paths if path in LANES]
    release = platform.freedesktop_os_release()
    versions = {
        "Debian": release.get("VERSION_ID") or release.get("VERSION_CODENAME", "testing"),
        "kernel": "host's" if names == ["FRR"] else os.uname().release,
        **{name: _version(package) for name, package in PACKAGES.items()},
        "Python": platform.python_version(),
    }
    return MARK + json.dumps({"lane": ", ".join(names), "passed": passed, **versions})


def table(logs: Iterable[str]) -> str:
    """Return the table of all such lines: a row for each set of versions, and what passed with it."""
    rows: dict[tuple[str, ...], dict[str, int]] = {}
    for found in re.findall(rf"{MARK}(\{{.*\}})", "\n".join(logs)):
        record = json.loads(found)
        lanes = rows.setdefault(tuple(record[name] for name in COLUMNS), {})
        lanes[record["lane"]] = max(record["passed"], lanes.get(record["lane"], 0))
    lines = [" | ".join(("", *COLUMNS, "passed", "")).strip(), "|---" * (len(COLUMNS) + 1) + "|"]
    for versions, lanes in sorted(rows.items()):
        passed = ", ".join(f"{lane} ({count})" for lane, count in sorted(lanes.items()))
        lines.append(" | ".join(("", *versions, passed, "")).strip())
    return "\n".join(lines)


def _version(package: str) -> str:
    """Return the version of an installed package without its epoch and Debian's own part."""
    argv = ["dpkg-query", "-W", "-f", "${Version}", package]
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return re.sub(r"^\d+:|[-+~].*$", "", told) or "none"


if __name__ == "__main__":
    print(table(Path(name).read_text(encoding="utf-8", errors="replace") for name in sys.argv[1:]))
