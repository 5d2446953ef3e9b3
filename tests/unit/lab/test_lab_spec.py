from pathlib import Path

import pytest

from clusterlb.lab.spec import (
    Hash,
    LabSpec,
    OspfTimers,
    Programmer,
    SpecError,
    Sysctls,
    load_spec,
    parse_spec,
)

SPECS = Path(__file__).parents[3] / "inventory/lab"


def problems(text: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        parse_spec(text, "lab.yaml")
    return str(caught.value).splitlines()


def test_an_empty_spec_is_the_default():
    assert parse_spec("") == LabSpec()


def test_the_demo_spec_says_the_defaults():
    assert load_spec(SPECS / "demo.yaml") == LabSpec()


@pytest.mark.parametrize("path", sorted(SPECS.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_spec_loads(path):
    load_spec(path)


def test_every_key_is_read():
    spec = parse_spec(
        """
        directors: 16
        real_servers: 2
        vips: 3
        service: {port: 8080, scheduler: wlc, flags: [], forwarding: tun}
        switch: {hash: modulo, buckets: 8, timers: default}
        bfd: {interval: 50ms, multiplier: 5}
        check: {interval: 1s, timeout: 500ms, rise: 1, fall: 1}
        quorum: {up: 2, down: 1}
        pace: 300ms
        sysctls: kernel
        controller: none
        wait: 30s
        """
    )
    assert (spec.directors, spec.real_servers, spec.vips) == (16, 2, 3)
    assert (spec.service.port, spec.service.scheduler, spec.service.flags) == (8080, "wlc", ())
    assert spec.service.forwarding == "tun"
    assert (spec.switch.hash, spec.switch.buckets, spec.switch.timers) == (Hash.MODULO, 8, OspfTimers.DEFAULT)
    assert (spec.bfd.interval, spec.bfd.multiplier) == (0.05, 5)
    assert (spec.check.interval, spec.check.timeout, spec.check.rise, spec.check.fall) == (1.0, 0.5, 1, 1)
    assert (spec.quorum.up, spec.quorum.down) == (2, 1)
    assert (spec.pace, spec.wait) == (0.3, 30.0)
    assert (spec.sysctls, spec.controller) == (Sysctls.KERNEL, Programmer.NONE)


def test_all_problems_are_reported_at_once_with_their_place():
    found = problems("directors: 17\nswitch: {hash: resilient, bucket: 3}\npace: 300\nservice: 80\n")
    assert len(found) == 5
    assert found[0] == "lab.yaml: directors is a number from 1 to 16, not 17"
    assert found[1] == "lab.yaml: switch.hash is one of kernel, modulo, not 'resilient'"
    assert found[2] == "lab.yaml: switch.bucket is not a key; there are hash, buckets, timers"
    assert found[3] == "lab.yaml: pace is a time of at least 0s such as 300ms or 2s, not 300"
    assert found[4].startswith("lab.yaml: service is a mapping of port, scheduler")


@pytest.mark.parametrize(
    "text",
    [
        "directors: true",
        "directors: '3'",
        "directors: 0",
        "service: {flags: [sticky]}",
        "service: {flags: mh-port}",
        "service: {scheduler: round-robin}",
        "controller: null",
        "[]",
        "a: b: c",
    ],
)
def test_what_is_wrong_is_refused(text):
    assert len(problems(text)) >= 1


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(SpecError, match="nowhere"):
        load_spec(tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(SpecError, match="latin"):
        load_spec(tmp_path / "latin.yaml")
