"""Debian's kernel sources: list and download them without changing this host's apt."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from clusterlb.lab.kernel.cache import version_key
from clusterlb.lab.netns import LabError
from clusterlb.lab.process import say

OLDEST = [6, 16]  # older kernels run User-Mode Linux by ptrace only, at half the speed
_PACKAGE = re.compile(r"linux-source-(\d+\.\d+)")
# code names: a mirror may point "stable-backports" to a new release late
_RECENT = ("trixie-backports", "testing")
_ALL = ("bookworm", "trixie", *_RECENT)  # for a named package, which may be an old kernel
_MIRROR = "http://deb.debian.org/debian"
_KEYS = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_SOURCES = Path("/usr/src")
_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class KernelSource:
    """A version of Debian's source package, ``linux-source-7.3``; ``fetch`` returns the archive's path."""

    package: str
    version: str
    fetch: Callable[[], Path]


@dataclass(frozen=True, slots=True)
class Offer:
    """A source package in an archive of Debian's, or installed."""

    package: str
    version: str

    @property
    def recent(self) -> bool:
        """Say whether its User-Mode Linux runs at full speed."""
        return version_key(self.package)[:2] >= OLDEST


def find(package: str | None, folder: Path) -> KernelSource:
    """Return a source package, to be downloaded into ``folder`` unless it is installed on this host.

    ``package`` None: the newest recent one that is installed, else the newest recent one of Debian's suites,
    backports included. Raises LabError if no package fits.
    """
    local = _wanted(installed(), package)
    if local is not None:
        return KernelSource(local.package, local.version, lambda: _SOURCES / f"{local.package}.tar.xz")
    suites = _ALL if package else _RECENT
    apt = _Apt(folder / "apt")
    offer = _wanted(apt.offers(suites), package)
    if offer is None:
        raise LabError(
            f"{apt.mirror} has no {package or 'linux-source of 6.16 or later'} in {' or '.join(suites)}"
        )
    return KernelSource(offer.package, offer.version, lambda: apt.download(offer))


def installed() -> list[Offer]:
    """Return the source packages that are installed on this host."""
    form = "${Package} ${Version} ${db:Status-Status}\n"
    told = _ask(["dpkg-query", "-W", "-f", form, "linux-source-*"])
    rows = [line.split() for line in told.splitlines()]
    return [Offer(row[0], row[1]) for row in rows if row[2:] == ["installed"] and _PACKAGE.fullmatch(row[0])]


def _wanted(offers: Sequence[Offer], package: str | None) -> Offer | None:
    fit = [offer for offer in offers if (offer.package == package if package else offer.recent)]
    return max(fit, key=lambda offer: (version_key(offer.package), version_key(offer.version)), default=None)


class _Apt:
    """apt with its own state, for other suites' package lists; the host's apt does not change."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.mirror = _host_mirror()

    def offers(self, suites: Sequence[str]) -> list[Offer]:
        say(f"asking {self.mirror} for kernel sources ({', '.join(suites)})")
        for part in ("lists/partial", "cache/archives/partial"):
            (self._home / part).mkdir(parents=True, exist_ok=True)
        signed = f"[signed-by={_KEYS}] " if _KEYS.exists() else ""
        lines = [f"deb {signed}{self.mirror} {suite} main\n" for suite in suites]
        (self._home / "sources.list").write_text("".join(lines), encoding="ascii")
        self._run("apt-get", "update", "-q", "-o", "APT::Update::Error-Mode=any")
        names = self._run("apt-cache", "pkgnames", "linux-source-").split()
        shown = self._run("apt-cache", "show", *[name for name in names if _PACKAGE.fullmatch(name)])
        return [
            Offer(*match)
            for match in re.findall(r"^Package: (.*)\n(?:.+\n)*?Version: (.*)$", shown, re.MULTILINE)
        ]

    def download(self, offer: Offer) -> Path:
        """Download a package and return the archive in it."""
        say(f"downloading {offer.package} {offer.version} (about 160 MB)")
        self._run("apt-get", "download", f"{offer.package}={offer.version}")
        (deb,) = self._home.glob(f"{offer.package}_*.deb")
        self._run("dpkg-deb", "-x", deb.name, ".")
        deb.unlink()
        return self._home / _SOURCES.relative_to("/") / f"{offer.package}.tar.xz"

    def _run(self, program: str, *words: str) -> str:
        options = {
            "Dir::State": self._home,
            "Dir::State::lists": self._home / "lists",
            "Dir::State::status": "/dev/null",
            "Dir::Cache": self._home / "cache",
            "Dir::Etc::sourcelist": self._home / "sources.list",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",  # nobody else may write here
        }
        given = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        argv = [program, *(given if program.startswith("apt-") else []), *words]
        try:
            done = subprocess.run(
                argv, cwd=self._home, capture_output=True, text=True, check=False, timeout=_SECONDS
            )
        except FileNotFoundError as error:
            raise LabError(f"there is no {program}: kernel sources come from Debian's packages") from error
        except subprocess.TimeoutExpired as error:
            raise LabError(f"{program} {words[0]} did not end within {_SECONDS:.0f} s") from error
        if done.returncode:
            said = "\n".join(done.stderr.strip().splitlines()[-5:])
            raise LabError(f"cannot get a kernel's source: {program} {words[0]} failed:\n{said}")
        return done.stdout


def _host_mirror() -> str:
    """Return the Debian mirror: CLUSTERLB_MIRROR, else the mirror of this host's apt."""
    of_debian = ["Created-By: Packages", "Origin: Debian", "Label: Debian"]
    ours = _ask(["apt-get", "indextargets", "--format", "$(REPO_URI)", *of_debian]).split()
    return os.environ.get("CLUSTERLB_MIRROR") or next(iter(ours), _MIRROR).rstrip("/")


def _ask(argv: list[str]) -> str:
    """Return the output of one of Debian's programs about this host; empty if the program fails."""
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError as error:
        raise LabError(f"there is no {argv[0]}: kernel sources come from Debian's packages") from error
