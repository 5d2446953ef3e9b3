"""Building a kernel, by the real tar and make, from a small source: a Makefile that makes a shell script.

The real source is built by `clusterlb lab kernel build` before these lanes, and measured by uml_build_s.
"""

import subprocess
import sys
import tarfile
import textwrap
import threading
from pathlib import Path

import pytest

from clusterlb.lab.kernel import build, cache, source
from clusterlb.lab.kernel.source import KernelSource, Offer
from clusterlb.lab.netns import LabError

MAKEFILE = """
allnoconfig:
\tgrep -v '^#' $(KCONFIG_ALLCONFIG) > .config
linux:
\t@echo "  CC      one.o"
\t@printf '#!/bin/sh\\necho 9.9.1\\n' > linux
\t@chmod +x linux
"""
NAME, VERSION = "linux-source-9.9", "9.9.1-1~bpo13+1"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/clusterlb/kernels"


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that has Debian offer a source with this Makefile, and returns the askings."""

    def offer(makefile=MAKEFILE, version=VERSION):
        folder = tmp_path / "source" / NAME
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "Makefile").write_text(makefile)
        archive = tmp_path / f"{NAME}.tar.xz"
        with tarfile.open(archive, "w:xz") as tar:
            tar.add(folder, NAME)
        asked = []

        def find(name, _):
            asked.append(name)
            return KernelSource(NAME, version, lambda: archive)

        monkeypatch.setattr(source, "find", find)
        return asked

    return offer


def nothing_is_left(home):
    return [path.name for path in home.iterdir()] == ["lock"]


def test_it_is_built_once_and_found(home, package, capfd):
    asked = package()
    built = build.build(None)
    assert built == cache.newest()
    assert built.binary == home / built.binary.parent.name / "linux"
    assert (built.binary.parent / "config").read_text().startswith("\nCONFIG_")
    assert build.build(None) == built
    assert asked == [None]
    assert "is built already" in capfd.readouterr().err


def test_another_version_is_built_beside_it_and_once_too(home, package):
    package()
    first = build.build(None)
    package(version="9.9.10-1")
    second = build.build(NAME)
    assert build.build(NAME) == second == cache.newest() != first
    assert first.runs


def test_the_source_of_one_that_is_built_is_not_fetched(home, package, monkeypatch):
    package()
    built = build.build(NAME)
    fetched = []
    monkeypatch.setattr(source, "find", lambda *_: KernelSource(NAME, VERSION, lambda: fetched.append(1)))
    assert build.build(NAME) == built
    assert fetched == []


def test_what_make_says_is_shown_and_nothing_is_left(home, package):
    package(MAKEFILE + "\t@echo net/netfilter/ipvs/ip_vs_mh.c:9: error: no such thing >&2; exit 1\n")
    with pytest.raises(LabError, match=r"make failed:\n(?s:.*)ip_vs_mh\.c:9: error: no such thing"):
        build.build(None)
    assert nothing_is_left(home)
    assert cache.newest() is None


def test_a_kernel_without_ipvs_is_no_kernel_for_us(home, package):
    package(MAKEFILE.replace("'^#'", "'IP_VS='"))
    with pytest.raises(LabError, match="CONFIG_IP_VS=y"):
        build.build(None)
    assert nothing_is_left(home)


def test_settings_that_a_source_does_not_know_are_named(home, package, capfd):
    package(MAKEFILE.replace("'^#'", "'NFT_FIB_IPV6='"))
    build.build(None)
    assert "does not know CONFIG_NFT_FIB_IPV6=y" in capfd.readouterr().err


def test_a_program_that_does_not_run_is_not_kept(home, package):
    package(MAKEFILE.replace("echo 9.9.1", "exit 3"))
    with pytest.raises(LabError, match="does not run here"):
        build.build(None)
    assert nothing_is_left(home)


def test_one_in_the_cache_that_does_not_run_any_more_is_built_anew(home, package):
    package()
    built = build.build(None)
    built.binary.write_text("#!/bin/sh\nexit 1\n")
    assert build.build(None).runs


def test_what_a_killed_build_has_left_is_removed(home, package):
    (home / "building-killed" / NAME).mkdir(parents=True)
    package()
    build.build(None)
    assert not list(home.glob("building-*"))


def test_two_builders_build_once(home, package, capfd):
    asked = package(MAKEFILE.replace("linux:\n", "linux:\n\t@sleep 1\n"))
    threads = [threading.Thread(target=build.build, args=(None,)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    said = capfd.readouterr().err
    assert said.count("compiling") == 1, said
    assert "another build runs" in said
    assert len(asked) <= 2


def test_what_is_missing_to_build_is_named(home, package, monkeypatch, tmp_path):
    package()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="apt-get install bc bison flex gcc make xz-utils"):
        build.build(None)


BUILD = """
import sys
from pathlib import Path
from clusterlb.lab.kernel import build, source
from clusterlb.lab.netns import LabError
source.find = lambda *_: source.KernelSource({name!r}, {version!r}, lambda: Path({archive!r}))
try:
    build.build(None)
except LabError as error:
    sys.exit(str(error))
"""


@pytest.mark.parametrize(("size", "words"), [("100m", "MiB left"), ("2200m", "No space left on device")])
def test_a_full_disk(home, package, tmp_path, size, words):
    package(MAKEFILE + "\tfallocate -l 4G big\n")
    body = BUILD.format(name=NAME, version=VERSION, archive=str(tmp_path / f"{NAME}.tar.xz"))
    home.mkdir(parents=True)
    script = textwrap.dedent(f"""
        mount -t tmpfs -o size={size} tmpfs {home}
        {sys.executable} -c "$1"; status=$?
        ls -A {home}
        exit $status
    """)
    argv = ["unshare", "--mount", "sh", "-c", script, "sh", body]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert words in done.stderr
    assert done.stdout == "lock\n"


def test_the_newest_recent_source_is_wanted():
    offers = [Offer(f"linux-source-{v}", f"{v}.1-1") for v in ("6.12", "7.3", "7.10", "6.1")]
    assert source._wanted(offers, None).package == "linux-source-7.10"
    assert source._wanted(offers, "linux-source-6.1").version == "6.1.1-1"
    assert source._wanted([offers[0], offers[3]], None) is None
    assert source._wanted(offers, "linux-source-5.10") is None


def test_no_source_to_be_had_says_what_was_asked(tmp_path, monkeypatch):
    """apt itself: no mirror answers there."""
    monkeypatch.setattr(source, "installed", list)
    monkeypatch.setattr(source, "_host_mirror", lambda: "http://127.0.0.1:9/debian")
    with pytest.raises(
        LabError, match=r"(?s)cannot get a kernel's source: apt-get update failed:.*127\.0\.0\.1"
    ):
        source.find(None, tmp_path)


def test_a_mirror_of_the_operators_own_comes_first(monkeypatch):
    monkeypatch.setenv("CLUSTERLB_MIRROR", "http://mirror.example/debian")
    assert source._host_mirror() == "http://mirror.example/debian"


def test_a_host_that_is_not_debian_is_told_what_is_missing(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match=r"no dpkg-query: kernel sources come from Debian's packages"):
        source.find(None, tmp_path)


def test_the_hosts_own_mirror_is_asked():
    assert source._host_mirror().startswith(("http://", "https://", "file:", "cdrom:", "mirror"))
    assert Path("/usr/bin/apt-get").exists()
