"""Build User-Mode Linux from Debian's source package, once for each version and settings."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from clusterlb.lab.host import missing_packages
from clusterlb.lab.kernel import cache, source
from clusterlb.lab.kernel.cache import FRAGMENT, Built
from clusterlb.lab.kernel.source import KernelSource
from clusterlb.lab.netns import LabError
from clusterlb.lab.process import say

_TOOLS = {"gcc": "gcc", "make": "make", "flex": "flex", "bison": "bison", "bc": "bc", "xz": "xz-utils"}
_ROOM = 2 << 30  # bytes: the unpacked source and the compiled files
_FILES = 950  # approximate number of compiled files
_EVERY = 10.0  # seconds between two lines of progress
_BUILDING = "building-"
_IPVS = "CONFIG_IP_VS=y"
# files that take long to unpack and are not compiled: code of other architectures, and drivers of devices
# that a process cannot have. Kconfig and make still read the other files of these directories.
_LEFT_OUT = [
    *("arch/[!ux]*/*.[chS]", "arch/*/boot/dts/*", "Documentation/*.rst", "sound/*.[ch]", "samples/*.[ch]"),
    *(f"tools/{d}/*" for d in ("testing", "perf")),
    *(f"drivers/{d}/*.[ch]" for d in ("gpu", "media", "staging", "infiniband", "scsi", "usb", "iio", "clk")),
    *(f"drivers/net/{d}/*.[ch]" for d in ("ethernet", "wireless", "dsa")),
]


def build(package: str | None) -> Built:
    """Build a kernel unless it is built: from this source package, or from the newest one.

    A failed build leaves nothing behind. Raises LabError with the missing packages or the error.
    """
    newest = cache.newest() if package is None else None
    if newest is not None and newest.runs:
        say(f"User-Mode Linux {newest.version} is built already: {newest.binary}")
        return newest
    _require()
    with _workshop() as folder:
        found = source.find(package, folder)
        built = cache.entry(found.version)
        if built.binary.is_file() and built.runs:
            say(f"User-Mode Linux {built.version} is built already: {built.binary}")
            return built
        _finish(compiled(found, found.fetch(), folder), built)
    say(f"User-Mode Linux {built.version} is built: {built.binary}")
    return built


def compiled(found: KernelSource, archive: Path, folder: Path) -> Path:
    """Unpack, configure and compile a source in a folder; return the source tree with the program."""
    started = time.monotonic()
    say(f"unpacking {found.package} {found.version}")
    tree = folder / found.package
    left_out = [f"--exclude=*/{pattern}" for pattern in _LEFT_OUT]
    _run(["tar", "-C", str(folder), "-xf", str(archive), *left_out])
    if not tree.is_dir():
        raise LabError(f"{archive} has no folder {found.package}")
    make = ["make", "-C", str(tree), "ARCH=um", f"-j{os.cpu_count() or 1}"]
    say("configuring")
    _run([*make, f"KCONFIG_ALLCONFIG={FRAGMENT}", "allnoconfig"])
    _check_settings(tree / ".config")
    say(f"compiling about {_FILES:,} files on {os.cpu_count()} processors")
    _run([*make, "linux"], compiling=True)
    say(f"compiled after {time.monotonic() - started:.0f} s")
    return tree


def missing_settings(wanted: str, config: str) -> list[str]:
    """Return the lines of a fragment that a configuration lacks.

    Kconfig silently drops settings whose dependencies are missing.
    """
    lines = set(config.splitlines())
    return [
        line for line in wanted.splitlines() if re.fullmatch(r"CONFIG_\w+=[^n].*", line) and line not in lines
    ]


def _check_settings(config: Path) -> None:
    """Print the settings that this source does not know (names change); raise LabError without IPVS."""
    missing = missing_settings(FRAGMENT.read_text(encoding="ascii"), config.read_text(encoding="utf-8"))
    if missing:
        say(f"this source does not know {', '.join(missing)}")
    if _IPVS in missing:
        raise LabError(f"this source makes no kernel with IPVS: it does not take {_IPVS} of {FRAGMENT}")


def _finish(tree: Path, built: Built) -> None:
    """Put the program into the cache in one step."""
    ready = tree.parent / "ready"
    ready.mkdir()
    shutil.copy2(tree / "linux", ready / built.binary.name)
    shutil.copy2(tree / ".config", ready / "config")
    if not Built(built.version, ready / built.binary.name).runs:
        raise LabError(f"the kernel that was built from {tree.name} {built.version} does not run here")
    if built.binary.parent.exists():  # its kernel does not run
        shutil.rmtree(built.binary.parent)
    ready.rename(built.binary.parent)


@contextlib.contextmanager
def _workshop() -> Iterator[Path]:
    """Lock out other builders, and yield a temporary folder; remove the folders of killed builders."""
    home = cache.kernels()
    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "lock").open("w", encoding="ascii")
    except OSError as error:
        raise LabError(f"cannot build a kernel in {home}: {error.strerror}") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build runs: waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        for left in home.glob(f"{_BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        free = shutil.disk_usage(home).free
        if free < _ROOM:
            raise LabError(f"{home} has {free >> 20} MiB left, and building a kernel takes {_ROOM >> 20} MiB")
        with tempfile.TemporaryDirectory(prefix=_BUILDING, dir=home, ignore_cleanup_errors=True) as folder:
            yield Path(folder)


def _require() -> None:
    if missing := missing_packages(_TOOLS.items()):
        raise LabError(f"building a kernel needs packages: apt-get install {' '.join(missing)}")


def _run(argv: list[str], *, compiling: bool = False) -> None:
    """Run a command to its end, with progress if it compiles; raise LabError with its last lines."""
    environment = {**os.environ, "LC_ALL": "C", "XZ_DEFAULTS": "-T0"}
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):  # of a make that has started this process
        environment.pop(name, None)
    started = said = time.monotonic()
    count, last = 0, [""]
    with subprocess.Popen(
        argv, env=environment, text=True, errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                last = [*last[-9:], line.rstrip()]
                count += line.startswith("  CC ")
                if compiling and time.monotonic() - said >= _EVERY:
                    said = time.monotonic()
                    say(f"compiled {count:,} of about {_FILES:,} files, {said - started:.0f} s")
        except BaseException:
            process.terminate()
            raise
    if process.returncode:
        raise LabError("\n".join([f"building a kernel: {argv[0]} failed:", *last]))
