from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from clusterlb.drivers.interface import DriverError
from clusterlb.drivers.ipvs import driver, modules
from clusterlb.drivers.netlink.codec import NetlinkError


@pytest.fixture(autouse=True)
def loadable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The list of modules of a kernel that has some, whatever kernel runs this."""
    path = tmp_path / "proc-modules"
    path.touch()
    monkeypatch.setattr(modules, "_LOADED", path)
    return path


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Stand in for modprobe, which finds nothing."""
    seen: list[list[str]] = []

    def modprobe(arguments: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        seen.append(arguments)
        return subprocess.CompletedProcess(arguments, 1, "", "modprobe: FATAL: Module not found\n")

    monkeypatch.setattr(subprocess, "run", modprobe)
    return seen


def test_loads_each_scheduler_once_and_only_where_it_is_missing(
    calls: list[list[str]], tmp_path: Path
) -> None:
    (tmp_path / "ip_vs_rr").mkdir()
    schedulers = modules.SchedulerModules(tmp_path)
    for _ in range(2):
        for name in ("mh", "rr", "none"):
            schedulers.ensure(name)
    assert calls == [["modprobe", "--", "ip_vs_mh"]]


@pytest.mark.parametrize("name", ["-a", "mh; reboot", "../x", "a" * 16])
def test_a_strange_name_never_reaches_modprobe(calls: list[list[str]], tmp_path: Path, name: str) -> None:
    modules.SchedulerModules(tmp_path).ensure(name)
    assert calls == []


def test_what_modprobe_says_is_passed_on(calls: list[list[str]]) -> None:
    assert modules.load("ip_vs") == "modprobe: FATAL: Module not found"


def test_a_kernel_whose_modules_are_built_in_is_not_asked_for_any(
    calls: list[list[str]], loadable: Path, tmp_path: Path
) -> None:
    loadable.unlink()
    modules.SchedulerModules(tmp_path).ensure("mh")
    assert modules.load("ip_vs") == "this kernel loads no modules"
    assert calls == []


def test_a_machine_without_modprobe(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise FileNotFoundError("modprobe")

    monkeypatch.setattr(subprocess, "run", missing)
    assert "install the package kmod" in modules.load("ip_vs")


def test_a_modprobe_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(arguments: list[str], **_: object) -> None:
        raise subprocess.TimeoutExpired(arguments, 30)

    monkeypatch.setattr(subprocess, "run", slow)
    assert "timed out" in modules.load("ip_vs")


def test_a_kernel_without_ipvs_is_a_clear_error(
    calls: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(self: object) -> None:
        raise NetlinkError(2)

    monkeypatch.setattr(driver.IpvsSocket, "resolve_family", unknown)
    with pytest.raises(DriverError) as raised:
        driver.KernelIpvs()
    text = str(raised.value)
    for word in ("no IPVS", "Module not found", "linux-image-amd64", "CONFIG_IP_VS", "container"):
        assert word in text
    assert calls == [["modprobe", "--", "ip_vs"]]
