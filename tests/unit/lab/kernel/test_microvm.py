from pathlib import Path

import pytest

from clusterlb.lab.kernel import microvm
from clusterlb.lab.kernel.guest import Task, guest_path
from clusterlb.lab.netns import LabError


@pytest.fixture
def machine(tmp_path):
    """Return a function that installs a kernel on a made-up machine."""
    (tmp_path / "boot").mkdir()
    (tmp_path / "modules").mkdir()

    def install(version: str, config: str = "CONFIG_IP_VS=m\n", modules: bool = True) -> None:
        (tmp_path / f"boot/vmlinuz-{version}").touch()
        (tmp_path / f"boot/config-{version}").write_text(config)
        if modules:
            (tmp_path / f"modules/{version}").mkdir()

    return tmp_path, install


def find(root: Path) -> str:
    return microvm.find_kernel(root / "boot", root / "modules").name


def test_the_newest_kernel_with_ipvs_is_taken(machine):
    root, install = machine
    for version in ("6.1.0-9-amd64", "6.1.0-56-amd64", "5.10.0-30-amd64"):
        install(version)
    assert find(root) == "vmlinuz-6.1.0-56-amd64"


def test_kernels_without_ipvs_or_modules_are_passed_over(machine):
    root, install = machine
    install("6.1.0-1-amd64")
    install("6.9.0-cloud", "# CONFIG_IP_VS is not set\nCONFIG_IP_VS_IPV6=y\n")
    install("6.12.0-amd64", modules=False)
    assert find(root) == "vmlinuz-6.1.0-1-amd64"


def test_without_a_kernel_the_package_is_named(machine):
    root, _ = machine
    with pytest.raises(LabError, match="linux-image-amd64"):
        find(root)


def test_files_of_the_host_are_found_in_the_guest_wherever_they_lie(tmp_path):
    assert guest_path(tmp_path / "spec.yaml") == Path(f"/run/host{tmp_path.resolve()}/spec.yaml")


def test_the_vm_has_no_kvm_and_cannot_write(tmp_path):
    argv = microvm.vm_command(Path("/boot/vmlinuz-6"), tmp_path / "boot.sh", 3072)
    assert "--disable-kvm" in argv
    assert argv[argv.index("--memory") + 1] == "3072M"
    shares = next(word for word in argv if word.startswith("--qemu-opts="))
    assert shares.count("path=") == shares.count("readonly=on") == 1


def test_what_travels_on_the_kernels_command_line_stays_short(tmp_path):
    # 2048 characters on x86 (COMMAND_LINE_SIZE), and virtme-ng sends it as base64
    argv = microvm.vm_command(Path("/boot/vmlinuz-6"), tmp_path / "boot.sh", 3072)
    assert len(argv[-1]) < 300


def test_the_guest_puts_back_what_it_hides(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LANG", "C 1")
    script = microvm.boot_script(Task(["true", "a b"]))
    here = tmp_path.resolve()
    assert f"lowerdir=/run/host{here}," in script
    assert f"cd {here}\n" in script
    assert "export LANG='C 1'" in script
    assert script.endswith("exec true 'a b'\n")


def test_an_interactive_command_gets_a_terminal():
    script = microvm.boot_script(Task(["bash", "-i"], interactive=True))
    assert "exec script -qec" in script
    assert "exec bash -i" in script


def test_another_systems_root_is_refused(tmp_path):
    with pytest.raises(LabError, match="needs User-Mode Linux"):
        microvm.run(Task(["true"], tree=tmp_path))
