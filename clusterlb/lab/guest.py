"""What a microVM's guest does first: put the host's directories at their paths, then become the command."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

HOST = Path("/run/host")  # where the guest sees the host's root
_UNCACHED = "version=9p2000.L,trans=virtio,access=any,msize=524288"
_KEPT = ("TERM", "LANG", "LC_ALL", "NO_COLOR", "HYPOTHESIS_PROFILE")


def guest_path(path: Path) -> Path:
    """Return where the guest finds a file of the host, wherever it lies."""
    return HOST / path.resolve().relative_to("/")


def boot_script(
    argv: Sequence[str], rwdirs: Sequence[Path], *, interactive: bool, environment: Mapping[str, str]
) -> str:
    """Return the script. ``rwdirs`` are shared under the tags ``clbrw0``, ``clbrw1``..."""
    lines = ["set -e", 'cached() { mkdir -p "$1"; mount --bind "$2" "$1"; }']
    lines += [f"cached {shlex.quote(path)} {HOST}{shlex.quote(path)}" for path in ("/usr", *_prefixes())]
    for number, path in enumerate(_projects()):
        scratch = f"/run/clusterlb-scratch/{number}"
        quoted = shlex.quote(str(path))
        options = shlex.quote(f"lowerdir={guest_path(path)},upperdir={scratch}/upper,workdir={scratch}/work")
        lines.append(f"mkdir -p {quoted} {scratch}/upper {scratch}/work")
        lines.append(f"mount -t overlay -o {options} overlay {quoted}")
    for number, path in enumerate(rwdirs):
        quoted = shlex.quote(str(path.resolve()))
        lines.append(f"mkdir -p {quoted}; mount -t 9p -o {_UNCACHED} clbrw{number} {quoted}")
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    variables = {
        **kept,
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/root",
        "PYTHONDONTWRITEBYTECODE": "1",
        "CLUSTERLB_MICROVM": "1",
        **environment,
    }
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f"cd {shlex.quote(str(Path.cwd()))}")
    command = shlex.join(argv)
    if interactive:
        # the guest's standard input is no terminal: script(1) makes one, and it is to be as large as ours
        columns, rows = shutil.get_terminal_size()
        command = f"stty rows {rows} cols {columns}; exec {command}"
        lines.append(f"exec script -qec {shlex.quote(command)} /dev/null")
    else:
        lines.append(f"exec {command}")
    return "\n".join([*lines, ""])


def _prefixes() -> list[str]:
    """Return where this interpreter and its packages live, /usr apart."""
    found = {sys.prefix, sys.base_prefix, sysconfig.get_path("stdlib"), sysconfig.get_path("purelib")}
    paths = sorted({str(Path(path).resolve()) for path in found} | {str(Path(sys.prefix).absolute())})
    outer = [path for path in paths if not any(path != other and _under(path, other) for other in paths)]
    return [path for path in outer if not _under(path, "/usr")]


def _projects() -> list[Path]:
    """Return the directories that the command works in: this one, and clusterlb's own checkout."""
    source = Path(__file__).resolve().parents[2]
    paths = {Path.cwd().resolve(), source}
    outer = {
        path for path in paths if not any(path != other and path.is_relative_to(other) for other in paths)
    }
    return sorted(path for path in outer if not path.is_relative_to("/usr") and path != Path("/"))


def _under(path: str, other: str) -> bool:
    return Path(path).is_relative_to(other)
