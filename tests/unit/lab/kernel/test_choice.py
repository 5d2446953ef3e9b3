"""Which kernel is taken, and what is said of it. The guests themselves run in tests/frr/test_guest.py."""

from pathlib import Path

import pytest

from clusterlb.lab.kernel import cache, choice, microvm, uml
from clusterlb.lab.kernel.choice import KernelChoice
from clusterlb.lab.kernel.guest import Task
from clusterlb.lab.netns import LabError


class Machine:
    """What a made-up machine has, and which guest was started on it."""

    def __init__(self, monkeypatch, tmp_path):
        self.ran = []
        self.ipvs = False
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        monkeypatch.setattr(choice, "has_ipvs", lambda: self.ipvs)
        monkeypatch.setattr(choice, "precompile", lambda: None)
        monkeypatch.setattr(choice.os, "geteuid", lambda: 0)
        monkeypatch.setattr(uml, "run", lambda binary, task: self.ran.append(binary) or 3)
        monkeypatch.setattr(microvm, "run", lambda task: self.ran.append("microvm") or 4)

    def build(self, version, *, runs=True):
        binary = cache.entry(version).binary
        binary.parent.mkdir(parents=True)
        binary.write_text(f"#!/bin/sh\nexit {0 if runs else 1}\n")
        binary.chmod(0o755)
        return binary


@pytest.fixture
def machine(monkeypatch, tmp_path):
    return Machine(monkeypatch, tmp_path)


TASK = Task(["true"])


def test_this_kernel_is_taken_where_it_has_ipvs(machine):
    machine.ipvs = True
    machine.build("7.3.4-1")
    assert choice.run(TASK, None) is choice.run(TASK, KernelChoice.NATIVE) is None
    assert machine.ran == []


def test_else_the_newest_that_is_built(machine, capfd):
    machine.build("7.3.4-1~bpo13+1")
    newest = machine.build("7.10.1-1")
    assert choice.run(TASK, None) == 3
    assert machine.ran == [newest]
    assert "this kernel has no IPVS: starting User-Mode Linux 7.10.1-1" in capfd.readouterr().err


def test_else_a_microvm_and_how_to_get_the_fast_one_is_said(machine, capfd):
    assert choice.run(TASK, None) == 4
    assert "clusterlb lab kernel build" in capfd.readouterr().err


@pytest.mark.parametrize("forced", [KernelChoice.UML, KernelChoice.MICROVM])
def test_a_guest_can_be_forced_where_this_kernel_would_do(machine, capfd, forced):
    machine.ipvs = True
    binary = machine.build("7.3.4-1")
    choice.run(TASK, forced)
    assert machine.ran == [binary if forced is KernelChoice.UML else "microvm"]
    assert "--kernel asks for it" in capfd.readouterr().err


def test_this_kernel_without_ipvs_cannot_be_forced(machine):
    with pytest.raises(LabError, match="--kernel native"):
        choice.run(TASK, KernelChoice.NATIVE)


def test_what_is_not_built_cannot_be_forced(machine):
    with pytest.raises(LabError, match="clusterlb lab kernel build"):
        choice.run(TASK, KernelChoice.UML)


def test_one_of_a_named_source_is_taken_though_there_is_a_newer_one(machine):
    machine.build("7.3.4-1")
    machine.build("6.1.170-1")
    old = machine.build("6.12.90-1")
    assert choice.run(TASK, KernelChoice.UML, "linux-source-6.12") == 3
    assert machine.ran == [old]
    with pytest.raises(LabError, match=r"lab kernel build --source linux-source-6.16`"):
        choice.run(TASK, KernelChoice.UML, "linux-source-6.16")


def test_one_that_does_not_run_is_named_and_the_next_choice_taken(machine, capfd):
    binary = machine.build("7.3.4-1", runs=False)
    assert choice.run(TASK, None) == 4
    assert f"{binary} does not run on this machine" in capfd.readouterr().err


def test_one_that_does_not_start_shows_why_and_the_next_choice_is_taken(machine, monkeypatch, capfd):
    def panics(binary, task):
        raise uml.NotStartedError("did not start:\nKernel panic")

    monkeypatch.setattr(uml, "run", panics)
    machine.build("7.3.4-1")
    assert choice.run(TASK, None) == 4
    said = capfd.readouterr().err
    assert "Kernel panic" in said
    assert "a microVM instead" in said
    with pytest.raises(uml.NotStartedError):
        choice.run(TASK, KernelChoice.UML)
    with pytest.raises(uml.NotStartedError):
        choice.run(Task(["true"], tree=Path("/")), None)


def test_one_of_other_settings_is_named_and_not_taken(machine, capfd):
    old = cache.kernels() / "7.3.4-1_0123456789ab"
    old.mkdir(parents=True)
    (old / "linux").write_text("#!/bin/sh\n")
    assert choice.run(TASK, None) == 4
    assert f"{old} was built with other settings" in capfd.readouterr().err


def test_a_guest_needs_root(machine, monkeypatch):
    monkeypatch.setattr(choice.os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match="run this as root"):
        choice.run(TASK, None)


def test_another_root_needs_a_guest(machine, tmp_path):
    machine.ipvs = True
    with pytest.raises(LabError, match="--root needs User-Mode Linux"):
        choice.run(Task(["true"], tree=tmp_path), None)
