from __future__ import annotations

import builtins
import io
from errno import EACCES, EINVAL, EIO, EROFS
from pathlib import Path

import pytest

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.sysctl import KernelSysctl

NAME = "net/ipv4/vs/sloppy_tcp"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name, value in {
        NAME: "0\n",
        "net/ipv4/vs/sync_threshold": "3\t50\n",
        "net/ipv4/conf/e0.100/rp_filter": "2\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    return tmp_path


def test_reads_the_names_that_exist(root: Path) -> None:
    names = [NAME, "net/ipv4/vs/sync_threshold", "net/ipv4/conf/e0.100/rp_filter", "net/ipv4/vs/nosuch"]
    assert KernelSysctl(root).read(names) == dict(zip(names, ["0", "3 50", "2"], strict=False))


def test_writes_one_value(root: Path) -> None:
    sysctl = KernelSysctl(root)
    sysctl.write(NAME, "1")
    assert sysctl.read([NAME]) == {NAME: "1"}


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("net/ipv4/vs/nosuch", "modprobe ip_vs"),
        ("net/netfilter/nf_conntrack_max", "modprobe nf_conntrack"),
        ("net/ipv4/conf/gone/rp_filter", "interface does not exist"),
    ],
)
def test_a_missing_name_is_an_error_and_not_a_new_file(root: Path, name: str, hint: str) -> None:
    with pytest.raises(DriverError, match=f"{name}: it does not exist.*{hint}"):
        KernelSysctl(root).write(name, "1")
    assert not (root / name).exists()


@pytest.mark.parametrize("name", ["", "/etc/passwd", "net/../../etc/passwd", "net//ipv4"])
def test_a_name_stays_below_its_root(root: Path, name: str) -> None:
    for act in (lambda: KernelSysctl(root).write(name, "1"), lambda: KernelSysctl(root).read([name])):
        with pytest.raises(DriverError, match="not the name of a sysctl"):
            act()


@pytest.mark.parametrize(
    ("errno", "words"),
    [
        (EACCES, "permission denied"),
        (EROFS, "mounted read-only"),
        (EINVAL, "refuses the value 'many'"),
        (EIO, "Input/output error"),
    ],
)
def test_each_refusal_in_words(root: Path, monkeypatch: pytest.MonkeyPatch, errno: int, words: str) -> None:
    def refuse(*_: object, **__: object) -> io.TextIOWrapper:
        raise OSError(errno, "Input/output error")

    monkeypatch.setattr(io, "open", refuse)
    monkeypatch.setattr(builtins, "open", refuse)
    with pytest.raises(DriverError, match=words):
        KernelSysctl(root).write(NAME, "many")


def test_an_unreadable_name_is_an_error(root: Path) -> None:
    with pytest.raises(DriverError, match="cannot read sysctl net/ipv4/vs"):
        KernelSysctl(root).read(["net/ipv4/vs"])


def test_reads_the_running_kernel() -> None:
    assert KernelSysctl().read(["kernel/ostype", "kernel/nosuch"]) == {"kernel/ostype": "Linux"}


def test_what_only_the_host_may_set_is_not_settable(tmp_path):
    (tmp_path / "net").mkdir()
    for name, mode in (("mine", 0o644), ("the_hosts", 0o444)):
        (tmp_path / "net" / name).write_text("7\n")
        (tmp_path / "net" / name).chmod(mode)
    names = ("net/mine", "net/the_hosts", "net/absent")
    assert KernelSysctl(tmp_path).read_settable(names) == {"net/mine": "7"}
