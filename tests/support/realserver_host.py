"""A host to run a real server's script on: a network namespace that lives as long as a process in it."""

import os
import subprocess
from pathlib import Path

import pytest
from namespace import _unshare

_STATE = {
    "addresses": "ip -o address show scope global",
    "links": "ip -br link show",
    "routes": "ip -4 route show table all; ip -6 route show table main",
    "rules": "nft list ruleset",
    "ports": "ip fou show 2>/dev/null || true",
    "settings": "cd /proc/sys/net; grep -rs . ipv4/conf/all ipv4/fib_multipath_* ipv6/fib_multipath_*",
}


class Host:
    """A namespace with lo up. ``folder`` is where the script keeps its journal and lies itself."""

    def __init__(self, folder: Path) -> None:
        unshare = _unshare()
        if unshare is None:
            pytest.skip("no network namespace can be made here")
        self.folder = folder
        self._holder = subprocess.Popen(
            [*unshare, "sh", "-c", "ip link set lo up && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout is not None
        assert self._holder.stdout.readline() == "ready\n"
        user = ["--user", "--preserve-credentials"] if "--user" in unshare else []
        self.enter = ["nsenter", "--target", str(self._holder.pid), "--net", *user]

    @property
    def pid(self) -> int:
        return self._holder.pid

    def close(self) -> None:
        self._holder.kill()
        self._holder.communicate()

    def sh(self, commands: str) -> str:
        """Run shell commands there; return what they print."""
        done = self._run(["sh", "-ec", commands])
        assert done.returncode == 0, f"{commands}: {done.stderr}"
        return done.stdout

    def install(self, script: str) -> None:
        (self.folder / "realserver").write_text(script)

    def realserver(self, *arguments: str) -> tuple[int, list[str], str]:
        """Run the script; return its exit status, the lines it prints, and what it complains about."""
        done = self._run(["sh", str(self.folder / "realserver"), *arguments])
        return done.returncode, done.stdout.splitlines(), done.stderr

    def mend(self) -> list[str]:
        """Check, run the commands that mend what is wrong, and return what was; all must be right then."""
        status, lines, _ = self.realserver("--check")
        assert status == 1
        for line in lines:
            self.sh(line.partition(" -> ")[2])
        assert self.realserver("--check") == (0, ["ok"], "")
        return [line.partition(" -> ")[0] for line in lines]

    def state(self) -> dict[str, list[str]]:
        """Return all that a script may touch. The kernel adds fallback devices when it loads a module."""
        texts = self.sh("; echo ====; ".join(_STATE.values())).split("====\n")
        state = {name: text.splitlines() for name, text in zip(_STATE, texts, strict=True)}
        state["links"] = [line for line in state["links"] if line.startswith("clb-")]
        return {**state, "journal": sorted(path.name for path in (self.folder / "run").glob("*"))}

    def _run(self, argv: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*self.enter, *argv],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env={**os.environ, "RUNTIME_DIRECTORY": str(self.folder / "run")},
        )
