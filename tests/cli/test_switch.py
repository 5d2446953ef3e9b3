"""Transcripts of ``clusterlb generate switch`` and ``clusterlb audit switch``."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from clusterlb.cli.exits import Exit
from clusterlb.cli.main import main

EXAMPLE = Path(__file__).parents[2] / "inventory" / "example.yaml"
PORTS = ["--interface", "br0", "--interface", "br1", "--router-id", "10.1.0.254"]


def run(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "sw.conf"
    made = run("generate", "switch", "--os", "frr", "--inventory", EXAMPLE, *PORTS, "-o", path)
    assert (made.exit_code, made.output) == (Exit.OK, "")
    return path


def test_a_file_is_the_owners_alone(config: Path) -> None:
    assert config.stat().st_mode & 0o777 == 0o600
    assert "interface br0\n" in config.read_text()


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none" / "sw.conf"
    made = run("generate", "switch", "--os", "frr", "--inventory", EXAMPLE, *PORTS, "-o", path)
    assert (made.exit_code, made.output) == (Exit.FAILED, f"Error: {path}: No such file or directory\n")


def test_what_is_left_to_fill_in_is_said() -> None:
    made = run("generate", "switch", "--os", "eos", "--inventory", EXAMPLE)
    assert made.exit_code == Exit.OK
    assert made.stderr == "fill in PORT_TO_DIRECTORS and ROUTER_ID, or give --interface and --router-id\n"
    assert "   router-id ROUTER_ID\n" in made.stdout


def test_fewer_ports_than_directors_are_told(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    two = "directors:\n  d2: {router_id: 10.1.0.2, uplinks: [e0]}"
    path.write_text(EXAMPLE.read_text().replace("directors:", two, 1))
    ports = ["--interface", "Ethernet1", "--router-id", "10.1.0.254"]
    made = run("generate", "switch", "--os", "eos", "--inventory", path, *ports)
    assert made.exit_code == Exit.OK
    assert made.stderr == "eos takes one director per port (point-to-point): 1 for 2 directors\n"
    assert run("generate", "switch", "--os", "frr", "--inventory", path, *ports).stderr == ""


@pytest.mark.parametrize("system", ["nxos", "eos", "junos", "sonic", "frr"])
def test_what_is_generated_is_clean(tmp_path: Path, system: str) -> None:
    path = tmp_path / "sw.conf"
    path.write_text(run("generate", "switch", "--os", system, "--inventory", EXAMPLE, *PORTS).stdout)
    audited = run("audit", "switch", path, "--os", system, "--inventory", EXAMPLE)
    assert (audited.output, audited.exit_code) == ("", Exit.OK)


def test_findings(config: Path) -> None:
    config.write_text(config.read_text().replace(" ip ospf cost 10\n", " ip ospf cost 20\n", 1))
    audited = run("audit", "switch", config, "--inventory", EXAMPLE)
    assert audited.exit_code == Exit.DEGRADED
    assert audited.stderr == f"{config}: read as frr: line 2, `ospf router-id 10.1.0.254`\n"
    assert audited.stdout == (
        f"{config}:12: error: br0 has cost 20, other director ports have 10: directors behind the dearer "
        "ports get no traffic [unequal-cost]\n"
        "    interface br0\n"
        "     ip ospf cost 10\n"
    )


def test_json(config: Path) -> None:
    config.write_text(config.read_text().replace(" maximum-paths 8\n", " maximum-paths 2\n"))
    audited = run("audit", "switch", config, "--inventory", EXAMPLE, "-o", "json")
    [finding] = json.loads(audited.stdout)
    assert finding["system"] == "frr"
    assert (finding["file"], finding["line"], finding["severity"]) == (str(config), 6, "error")
    assert (finding["rule"], finding["fix"]) == ("ecmp-width", ["router ospf", " maximum-paths 8"])
    assert audited.exit_code == Exit.DEGRADED


def test_no_finding_is_an_empty_list(config: Path) -> None:
    assert json.loads(run("audit", "switch", config, "--inventory", EXAMPLE, "-o", "json").stdout) == []


def test_what_cannot_be_read(config: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("cluster: 7\n")
    assert run("audit", "switch", config, "--inventory", bad).exit_code == Exit.INVALID
    assert run("generate", "switch", "--os", "frr", "--inventory", bad).exit_code == Exit.INVALID
    gone = run("audit", "switch", tmp_path / "gone", "--inventory", EXAMPLE)
    assert (gone.exit_code, gone.output) == (
        Exit.INVALID,
        f"{tmp_path / 'gone'}: No such file or directory\n",
    )
    config.write_bytes(b"\x00\xff\xfe")
    strange = run("audit", "switch", config, "--inventory", EXAMPLE)
    assert (strange.exit_code, strange.output.count("say --os")) == (Exit.INVALID, 1)


def test_a_shared_segment_is_one_port(tmp_path: Path) -> None:
    path = tmp_path / "broadcast.yaml"
    path.write_text(EXAMPLE.read_text().replace("    area: 0.0.0.0\n", "    network: broadcast\n"))
    ports = ["--interface", "Vlan10", "--router-id", "10.1.0.254"]
    assert run("generate", "switch", "--os", "eos", "--inventory", path, *ports).stderr == ""


def test_what_the_operator_says_counts_and_is_doubted(config: Path) -> None:
    said = run("audit", "switch", config, "--os", "eos", "--inventory", EXAMPLE)
    assert said.stderr == f"{config}: read as eos, as --os says, but it looks like frr\n"
    assert run("audit", "switch", config, "--os", "frr", "--inventory", EXAMPLE).stderr == ""


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "dual.yaml"
    dual = '[10.100.0.0/24, "fd00:100::/64"]'
    path.write_text(EXAMPLE.read_text().replace("[10.100.0.0/24]", dual, 1))
    config = tmp_path / "sw.conf"
    ports = ["--interface", "Ethernet1", "--router-id", "10.1.0.254"]
    config.write_text(run("generate", "switch", "--os", "eos", "--inventory", path, *ports).stdout)
    audited = run("audit", "switch", config, "--os", "eos", "--inventory", path)
    assert (audited.stdout, audited.exit_code) == ("", Exit.OK)
    omitted = "OSPFv3 is not read on eos: see yourself how fd00:100::/64 gets there"
    assert audited.stderr == f"{config}: {omitted}\n"
