"""Checks in the file: where each mistake is, and what is said of it. The sign ¦ marks the place."""

from __future__ import annotations

from pathlib import Path

import pytest
from problem_marks import expect, marked, problems_of

from clusterlb.config.load import Severity

BASE = """\
cluster: {name: c, vip_prefixes: [10.100.0.0/24]}
directors: {d1: {router_id: 10.1.0.1, uplinks: [e0]}}
pools:
  web:
    members:
      - {address: 10.2.0.1, port: 80, weight: 4}
      - {address: 10.2.0.2, port: 80}
    check: {}
vips: {10.100.0.1: {services: [{protocol: tcp, port: 80, pool: web}]}}
"""
ERRORS = {
    # keys of the kind
    "unknown key": ("{type: http, ¦pth: /}", "unknown key `pth`", "did you mean `path`?"),
    "key of another kind": ("{type: udp, ¦path: /}", "unknown key `path`", "one of: type, interval"),
    "key without type": ("{¦path: /}", "unknown key `path`", "one of: type, interval"),
    "nested unknown key": (
        "{type: tcp, tls: {¦sever_name: a}}",
        "unknown key `sever_name`",
        "did you mean `s",
    ),
    "missing argv": ("¦check: {type: command}", "`argv` is missing", "Absolute path of the program"),
    "missing path": ("¦check: {type: file}", "`path` is missing", "Absolute path of the file"),
    "near type": ("{type: ¦htp}", "`type` may not be the text `htp`", "did you mean `http`?"),
    "far type": (
        "{type: ¦ldap, path: /}",
        "`type` may not be the text `ldap`",
        "one of: tcp, http, https, tls, udp, dns, icmp, smtp, grpc, file, command",
    ),
    "type that is a list": ("{type: ¦[tcp]}", "`type` may not be a list", "one of"),
    "type that is null": ("{type: ¦null}", "`type` may not be empty (null)", "one of"),
    "text for a check": (
        "check: ¦http",
        "`check` needs a mapping, but is the text",
        "write `check: {type: http}`",
    ),
    "text for a list": ("checks: ¦http", "`checks` needs a list", "write it as a list: [{type: http}]"),
    "https without tls": ("{type: https, tls: ¦null}", "`tls` needs a mapping", ""),
    "starttls": ("{type: smtp, starttls: ¦yes}", "`starttls` needs true or false", "YAML 1.2 knows no other"),
    # values
    "expect": ("{expect: ¦'a('}", "`expect` is not a regular expression", "missing ): a(: a backslash"),
    "endless counts": (
        "{expect: ¦'a{99999999999}'}",
        "`expect` is not a regular expression",
        "{99999999999}: counts go up to 1000",
    ),
    "counts of counts": (
        "{expect: ¦'(a{100}){100}'}",
        "`expect` is not a regular",
        "invalid repetition size",
    ),
    "look-ahead": (
        "{expect: ¦'^(?!a)'}",
        "`expect` is not a regular",
        "invalid perl operator: (?!: there is",
    ),
    "look-behind": (
        "{expect: ¦'(?<=a)b'}",
        "`expect` is not a regular",
        "invalid perl operator: (?<=: there",
    ),
    "back-reference": ("{expect: ¦'(a)\\1'}", "`expect` is not a regular", "invalid escape sequence"),
    "named reference": ("{expect: ¦'(?P<n>a)(?P=n)'}", "`expect` is not a regular", "invalid perl operator"),
    "possessive": ("{expect: ¦'a++'}", "`expect` is not a regular", "bad repetition operator"),
    "count from nothing": ("{expect: ¦'a{,5}'}", "`expect` is not a regular", "write {0,5} for {,5}"),
    "long pattern": ("{expect: ¦" + "a" * 1001 + "}", "`expect` is a pattern of more than 1000", ""),
    "body": (
        "{type: http, body: ¦'[z-a]'}",
        "`body` is not a regular expression",
        "invalid character class range",
    ),
    "answer": (
        "{type: dns, answer: ¦'*'}",
        "`answer` is not a regular expression",
        "no argument for repetition operator",
    ),
    "send": ("{type: udp, send: ¦a→}", "`send` has characters above U+00FF", "each is one byte"),
    "digest": ("{type: http, digest: ¦abc}", "`digest` is not a digest: `abc`", "64 hexadecimal"),
    "status": ("{type: http, status: ¦99}", "`status` needs a status code from 100 to 599", "write for"),
    "status in a list": ("{type: http, status: [200, ¦600]}", "item 2 of `status` needs a status code", ""),
    "empty range": (
        "{type: http, status: [¦299-200]}",
        "item 1 of `status` is an empty range",
        "write 200-299",
    ),
    "status true": ("{type: http, status: ¦true}", "`status` needs a status code", ""),
    "no status": ("{type: http, status: ¦[]}", "`status` is empty", "Status codes that pass"),
    "tunnel": ("{type: http, method: ¦CONNECT}", "`method` is not an HTTP method of a check", "one word"),
    "method": ("{type: http, method: ¦GET /}", "`method` is not an HTTP method of a check", "one word"),
    "header name": ("{type: http, headers: {¦'X Y': a}}", "`X Y` is not a header's name", "letters, digits"),
    "own header": ("{type: http, headers: {¦Host: a}}", "`Host` is a header that the check writes", "write"),
    "header value": (
        '{type: http, headers: {X: ¦"a\\r\\nY: b"}}',
        "`X` cannot be a header's value",
        "one line",
    ),
    "header number": (
        "{type: http, headers: {X: ¦1}}",
        "`X` needs text",
        "put it in quotes",
    ),
    "weight header": ("{type: http, weight_header: ¦'a:'}", "`weight_header` is not a header's name", ""),
    "http path": ("{type: http, path: ¦a}", "`path` is not a request's path: `a`", "it begins with `/`"),
    "split path": ('{type: http, path: ¦"/ HTTP/1.0\\r\\n"}', "`path` is not a request's path", ""),
    "host": ('{type: http, host: ¦"a\\n"}', "`host` is not a host", "a name or an address"),
    "body limit": ("{type: http, body_limit: ¦0}", "`body_limit` must be at least 1, but is 0", "Bytes of"),
    "record": (
        "{type: dns, record: ¦AAA}",
        "`record` is not a DNS record type: `AAA`",
        "did you mean `AAAA`?",
    ),
    "meta record": ("{type: dns, record: ¦AXFR}", "`record` is not a DNS record type", ""),
    "rcode": ("{type: dns, rcode: ¦NOERRO}", "`rcode` is not a DNS response code", "did you mean `NOERROR`?"),
    "dns name": ("{type: dns, name: ¦a..b}", "`name` is not a DNS name: `a..b`", "labels of 1 to 63"),
    "size": ("{type: icmp, size: ¦65508}", "`size` must be at most 65507, but is 65508", "Bytes of payload"),
    "relative file": (
        "{type: file, path: ¦a}",
        "`path` is not an absolute path: `a`",
        "write it from the root",
    ),
    "relative command": (
        "{type: command, argv: [¦sh, /c]}",
        "item 1 of `argv` is not an absolute path: `sh`",
        "a program is not searched for",
    ),
    "empty command": ("{type: command, argv: ¦[]}", "`argv` is empty", "Absolute path of the program"),
    "command line": ("{type: command, argv: ¦/bin/c x}", "`argv` needs a list", "write it as a list"),
    "NUL": ('{type: command, argv: [/c, ¦"\\0"]}', "item 2 of `argv` cannot be an argument", ""),
    "ca": ("{tls: {ca: ¦ca.pem}}", "`ca` is neither `system` nor an absolute path: `ca.pem`", "write for"),
    "warn_expiry": (
        "{type: tls, warn_expiry: ¦30}",
        "`warn_expiry` needs a duration",
        "write for example `12h`",
    ),
    "days elsewhere": (
        "{interval: ¦1d}",
        "`interval` needs a duration with its unit",
        "write for example `50ms`",
    ),
    "hold": ("{hold: ¦2h}", "`hold` needs a duration from 0s to 3600s", ""),
    "initial": ("{initial: ¦fit}", "`initial` may not be the text `fit`", "one of: unknown, up, down"),
    # between keys
    "both": (
        "{}\n    ¦checks: [{type: icmp}]",
        "`check` and `checks` exclude each other",
        "move the check at",
    ),
    "ciphers": (
        "{type: tls, ciphers: ¦NONSENSE}",
        "`ciphers` names no cipher suite of OpenSSL's",
        "write for",
    ),
    "second of several": ("checks: [{}, {type: http, ¦pth: /}]", "unknown key `pth`", ""),
    "certificate": ("{tls: {¦certificate: /c}}", "`certificate` without `key`", "a client certificate"),
    "key": ("{type: tls, ¦key: /k}", "`key` without `certificate`", "a client certificate"),
    "icmp via": ("{type: icmp, via: ¦vip}", "`via` may not be the text `vip`", "only `member` is possible"),
    "file via": ("{type: file, path: /a, via: ¦vip}", "`via` may not be the text `vip`", "only `member`"),
    "command via": ("{type: command, argv: [/a], via: ¦vip}", "`via` may not be the text `vip`", "only"),
    "port via": ("{via: vip, port: ¦81}", "`port` with `via: vip`", "remove one of them"),
    "not_body of head": (
        "{type: http, method: HEAD, not_body: ¦a}",
        "`not_body` with `method: HEAD`",
        "write",
    ),
    "interim status": ("{type: http, status: ¦[100, 102-103]}", "no answer can pass: `status`", "write for"),
    "101 without upgrade": (
        "{type: http, status: ¦101}",
        "no answer can pass",
        "101 is an answer to `headers",
    ),
    "answer beyond ASCII": (
        "{type: dns, answer: ¦zurück}",
        "`answer` has characters beyond ASCII",
        "a record's",
    ),
    "slow pattern": (
        "{type: http, body: ¦'[ab]*a[ab]{900}c'}",
        "`body` can take too long on 65536 bytes: it comes to 907 steps for each",
        "shorten it, above all its counts, or lower `body_limit`",
    ),
    "slow pattern of tcp": (
        "{expect: ¦'((a?){100}){10}((b?){100}){10}'}",
        "`expect` can take too long on 16384",
        "s",
    ),
    "slow pattern of udp": (
        "{type: udp, expect: ¦'a{0,600}b'}",
        "`expect` can take too long on 65507",
        "shorten",
    ),
    "address via": ("{via: vip, address: ¦10.2.0.9}", "`address` with `via: vip`", "remove one of them"),
    "head": ("{type: http, method: HEAD, body: ¦a}", "`body` with `method: HEAD`", "write `method: GET`"),
}


