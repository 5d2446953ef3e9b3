"""The formats: their golden files, and what the real parsers say of them."""

import configparser
import re
import shutil
import subprocess
import time
from contextlib import closing
from pathlib import Path

import pytest
import yaml
from realserver_host import Host
from realserver_inventories import CASES, HOST, R1, R2, REFUSED, RENDERED, SIX, SUFFIX, golden_part

from clusterlb.render.realserver.needs import RealServerError
from clusterlb.render.realserver.render import INTERFACE, Format, needs_interface, render_realserver

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "realserver"
NETWORKD = Path("/lib/systemd/systemd-networkd")
ALL = [(R1,), (R2,), (SIX,)]
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]


def rendered(name, form):
    return render_realserver(
        CASES[name], [HOST] if form in {"networkd", "ifupdown"} else ALL, Format(form), "e0"
    )


class Loader(yaml.SafeLoader):
    """YAML with Ansible's tag for text that is no template."""


Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@pytest.mark.parametrize(("name", "form"), RENDERED)
def test_it_is_the_golden_file(name, form, golden):
    golden(GOLDEN / f"{name}.{SUFFIX[form]}", golden_part(rendered(name, form), form))


def test_every_golden_file_has_a_case():
    assert {path.name for path in GOLDEN.iterdir()} == {f"{name}.{SUFFIX[form]}" for name, form in RENDERED}


@pytest.mark.behaviour
@pytest.mark.parametrize("shell", SHELLS)
def test_shells_parse_the_script(shell):
    for name in CASES:
        argv = [shell, *(["sh"] if shell == "busybox" else []), "-n"]
        parsed = subprocess.run(argv, input=rendered(name, "sh"), capture_output=True, text=True, check=False)
        assert (parsed.returncode, parsed.stderr) == (0, "")


@pytest.mark.parametrize("name", CASES)
def test_the_play_installs_the_script_and_a_unit(name):
    (play,) = yaml.load(rendered(name, "ansible"), Loader)
    present, absent = (task["block"] for task in play["tasks"])
    script, unit = (task["ansible.builtin.copy"] for task in present[:2])
    assert script["content"] == rendered(name, "sh")
    parsed = configparser.ConfigParser(strict=False)
    parsed.read_string(unit["content"])
    assert parsed["Service"]["ExecStart"] == script["dest"]
    assert {task["ansible.builtin.file"]["path"] for task in absent[-2:]} == {script["dest"], unit["dest"]}


@pytest.mark.parametrize(("name", "form"), sorted(REFUSED))
def test_what_networkd_has_no_word_for_is_refused(name, form):
    with pytest.raises(RealServerError, match="take --format sh or ansible"):
        rendered(name, form)


def test_the_interface_is_asked_for_when_it_is_named():
    assert {
        (name, form): needs_interface(CASES[name], ALL, Format(form))
        for name in ("dr", "nat")
        for form in ("sh", "ifupdown", "networkd")
    } == {
        ("dr", "sh"): False,
        ("dr", "ifupdown"): False,
        ("dr", "networkd"): False,
        ("nat", "sh"): False,
        ("nat", "ifupdown"): True,
        ("nat", "networkd"): True,
    }
    assert f"iface {INTERFACE} inet manual" in render_realserver(CASES["nat"], [HOST], Format.IFUPDOWN)


def files_of(text):
    """Return the files that a text for networkd holds, by path."""
    parts = re.split(r"^# (?:----|====) (.*)\n", text, flags=re.MULTILINE)
    return {path: body for path, body in zip(parts[1::2], parts[2::2], strict=True) if path.startswith("/")}


@pytest.mark.behaviour
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_finds_nothing_to_say_of_the_units(tmp_path):
    (play,) = yaml.load(rendered("dr", "ansible"), Loader)
    unit = play["tasks"][0]["block"][1]["ansible.builtin.copy"]
    units = {
        Path(unit["dest"]).name: unit["content"].replace("/usr/local/sbin/clusterlb-realserver", "/bin/true"),
        "clusterlb-realserver-mss.service": files_of(rendered("gre", "networkd"))[
            "/etc/systemd/system/clusterlb-realserver-mss.service"
        ],
    }
    for name, body in units.items():
        (tmp_path / name).write_text(body)
        argv = ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)]
        verified = subprocess.run(argv, capture_output=True, text=True, check=False)
        assert (verified.returncode, verified.stdout, verified.stderr) == (0, "", "")


@pytest.mark.behaviour
@pytest.mark.skipif(not NETWORKD.exists(), reason="needs systemd-networkd")
@pytest.mark.parametrize("name", ["dr", "nat"])
def test_the_real_networkd_does_what_the_script_checks(name, tmp_path):
    own = "[Match]\nName=e0\n\n[Network]\nAddress=10.2.0.101/24\nAddress=fd00:2::101/64\nIPv6AcceptRA=no\n"
    files = {"/etc/systemd/network/e0.network": own, **files_of(rendered(name, "networkd"))}
    for path, body in files.items():
        file = tmp_path / "root" / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(body)
    with closing(Host(tmp_path)) as host:
        if "--user" in host.enter:
            pytest.skip("networkd needs root")
        host.install(rendered(name, "sh"))
        host.sh("ip link add e0 type veth peer name e1; ip link set e1 up")
        host.sh(f"/lib/systemd/systemd-sysctl {tmp_path}/root/etc/sysctl.d/*.conf")
        # its own /run, its configuration, and a /sys that it takes for a container's, where no udev runs
        mounts = (
            f"mount -t tmpfs none /run && install -d -o systemd-network /run/systemd/netif && "
            f"mkdir -p /etc/systemd/network && mount --bind {tmp_path}/root/etc/systemd/network "
            f"/etc/systemd/network && mount -t sysfs -o ro none /sys && exec {NETWORKD}"
        )
        with (tmp_path / "log").open("w") as log:
            argv = [*host.enter, "unshare", "--mount", "sh", "-c", mounts]
            daemon = subprocess.Popen(argv, stdout=log, stderr=log)
        try:
            until = time.monotonic() + 60
            while (found := host.realserver("--check")) != (0, ["ok"], "") and time.monotonic() < until:
                time.sleep(0.1)
        finally:
            daemon.kill()
            daemon.wait()
        assert found == (0, ["ok"], ""), (tmp_path / "log").read_text()
