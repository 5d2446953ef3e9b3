"""scripts/setup on a system that it does not know: it says what is needed, and does nothing."""

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "setup"
OTHERS = {
    "ubuntu": 'ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n',
    "fedora": "ID=fedora\nVERSION_ID=42\n",
    "debian 11": 'ID=debian\nVERSION_ID="11"\n',
    "nobody": "",
}


@pytest.mark.skipif(os.geteuid() != 0, reason="puts a file over /etc/os-release, in a namespace of its own")
@pytest.mark.parametrize("system", OTHERS.values(), ids=OTHERS)
def test_elsewhere_it_says_what_is_needed_and_stops(system, tmp_path):
    release, venv = tmp_path / "os-release", tmp_path / "venv"
    release.write_text(system)
    script = 'mount --bind "$1" /etc/os-release && exec "$2" "$3"'
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script, "sh", release, SCRIPT, venv],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "neither Debian 12, 13 nor testing" in done.stderr
    assert "frr frr-pythontools ipvsadm" in done.stderr
    assert "installing" not in done.stderr
    assert not venv.exists()