@pytest.mark.parametrize(
    ("text", "problem", "hint"), [pytest.param(*case, id=name) for name, case in ERRORS.items()]
)
def test_an_error_of_a_check(text: str, problem: str, hint: str, tmp_path: Path) -> None:
    content, line, column = marked(BASE, "check: {}", f"check: {text}" if text.startswith("{") else text)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, problem, hint)
    assert len(problems) == 1


def test_an_error_of_a_members_check(tmp_path: Path) -> None:
    new = "2, port: 80, checks: [{}, {type: https, tls: {¦keyy: /a}}]}"
    content, line, column = marked(BASE, "2, port: 80}", new)
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.ERROR, line, column, "unknown key `keyy`", "did you mean `key`?")
    assert len(problems) == 1


def test_a_timeout_longer_than_the_interval(tmp_path: Path) -> None:
    content, line, column = marked(BASE, "check: {}", "checks: [{}, {type: icmp, timeout: ¦3s}]")
    problems = problems_of(content, tmp_path)
    expect(problems, Severity.WARNING, line, column, "check `timeout` is 3s, longer than `interval`, 2s")
    assert len(problems) == 1


def test_an_address_for_all_members(tmp_path: Path) -> None:
    content, line, column = marked(BASE, "check: {}", "check: {address: ¦10.2.0.9}")
    problems = problems_of(content, tmp_path)
    text = "all members of pool `web` are checked at 10.2.0.9, and go down together"
    expect(problems, Severity.WARNING, line, column, text, "write the check at each member")
    assert len(problems) == 1


def test_members_that_all_have_their_own_checks_need_none_of_the_pool(tmp_path: Path) -> None:
    text = (
        BASE.replace("    check: {}\n", "")
        .replace("4}", "4, check: {}}")
        .replace("2, port: 80}", "2, port: 80, check: null}")
    )
    assert problems_of(text, tmp_path) == ()
    assert [problem.text for problem in problems_of(text.replace(", check: null", ""), tmp_path)] == [
        "pool `web` has no check: its members always count as UP"
    ]


@pytest.mark.parametrize("value", ['"Bearer top-secret\\n"', "'top secret, →'", "[top-secret]"])
@pytest.mark.parametrize("name", ["Authorization", "Proxy-Authorization", "cookie"])
def test_a_secret_header_is_never_repeated(name: str, value: str, tmp_path: Path) -> None:
    text = BASE.replace("check: {}", f"check: {{type: http, headers: {{{name}: {value}}}}}")
    (problem,) = problems_of(text, tmp_path)
    assert name in problem.text
    assert "secret" not in f"{problem.text} {problem.hint} {problem.source}"
