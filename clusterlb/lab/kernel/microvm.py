"""Debian's own kernel, with IPVS, emulated on this root file system.

The guest sees the host's files, read-only. virtme-ng starts the guest; this module chooses the kernel and
mounts the host's directories:

- The guest's root is 9p without a cache, where every import of Python costs hundreds of round trips. The
  interpreter and its packages are mounted again with a cache, which halves the time of the first import.
- That second mount has the whole host, so a project under /tmp, /run or /var/tmp, which the guest hides under
  file systems of its own, is mounted at its path. Writes to the project stay in the guest.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path

from clusterlb.lab.host import missing_packages
from clusterlb.lab.kernel.cache import version_key
from clusterlb.lab.kernel.guest import HOST, Task, attend, guest_path, prefixes, projects
from clusterlb.lab.netns import LabError

_BOOT = Path("/boot")
_MODULES = Path("/lib/modules")
_IPVS = re.compile(r"^CONFIG_IP_VS=[ym]$", re.MULTILINE)
# otherwise the emulated kernel reads the time from the HPET: twice as slow, and one processor at a time
_KERNEL_OPTIONS = "tsc=reliable"
_CACHED = "version=9p2000.L,trans=virtio,access=any,msize=524288,cache=loose,ro"
_CPUS = 2
_TOOLS = (
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("modprobe", "kmod"),
    ("udevadm", "udev"),
)


def run(task: Task) -> int:
    """Run a command in a guest, with this process's outputs, and return its exit status.

    Raises LabError when the guest needs a missing program or kernel. Other ends: see ``guest.attend``.
    """
    if task.tree is not None:
        raise LabError("the microVM runs on this host's root only: --root needs User-Mode Linux")
    kernel = find_kernel()
    _require()
    with tempfile.TemporaryDirectory(prefix="clusterlb-vm-") as folder:
        script = Path(folder, "boot.sh")
        script.write_text(boot_script(task), encoding="utf-8")
        process = subprocess.Popen(
            vm_command(kernel, script, task.memory),
            stdin=subprocess.PIPE if task.interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_tool_environment(),
            start_new_session=True,
            bufsize=0,
        )
        assert process.stdout is not None
        assert process.stderr is not None
        outputs = {process.stdout.fileno(): sys.stdout.fileno(), process.stderr.fileno(): sys.stderr.fileno()}
        ended = attend(process, outputs, task, process.stdin.fileno() if process.stdin else None)
        return process.returncode if ended is None else ended


def find_kernel(boot: Path = _BOOT, modules: Path = _MODULES) -> Path:
    """Return the newest kernel in /boot that has IPVS and its modules; raise LabError."""
    found = []
    for image in boot.glob("vmlinuz-*"):
        version = image.name.removeprefix("vmlinuz-")
        with contextlib.suppress(OSError):
            config = (boot / f"config-{version}").read_text(encoding="utf-8")
            if _IPVS.search(config) and (modules / version).is_dir():
                found.append((version_key(version), image))
    if not found:
        raise LabError(
            f"this kernel has no IPVS, and {boot} has no other one that does (a vmlinuz-* with CONFIG_IP_VS "
            "in its config-*, and modules): install the package linux-image-amd64"
        )
    return max(found)[1]


def boot_script(task: Task) -> str:
    """Return the guest's first script: bind the host's directories to their paths, then run the command."""
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
        # the guest's standard input is no terminal: script(1) makes one, with the size of this terminal
        rows, columns = task.window
        command = f"stty rows {rows} cols {columns}; exec {command}"
        lines.append(f"exec script -qec {shlex.quote(command)} /dev/null")
    else:
        lines.append(f"exec {command}")
    return "\n".join([*lines, ""])


def vm_command(kernel: Path, script: Path, memory: int) -> list[str]:
    """Return virtme-ng's command line; ``memory`` is in MiB."""
    share = "local,id=clbhost,path=/,security_model=none,multidevs=remap,readonly=on"
    device = "virtio-9p-pci,fsdev=clbhost,mount_tag=clbhost"
    mount = f"mkdir -p {HOST} && mount -t 9p -o {_CACHED} clbhost {HOST}"
    return [
        # not `-m virtme_ng.run`, which drops the exit status
        *[
            sys.executable,
            "-c",
            "import sys, virtme_ng.run as vng; sys.exit(vng.main())",
            "--run",
            str(kernel),
        ],
        # a /dev/kvm may exist and still hang the guest
        *["--disable-kvm", "--force-9p", "--cpus", str(_CPUS), "--memory", f"{memory}M", "--cwd", "/"],
        *["--append", _KERNEL_OPTIONS],
        f"--qemu-opts=-fsdev {share} -device {device}",
        # one short word: it is passed on the kernel's command line
        *["--exec", f"{mount} && exec bash {guest_path(script)}"],
    ]


def _require() -> None:
    if missing := missing_packages(_TOOLS):
        packages = " ".join(missing)
        raise LabError(f"this kernel has no IPVS, and a microVM needs packages: apt-get install {packages}")
    if find_spec("virtme_ng") is None:
        raise LabError("this kernel has no IPVS, and a microVM needs virtme-ng: pip install 'clusterlb[lab]'")


def _tool_environment() -> dict[str, str]:
    """Let vng find the virtme-run beside this interpreter."""
    beside = str(Path(sys.executable).absolute().parent)
    return {**os.environ, "PATH": f"{beside}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}
