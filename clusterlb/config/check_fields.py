"""The kinds of values that checks have.

These fields bound what a check sends: a request's head has no line break, a program has an absolute path, and
a pattern is short enough to be searched for every other second.
"""

from __future__ import annotations

import difflib
import re
import ssl
from collections.abc import Callable, Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainSerializer, ValidationError, WithJsonSchema, WrapValidator
from pydantic_core import InitErrorDetails

from clusterlb.config.fields import STRING, Checked, refuse, text_of
from clusterlb.pattern import PatternError, compile_pattern

LONGEST_PATTERN = 1000  # characters
LONGEST_SENT = 65507  # bytes, as many as a datagram over IPv4 carries
LONGEST_PATH = 4095  # bytes, PATH_MAX in include/uapi/linux/limits.h without its NUL

_TCHAR = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"  # RFC 9110, 5.6.2
_RANGE = re.compile(r"([1-5][0-9]{2})-([1-5][0-9]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_OWN_HEADERS = frozenset(("connection", "content-length", "host", "transfer-encoding"))


def matching(pattern: str, text: str, hint: str) -> Checked:
    """Return a field of text that matches a whole pattern; ``text`` is the error for other text."""
    compiled = re.compile(pattern)

    def parse(value: object) -> str:
        if not compiled.fullmatch(text_of(value)):
            raise refuse(text, hint)
        return text_of(value)

    return Checked(parse, {**STRING, "pattern": f"^(?:{pattern})$"})


def parse_pattern(value: object) -> str:
    """Return a regular expression that RE2 searches for in linear time."""
    text = text_of(value)
    if len(text) > LONGEST_PATTERN:
        raise refuse(f"is a pattern of more than {LONGEST_PATTERN} characters", "a short one says as much")
    try:
        compile_pattern(text)
    except PatternError as error:
        raise refuse("is not a regular expression that can be searched for", str(error)) from None
    return text


def parse_record_pattern(value: object) -> str:
    """Return a regular expression for a DNS record's data in the form of a zone file, which is ASCII."""
    text = parse_pattern(value)
    if not text.isascii():
        raise refuse("has characters beyond ASCII", r"a record's are written as \\195\\188, byte by byte")
    return text


def parse_sent(value: object) -> str:
    """Return text whose characters are bytes, U+0000 to U+00FF."""
    text = text_of(value)
    if len(text) > LONGEST_SENT:
        raise refuse(f"is more than {LONGEST_SENT} bytes to send", "a probe sends one short question")
    if max(text, default="") > "\xff":
        raise refuse("has characters above U+00FF", 'each is one byte: write UTF-8 as "\\xc3\\xa9"')
    return text


def parse_status(value: object) -> tuple[int, int]:
    """Return the inclusive range of ``200`` or ``200-299``."""
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return value, value
    match = _RANGE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise refuse("needs a status code from 100 to 599, or a range", "write for example 200 or 200-299")
    low, high = int(match[1]), int(match[2])
    if low > high:
        raise refuse("is an empty range", f"write {high}-{low}")
    return low, high


def status_text(status: Iterable[tuple[int, int]]) -> list[str]:
    """Write ranges as ``parse_status`` reads them."""
    return [f"{low}-{high}" for low, high in status]


def parse_header_name(value: object) -> str:
    """Return the name of an additional header; the headers that the check itself writes are refused."""
    text = text_of(value)
    if not re.fullmatch(f"{_TCHAR}{{1,256}}", text):
        raise refuse("is not a header's name", "letters, digits and hyphens (RFC 9110, 5.1)")
    if text.lower() in _OWN_HEADERS:
        hint = "write the key `host` beside `headers`" if text.lower() == "host" else "remove it"
        raise refuse("is a header that the check writes itself", hint)
    return text


def parse_path(value: object) -> str:
    """Return the absolute path of a file."""
    text = text_of(value)
    if not text.startswith("/"):
        raise refuse("is not an absolute path", "write it from the root: /usr/local/bin/check-disk")
    return _printable(text)


def parse_optional_path(value: object) -> str:
    """Return the absolute path of a file, or empty text for none."""
    return parse_path(value) if text_of(value) else ""


def parse_ca(value: object) -> str:
    """Return the source of trusted certificates: a file, ``system``, or empty text for none."""
    text = text_of(value)
    if text in ("", "system"):
        return text
    if not text.startswith("/"):
        raise refuse("is neither `system` nor an absolute path", "write for example /etc/ssl/our-ca.pem")
    return _printable(text)


def parse_ciphers(value: object) -> str:
    """Return a list of cipher suites; OpenSSL has to know at least one of them."""
    text = text_of(value)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).set_ciphers(text)
    except (ssl.SSLError, ValueError):
        raise refuse("names no cipher suite of OpenSSL's", "write for example DEFAULT@SECLEVEL=1") from None
    return text


def parse_argument(value: object) -> str:
    """Return one argument of a program."""
    text = text_of(value)
    if len(text) > LONGEST_PATH or "\0" in text:
        raise refuse("cannot be an argument", f"at most {LONGEST_PATH} characters, none of them U+0000")
    return text


def parse_record(value: object) -> str:
    """Return the name of a DNS record type for a query."""
    from dns import rdatatype  # noqa: PLC0415 - only inventories with DNS checks pay for it

    types = {name: kind for name, kind in rdatatype.RdataType.__members__.items() if kind.value}
    return _named(
        value, [name for name in types if not rdatatype.is_metatype(types[name])], "record type", "AAAA"
    )


def parse_rcode(value: object) -> str:
    """Return the name of a DNS response code."""
    from dns import rcode  # noqa: PLC0415 - only inventories with DNS checks pay for it

    return _named(value, list(rcode.Rcode.__members__), "response code", "NXDOMAIN")


