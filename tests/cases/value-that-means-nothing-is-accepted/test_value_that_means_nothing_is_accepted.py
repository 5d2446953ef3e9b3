"""Values that fit their types, at every key that takes their kind."""

from __future__ import annotations

from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity

TEXT = (Path(__file__).parent / "inventory.yaml").read_text()
D1 = "{router_id: 10.1.0.1, uplinks: [e0]}"

UNANNOUNCED = [
    "0.0.0.0/1",
    "128.0.0.0/1",
    "32.0.0.0/3",
    "64.0.0.0/7",
    "0.1.2.0/24",
    "127.0.0.0/8",
    "127.0.0.1/32",
    "169.254.1.0/24",
    "224.0.0.0/4",
    "239.1.2.3",
    "255.255.255.255",
    "240.0.0.0/24",
    "::/1",
    "2000::/3",
    "::1",
    "::ffff:10.100.0.0/120",
    "fe80::/64",
    "ff02::/16",
]
NO_SOURCE = [
    "127.0.0.0/8",
    "127.1.0.0/16",
    "224.0.0.0/24",
    "169.254.0.0/16",
    "fe80::/64",
    "ff00::/8",
    "::1/128",
]
NO_HOST = ["224.0.0.1", "0.1.2.3", "255.255.255.255", "ff02::1", "fe80::1", "::", "::ffff:10.2.0.1"]


@pytest.mark.parametrize("prefix", UNANNOUNCED)
def test_what_nobody_can_announce_is_no_vip_prefix(prefix: str, tmp_path: Path):
    text, line, column = marked(TEXT, "10.100.0.0/24]", f'10.100.0.0/24, ¦"{prefix}"]')
    expect(problems_of(text, tmp_path), Severity.ERROR, line, column, "item 2 of `vip_prefixes`")


@pytest.mark.parametrize("prefix", ["10.0.0.0/8", "fc00::/7", "203.0.113.0/24", "2001:db8::/32"])
def test_what_is_somebodys_is_one(prefix: str, tmp_path: Path):
    text = TEXT.replace("[10.100.0.0/24]", f'[10.100.0.0/24, "{prefix}"]')
    assert not any("vip_prefixes" in problem.text for problem in problems_of(text, tmp_path))


@pytest.mark.parametrize("key", ["sources", "destinations"])
@pytest.mark.parametrize("prefix", NO_SOURCE)
def test_what_is_never_forwarded_is_no_source_and_no_destination(key: str, prefix: str, tmp_path: Path):
    lists = {"sources": "[10.2.0.0/24]", "destinations": "[192.0.2.0/24]"} | {key: f'["{prefix}"]'}
    keys = ", ".join(f"{name}: {value}" for name, value in lists.items())
    pool = f"snat_pools:\n  out: {{{keys}, addresses: {{d1: [10.100.0.9]}}}}\n"
    assert any(f"item 1 of `{key}` is in" in problem.text for problem in problems_of(TEXT + pool, tmp_path))


@pytest.mark.parametrize("address", NO_HOST)
def test_what_is_no_host_is_no_member_and_nothing_of_a_director(address: str, tmp_path: Path):
    for old, new in {
        "address: 10.2.0.101": f'address: ¦"{address}"',
        "    check: ": f'    sorry: {{address: ¦"{address}", port: 80}}\n    check: ',
        D1: f'{D1[:-1]}, inside: [¦"{address}"]}}',
        D1 + "\n": f'{D1[:-1]}, local_addresses: [¦"{address}"]}}\n',
    }.items():
        text, line, column = marked(TEXT, old, new)
        problems = problems_of(text, tmp_path)
        expect(problems, Severity.ERROR, line, column, "")


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1"])
def test_a_member_that_is_each_director_itself_is_a_warning(address: str, tmp_path: Path):
    for old, new in {
        "address: 10.2.0.101": f'address: ¦"{address}"',
        "    check: ": f'    sorry: {{address: ¦"{address}", port: 80}}\n    check: ',
    }.items():
        text, line, column = marked(TEXT, old, new)
        problems = problems_of(text, tmp_path)
        expect(problems, Severity.WARNING, line, column, f"{address} is each director's own address")


@pytest.mark.parametrize("value", [2**31, 3_000_000_000, 2**32 - 1])
@pytest.mark.parametrize("key", ["upper_threshold", "lower_threshold"])
def test_no_threshold_is_above_what_the_kernel_takes(value: int, key: str, tmp_path: Path):
    text, line, column = marked(TEXT, "port: 80}]", f"port: 80, {key}: ¦{value}}}]")
    expect(problems_of(text, tmp_path), Severity.ERROR, line, column, f"`{key}` must be at most 2147483647")
    text = TEXT.replace("port: 80}]", "port: 80, upper_threshold: 2147483647}]")
    assert all(problem.severity is Severity.WARNING for problem in problems_of(text, tmp_path))


@pytest.mark.parametrize(
    "check",
    [
        "{type: icmp, ¦port: 80}",
        "{type: file, ¦port: 80, path: /run/up}",
        "{type: command, ¦port: 80, argv: [/bin/true, x]}",
    ],
)
def test_a_port_that_nothing_is_sent_to_is_a_warning(check: str, tmp_path: Path):
    text, line, column = marked(TEXT, "{type: tcp}", check)
    expect(problems_of(text, tmp_path), Severity.WARNING, line, column, "`port` does nothing in a check of")


@pytest.mark.parametrize(
    "check",
    ["{type: file, port: 80, path: '/run/up-{port}'}", "{type: command, argv: [/bin/true, '{port}']}"],
)
def test_a_port_that_is_used_is_none(check: str, tmp_path: Path):
    assert not any(
        "`port`" in problem.text for problem in problems_of(TEXT.replace("{type: tcp}", check), tmp_path)
    )


def test_a_program_with_its_arguments_in_one_word_is_a_warning(tmp_path: Path):
    text, line, column = marked(TEXT, "{type: tcp}", '{type: command, argv: [¦"/bin/true -x"]}')
    expect(problems_of(text, tmp_path), Severity.WARNING, line, column, "the program is `/bin/true -x`")
