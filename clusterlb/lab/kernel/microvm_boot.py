"""What a microVM's guest does first: put the host's directories at their paths, then become the command."""

from __future__ import annotations

import shlex
from pathlib import Path

from clusterlb.lab.kernel.guest import HOST, Task, guest_path, prefixes, projects


def boot_script(task: Task) -> str:
    """Return the script."""
    lines = ["set -e", 'cached() { mkdir -p "$1"; mount --bind "$2" "$1"; }']
    lines += [
        f"cached {shlex.quote(path)} {HOST}{shlex.quote(path)}" for path in ("/usr", *map(str, prefixes()))
    ]
    for number, path in enumerate(projects()):
        scratch = f"/run/clusterlb-scratch/{number}"
        quoted = shlex.quote(str(path))
        options = shlex.quote(f"lowerdir={guest_path(path)},upperdir={scratch}/upper,workdir={scratch}/work")
        lines.append(f"mkdir -p {quoted} {scratch}/upper {scratch}/work")
        lines.append(f"mount -t overlay -o {options} overlay {quoted}")
    variables = {"PYTHONDONTWRITEBYTECODE": "1", **task.variables}
    lines += [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    lines.append(f"cd {shlex.quote(str(Path.cwd()))}")
    command = shlex.join(task.argv)
    if task.window:
        # the guest's standard input is no terminal: script(1) makes one, and it is to be as large as ours
        rows, columns = task.window
        command = f"stty rows {rows} cols {columns}; exec {command}"
        lines.append(f"exec script -qec {shlex.quote(command)} /dev/null")
    else:
        lines.append(f"exec {command}")
    return "\n".join([*lines, ""])