def _named(value: object, names: list[str], what: str, example: str) -> str:
    text = text_of(value).upper()
    if text not in names:
        close = difflib.get_close_matches(text[:30], names, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"write for example `{example}`"
        raise refuse(f"is not a DNS {what}", hint)
    return text


def _printable(path: str) -> str:
    if len(path) > LONGEST_PATH or _CONTROL.search(path):
        raise refuse("cannot be a path", f"at most {LONGEST_PATH} characters, no control characters")
    return path


def _status_list(value: Any, handler: Callable[[Any], Any]) -> Any:
    return handler(value) if isinstance(value, list) else [parse_status(value)]


def _program_first(argv: list[str]) -> list[str]:
    if not argv[0].startswith("/"):
        error = refuse("is not an absolute path", "a program is not searched for: /usr/local/bin/check-disk")
        raise ValidationError.from_exception_data(
            "argv", [InitErrorDetails(type=error, loc=(0,), input=argv[0])]
        )
    return argv


_STATUS: dict[str, Any] = {
    "anyOf": [
        {"type": "integer", "minimum": 100, "maximum": 599},
        {"type": "string", "pattern": f"^{_RANGE.pattern}$"},
    ]
}
_PATH = {**STRING, "pattern": "^/", "maxLength": LONGEST_PATH}

Pattern = Annotated[str, Checked(parse_pattern, {**STRING, "format": "regex", "maxLength": LONGEST_PATTERN})]
RecordPattern = Annotated[
    str, Checked(parse_record_pattern, {**STRING, "format": "regex", "maxLength": LONGEST_PATTERN})
]
Sent = Annotated[str, Checked(parse_sent, {**STRING, "maxLength": LONGEST_SENT})]
Status = Annotated[
    list[Annotated[tuple[int, int], Checked(parse_status, _STATUS)]],
    Field(min_length=1, max_length=64),
    WrapValidator(_status_list),
    PlainSerializer(status_text),
    WithJsonSchema({"anyOf": [*_STATUS["anyOf"], {"type": "array", "minItems": 1, "items": _STATUS}]}),
]
Method = Annotated[
    str,
    matching(
        f"(?!CONNECT$){_TCHAR}{{1,32}}",
        "is not an HTTP method of a check",
        "one word such as GET or HEAD (RFC 9110, 9.1); CONNECT asks for a tunnel, not for an answer",
    ),
]
RequestPath = Annotated[
    str,
    matching(
        r"/[!-~]{0,4000}",
        "is not a request's path",
        "it begins with `/` and has no spaces; write other characters as %C3%A9",
    ),
]
Host = Annotated[
    str,
    matching(r"[0-9A-Za-z._:\[\]-]{0,255}", "is not a host", "a name or an address, with or without `:port`"),
]
Helo = Annotated[
    str, matching(r"[0-9A-Za-z._:\[\]-]{1,255}", "is not a host", "the name that this director gives itself")
]
ServerName = Annotated[
    str,
    matching(
        r"[0-9A-Za-z._:-]{0,253}",
        "is not a name that a certificate can have",
        "a host name or an address; write others in their xn-- form",
    ),
]
HeaderName = Annotated[str, Checked(parse_header_name, {**STRING, "pattern": f"^{_TCHAR}{{1,256}}$"})]
AnyHeaderName = Annotated[
    str,
    matching(f"{_TCHAR}{{0,256}}", "is not a header's name", "letters, digits and hyphens (RFC 9110, 5.1)"),
]
HeaderValue = Annotated[
    str,
    matching(
        r"(?:[!-~\u0080-\u00ff](?:[\t -~\u0080-\u00ff]{0,4094}[!-~\u0080-\u00ff])?)?",
        "cannot be a header's value",
        "one line of characters up to U+00FF, without white space at its ends (RFC 9110, 5.5)",
    ),
]
Digest = Annotated[
    str,
    matching(
        r"(?:[0-9A-Fa-f]{64}|[0-9A-Fa-f]{32})?",
        "is not a digest",
        "64 hexadecimal digits as sha256sum prints them, or the 32 of keepalived's MD5",
    ),
    AfterValidator(str.lower),
]
DnsName = Annotated[
    str,
    matching(
        r"\.|(?=.{1,253}\.?$)(?:[0-9A-Za-z_*/-]{1,63}\.)*[0-9A-Za-z_*/-]{1,63}\.?",
        "is not a DNS name",
        "labels of 1 to 63 characters with dots between them; `.` is the root",
    ),
]
Record = Annotated[str, Checked(parse_record, {**STRING, "examples": ["NS", "A", "AAAA", "SOA"]})]
Rcode = Annotated[str, Checked(parse_rcode, {**STRING, "examples": ["NOERROR", "NXDOMAIN"]})]
GrpcService = Annotated[
    str, matching(r"[!-~]{0,255}", "is not a gRPC service's name", "such as helloworld.Greeter")
]
Path = Annotated[str, Checked(parse_path, _PATH)]
OptionalPath = Annotated[str, Checked(parse_optional_path, {**STRING, "pattern": "^(/.*)?$"})]
Ca = Annotated[str, Checked(parse_ca, {**STRING, "pattern": "^(system|/.*)?$"})]
Ciphers = Annotated[str, Checked(parse_ciphers, {**STRING, "examples": ["DEFAULT", "DEFAULT@SECLEVEL=1"]})]
Argv = Annotated[
    list[Annotated[str, Checked(parse_argument, STRING)]],
    Field(min_length=1, max_length=64),
    AfterValidator(_program_first),
]
