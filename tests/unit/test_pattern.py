"""Patterns: what they find, in which bytes, what is refused, and that no text makes a search long."""

import contextlib
import re
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clusterlb.pattern import WORK, PatternError, compile_pattern, too_much


def found(pattern: str, data: bytes) -> bool:
    return compile_pattern(pattern).search(data)


@pytest.mark.parametrize(
    ("pattern", "data", "is_there"),
    [
        ("ok$", b"ok", True),
        ("ok$", b"ok\n", True),
        ("ok$", b"ok\nx", False),
        ("ok$", b"ok\n\n", False),
        (r"ok\Z", b"ok", True),
        (r"ok\Z", b"ok\n", False),
        ("(?m)^ok$", b"x\nok\ny", True),
        ("^ok$", b"x\nok\ny", False),
        (r"5\$", b"5$", True),
        ("[$]", b"$", True),
        (r"[\]$]", b"$", True),
        ("[]$]x", b"]x", True),
        ("[^]$]x", b"]x", False),
        (r"\\$", b"a\\", True),
        ("[[:alpha:]$]", b"$", True),
        (r"\+OK", b"+OK", True),
        (r"\x00\xff", b"\x00\xff", True),
        ("\x00\xff", b"\x00\xff", True),
        ("^.{2}$", "é".encode(), True),  # a byte is a character
        ("(?s)^.*$", bytes(range(256)), True),
        ("(?i)OK", b"ok", True),
        (r"\bok\b", b"not ok.", True),
    ],
)
def test_what_a_pattern_finds(pattern, data, is_there):
    assert found(pattern, data) == is_there


@pytest.mark.parametrize(
    "pattern", ["zurück", "zur[üé]ck", r"zur\u00fcck", r"zur\x{fc}ck", "^er.*ü?zurü.k!$"]
)
@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_characters_beyond_ascii_are_found_in_both_encodings(pattern, encoding):
    assert found(pattern, "er ist zurück!".encode(encoding))
    assert not found(pattern, "er ist zuruck!".encode(encoding))


@pytest.mark.parametrize(
    "pattern", ["健康|ok", "^健康$", "[健康]{2}", r"\u5065\u5eb7", r"\U00005065康", ".{2}$(?:健)?"]
)
def test_characters_that_are_no_byte_are_found_in_utf_8(pattern):
    assert found(pattern, "健康".encode())


def test_what_is_not_utf_8_is_searched_beside_it():
    assert found("健康|ok", b"\xff\xfe ok")
    assert found("健", b"\xe5 \xe5\x81\xa5 \xe5")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(?!a)", "there is no look-ahead: what must not be in a body is written as `not_body`"),
        ("(?=a)", "there is no look-ahead"),
        ("(?<!a)b", "there is no look-behind"),
        (r"(a)\1", "references back"),
        ("(?P<n>a)(?P=n)", "references back"),
        ("(?>a)", "RE2 has no such group"),
        ("(?x) a", "RE2 has no such group"),
        ("(?(1)a|b)", "RE2 has no such group"),
        ("a++", "cannot be repeated again"),
        ("a{,5}", "write {0,5} for {,5}"),
        ("a{1001}", "{1001}: counts go up to 1000"),
        ("a{5,100000}", "counts go up to 1000"),
        ("(a{40}){40}", "counts go up to 1000"),
        ("a(", "missing ): a("),
        ("*", "no argument for repetition"),
        ("[z-a]", "invalid character class range"),
        ("\\", "trailing"),
        (r"\N{DASH}", "RE2 has no such escape"),
        ("\ud800", "half a surrogate pair"),
    ],
)
def test_what_cannot_be_searched_for_is_refused_with_what_to_do(pattern, why):
    with pytest.raises(PatternError, match=re.escape(why)):
        compile_pattern(pattern)


@given(st.text(st.characters(max_codepoint=0x3000), max_size=30))
def test_any_text_is_a_pattern_or_is_refused(text):
    with contextlib.suppress(PatternError):
        compile_pattern(text).search(b"a\xff\n")


LITERALS = st.text(st.sampled_from("ab $^.|()[]*+?\\n"), max_size=12)


@given(
    LITERALS,
    st.binary(max_size=12).map(lambda data: data.translate(bytes(b"ab $n\n.x"[n % 8] for n in range(256)))),
)
def test_a_pattern_of_both_means_the_same_in_both(text, data):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what another Python may read otherwise
            wanted = re.compile(text).search(data.decode("latin-1")) is not None
        here = found(text, data)
    except (re.error, PatternError):
        return  # what one of the two does not have
    if "$" in text.rstrip("$") and re.search(r"\$.*\n", text, re.DOTALL):
        return  # a line feed after the end: found by Python, and written by nobody
    assert here == wanted


# Each of these takes Python's re hours or longer.
EVIL = [
    (r"^(\s*\S+\s*)*healthy$", b"a" * 40),
    (r"status:\s*(\w+\s*)+ok$", b"status: service starting up please wait a moment"),
    ("^(a+)+$", b"a" * 60 + b"!"),
    ("(a|aa)+$", b"a" * 100 + b"!"),
    ("(?:x*)*y", b"x" * 65536),
    (".*.*.*.*healthy", b"a" * 65536),
    (r"\w+: ok", b"a" * 65536),
    ("(.*,){12}P", b"1," * 30000),
]


@pytest.mark.parametrize(("pattern", "data"), EVIL)
def test_no_text_makes_a_search_long(pattern, data):
    assert not too_much(pattern, 65536)
    assert not found(pattern, data)  # it comes back


def test_what_could_take_long_is_known_beforehand():
    assert too_much("[ab]*a[ab]{900}c", 65536)
    assert not too_much("[ab]*a[ab]{900}c", 1000)
    assert not too_much("healthy", 1 << 20)
    assert compile_pattern("a{100}").instructions * 65536 < WORK
    assert not too_much('"state": *"(ok|up|healthy)"', 1 << 20)
