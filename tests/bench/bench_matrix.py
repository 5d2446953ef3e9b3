"""Every forwarding method over IPv4 and IPv6, TCP and UDP, on four directors: connections that failed.

The tests of the matrix make the figure; this runs them in their lab, which needs root and IPVS.
"""

from __future__ import annotations

import subprocess
import sys

LAB = [sys.executable, "-m", "clusterlb", "lab", "run", "--inventory", "inventory/examples/matrix.yaml", "--"]
TESTS = [sys.executable, "-m", "pytest", "-q", "-m", "kernel", "tests/kernel/matrix"]

if __name__ == "__main__":
    sys.exit(subprocess.run([*LAB, *TESTS], check=False).returncode)
