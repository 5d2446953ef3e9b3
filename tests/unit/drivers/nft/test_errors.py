"""What nft 1.0.6 said on Linux 6.18, and what becomes of it."""

import pytest

from clusterlb.drivers.nft import errors

SCRIPT = """table inet clusterlb
delete table inet clusterlb
table inet clusterlb {
  chain a {
    ip saddr foo bar;
  }
}
"""


def test_a_mistake_is_quoted_with_its_place():
    said = (
        "/dev/stdin:5:21-21: Error: syntax error, unexpected semicolon\n"
        "    ip saddr foo bar;\n"
        "                    ^\n"
    )
    assert errors.meaning("load our table", 1, said, SCRIPT) == (
        "cannot load our table: syntax error, unexpected semicolon, at ';' of 'ip saddr foo bar;' (line 5)"
    )


def test_of_many_errors_some_are_shown():
    said = "".join(f"/dev/stdin:{n}:1-2: Error: no {n}\n" for n in range(1, 9))
    shown = errors.meaning("load", 1, said, SCRIPT)
    assert "no 3" in shown
    assert "no 4" not in shown
    assert shown.endswith("and 5 more")


@pytest.mark.parametrize(
    ("line", "place", "text", "hint"),
    [
        (
            "ip saddr 10.0.0.1 queue num 3",
            "19-23",
            "No such file or directory; did you mean chain 'loaded'",
            "nft_queue",
        ),
        (
            "snat to jhash ip saddr mod 4",
            "1-28",
            "Could not process rule: No such file or directory",
            "nft_hash and nft_nat",
        ),
        (
            "type nat hook postrouting",
            "6-8",
            "Could not process rule: No such file or directory",
            "nft_chain_nat",
        ),
        (
            "type nat hook postrouting",
            "6-8",
            "Could not process rule: Operation not supported",
            "nft_chain_nat",
        ),
        ("chain a {", "7-7", "Could not process rule: Operation not supported", "modprobe nf_tables"),
        ("10.0.0.9 . 80", "1-13", "Could not process rule: No such file or directory", "no such key"),
        ("10.0.0.9 : 5", "1-12", "Could not process rule: File exists", "another value"),
        ("10.0.0.9", "1-8", "Could not process rule: Too many open files in system", "full"),
    ],
)
def test_what_to_do_is_said(line, place, text, hint):
    said = f"/dev/stdin:1:{place}: Error: {text}\n{line}\n^^^^\n"
    assert hint in errors.meaning("load", 1, said, line)


def test_what_nft_guesses_is_kept_where_it_helps():
    said = "/dev/stdin:1:1-5: Error: No such file or directory; did you mean set 'marks' in table\n"
    assert "did you mean set 'marks'" in errors.meaning("load", 1, said, "@mark")


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("netlink: Error: cache initialization failed: Operation not permitted\n", "CAP_NET_ADMIN"),
        (
            "Operation not permitted (you must be root)\nnetlink: Error: cache: Operation not permitted\n",
            "CAP_NET_ADMIN",
        ),
        ("netlink: Error: cache initialization failed: Protocol not supported\n", "modprobe nf_tables"),
        (
            "internal:0:0-0: Error: Unable to initialize Netlink socket: Protocol not supported\n",
            "modprobe nf_tables",
        ),
        ("something else\n", "something else"),
        ("", "nft ended with 1"),
    ],
)
def test_without_a_place_in_the_script(said, hint):
    assert hint in errors.meaning("read our table", 1, said)


def test_a_long_line_is_cut():
    said = "/dev/stdin:1:1-5: Error: no\n"
    assert len(errors.meaning("load", 1, said, "x" * 9000)) < 400


def test_a_crash():
    assert "signal 11" in errors.meaning("load", -11, "")
