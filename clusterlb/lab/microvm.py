"""A kernel with IPVS where the running one has none: Debian's own, emulated, on this root file system.

The guest sees the host's files, read-only. virtme-ng makes it; this module chooses the kernel and makes the
guest fit for work:

- Its root is 9p without a cache, where every import of Python costs hundreds of round trips. The parts
  that matter are mounted a second time with a cache, which halves the time of the first import.
- That second mount shows the whole host, so a project under /tmp, /run or /var/tmp, which the guest hides
  under file systems of its own, is put back at its path. Writes to it stay in the guest.

``python -m clusterlb.lab.microvm -- ARGV...`` runs a command where there is IPVS: here, or in the guest.
"""

from __future__ import annotations

import argparse
import compileall
import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from clusterlb.lab import terminal
from clusterlb.lab.guest import HOST, boot_script, guest_path
from clusterlb.lab.netns import LabError
from clusterlb.lab.probe import has_ipvs

LIMIT = 3000.0  # seconds; no run may hang for ever
_BOOT = Path("/boot")
_MODULES = Path("/lib/modules")
_IPVS = re.compile(r"^CONFIG_IP_VS=[ym]$", re.MULTILINE)
# without it the emulated kernel reads the time from the HPET: at twice the cost, one processor at a time
_KERNEL_OPTIONS = "tsc=reliable"
_CACHED = "version=9p2000.L,trans=virtio,access=any,msize=524288,cache=loose,ro"
_PATIENCE = 5.0


def run(
    argv: Sequence[str],
    *,
    memory: str = "3G",
    cpus: int = 2,
    rwdirs: Sequence[Path] = (),
    interactive: bool = False,
    environment: Mapping[str, str] | None = None,
    limit: float = LIMIT,
) -> int:
    """Run a command in a guest; its outputs are this process's, its exit status is returned.

    ``rwdirs`` are host directories that the guest may write to, at the same paths. Raises LabError when
    something that it needs is missing. SIGINT, SIGTERM and SIGHUP end the guest: 128 and the number is
    returned; after ``limit`` seconds, 124, as timeout(1) does.
    """
    kernel = find_kernel()
    _require()
    _precompile()
    with tempfile.TemporaryDirectory(prefix="clusterlb-vm-") as folder:
        script = Path(folder, "boot.sh")
        script.write_text(
            boot_script(argv, rwdirs, interactive=interactive, environment=environment or {}),
            encoding="utf-8",
        )
        command = vm_command(kernel, script, memory, cpus, rwdirs)
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE if interactive else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=_tool_environment(),
            start_new_session=True,
            bufsize=0,
        )
        with _signals():
            try:
                return terminal.relay(process, limit)
            except TimeoutError:
                _say(f"the microVM was ended after {limit:.0f} s")
                return 124
            except _EndedBySignalError as ended:
                return 128 + ended.number
            finally:
                _end(process)


def find_kernel(boot: Path = _BOOT, modules: Path = _MODULES) -> Path:
    """Return the newest kernel in /boot that has IPVS and its modules; raise LabError."""
    found = []
    for image in boot.glob("vmlinuz-*"):
        version = image.name.removeprefix("vmlinuz-")
        with contextlib.suppress(OSError):
            config = (boot / f"config-{version}").read_text(encoding="utf-8")
            if _IPVS.search(config) and (modules / version).is_dir():
                found.append((_version_key(version), image))
    if not found:
        raise LabError(
            f"this kernel has no IPVS, and {boot} has no other one that does (a vmlinuz-* with CONFIG_IP_VS "
            "in its config-*, and modules): install the package linux-image-amd64"
        )
    return max(found)[1]


def vm_command(kernel: Path, script: Path, memory: str, cpus: int, rwdirs: Sequence[Path]) -> list[str]:
    """Return virtme-ng's command line."""
    devices = _device("clbhost", Path("/"), readonly=True)
    for number, path in enumerate(rwdirs):
        devices += _device(f"clbrw{number}", path.resolve(), readonly=False)
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
        # a /dev/kvm may be there and hang the guest all the same
        *["--disable-kvm", "--force-9p", "--cpus", str(cpus), "--memory", memory, "--cwd", "/"],
        *["--append", _KERNEL_OPTIONS],
        f"--qemu-opts={' '.join(devices)}",
        # one word, short: it travels on the kernel's command line
        *["--exec", f"{mount} && exec bash {guest_path(script)}"],
    ]


def _device(tag: str, path: Path, *, readonly: bool) -> list[str]:
    share = f"local,id={tag},path={path},security_model=none,multidevs=remap"
    return [
        "-fsdev",
        share + (",readonly=on" if readonly else ""),
        "-device",
        f"virtio-9p-pci,fsdev={tag},mount_tag={tag}",
    ]


def _require() -> None:
    for program, package in (
        ("qemu-system-x86_64", "qemu-system-x86"),
        ("busybox", "busybox-static"),
        ("modprobe", "kmod"),
        ("udevadm", "udev"),
    ):
        if shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise LabError(
                f"this kernel has no IPVS, and a microVM needs {program}: install the package {package}"
            )
    if find_spec("virtme_ng") is None:
        raise LabError("this kernel has no IPVS, and a microVM needs virtme-ng: pip install 'clusterlb[lab]'")


def _precompile() -> None:
    """Compile our own modules here: in the guest each would take a second of its time, in every process."""
    package = Path(__file__).resolve().parents[1]
    with contextlib.suppress(OSError):
        compileall.compile_dir(package, quiet=2, workers=1)


def _tool_environment() -> dict[str, str]:
    """Let vng find the virtme-run beside this interpreter."""
    beside = str(Path(sys.executable).absolute().parent)
    return {**os.environ, "PATH": f"{beside}:{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"}


def _version_key(version: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.findall(r"\d+|[a-z]+", version)]


class _EndedBySignalError(Exception):
    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's signature
        raise _EndedBySignalError(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the guest and what runs it: they are one session, hence one process group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        until = time.monotonic() + _PATIENCE
        while process.poll() is None and time.monotonic() < until:
            time.sleep(0.02)


def _say(text: str) -> None:
    sys.stderr.write(f"lab: {text}\n")
    sys.stderr.flush()


def main() -> None:
    """Run a command where there is IPVS."""
    parser = argparse.ArgumentParser(prog="python -m clusterlb.lab.microvm", description=main.__doc__)
    parser.add_argument("--memory", default="3G")
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument(
        "--rwdir", type=Path, action="append", default=[], help="directory the guest may write to"
    )
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds that a guest may take")
    parser.add_argument("argv", nargs="+", metavar="COMMAND")
    arguments = parser.parse_args()
    if has_ipvs():
        os.execvp(arguments.argv[0], arguments.argv)
    _say("this kernel has no IPVS: booting a microVM, which takes about 15 s")
    try:
        status = run(
            arguments.argv,
            memory=arguments.memory,
            cpus=arguments.cpus,
            rwdirs=arguments.rwdir,
            limit=arguments.limit,
        )
    except LabError as error:
        sys.exit(f"lab: {error}")
    sys.exit(status)


if __name__ == "__main__":
    main()
