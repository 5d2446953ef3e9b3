"""Every parser of the checks over TCP: any bytes end in a result or a wait, however they are cut."""

import contextlib
import ssl
from collections.abc import Callable
from ipaddress import ip_address
from itertools import pairwise

import pytest
from certificates import Authority
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded
from hypothesis import given
from hypothesis import strategies as st
from stream_members import server_context

from clusterlb.checks.dialogue import Dialogue, Secure, excerpt, plain
from clusterlb.checks.exchange import Exchange
from clusterlb.checks.grpc import GrpcDialogue, bytes_field, last_varint
from clusterlb.checks.http import HttpDialogue
from clusterlb.checks.probe import Result
from clusterlb.checks.secure import SecureLayer
from clusterlb.checks.smtp import LINES_LIMIT, ReplyError, ReplyReader, SmtpDialogue
from clusterlb.checks.tls import expiry_warning, not_tls
from clusterlb.model.check import GrpcOptions, HttpOptions, SmtpOptions, TlsOptions

HTTP = HttpOptions(body="well", weight_header="X-Weight", body_limit=1000)
SPEAKERS: dict[str, Callable[[], Dialogue]] = {
    "tcp": lambda: Exchange("hello", "^\\+OK"),
    "http": lambda: HttpDialogue(HTTP, "member"),
    "smtp": lambda: SmtpDialogue(SmtpOptions()),
    "starttls": lambda: SmtpDialogue(SmtpOptions(starttls=True)),
    "grpc": lambda: GrpcDialogue(GrpcOptions("up"), "member", 1.0),
}


def grpc_answer() -> bytes:
    server = H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    events = server.receive_data(GrpcDialogue(GrpcOptions("up"), "member", 1.0).begin())
    assert any(isinstance(event, StreamEnded) for event in events)
    server.send_headers(1, [(":status", "200"), ("content-type", "application/grpc")])
    server.send_data(1, b"\0\0\0\0\2\x08\x01")
    server.send_headers(1, [("grpc-status", "0")], end_stream=True)
    return server.data_to_send()


ANSWERS = {
    "tcp": b"+OK ready\r\n",
    "http": (
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nX-Weight: 40\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n6\r\nall is\r\n5\r\n well\r\n0\r\nTrailer: x\r\n\r\n"
    ),
    "smtp": b"220-mail\r\n220 ready\r\n250-mail\r\n250 SIZE\r\n221 bye\r\n",
    "starttls": b"220 mail\r\n250-mail\r\n250-SIZE\r\n250 STARTTLS\r\n220 go\r\n",
    "grpc": grpc_answer(),
}


def hear(dialogue: Dialogue, parts: list[bytes]) -> Result | Secure:
    """Give a dialogue the parts, and the end of the connection after them."""
    assert isinstance(dialogue.begin(), bytes)
    for part in parts:
        answer = dialogue.receive(part)
        if not isinstance(answer, bytes):
            return answer
        assert isinstance(dialogue.awaits, str)
    return dialogue.end_of_file()


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[begin:end] for begin, end in pairwise(edges)]


places = st.lists(st.integers(0, 10_000), max_size=20)
speaker = pytest.mark.parametrize("name", SPEAKERS)


@speaker
def test_a_valid_answer_passes_byte_by_byte_too(name):
    whole = hear(SPEAKERS[name](), [ANSWERS[name]])
    assert whole is Secure.START_TLS or whole.ok
    assert hear(SPEAKERS[name](), [bytes([byte]) for byte in ANSWERS[name]]) == whole


@speaker
@given(where=places)
def test_a_valid_answer_means_the_same_however_it_is_cut(name, where):
    assert hear(SPEAKERS[name](), cut(ANSWERS[name], where)) == hear(SPEAKERS[name](), [ANSWERS[name]])


@speaker
@given(parts=st.lists(st.binary(min_size=1, max_size=300), max_size=10))
def test_any_bytes_come_to_a_failure_and_never_to_an_error(name, parts):
    result = hear(SPEAKERS[name](), parts)
    assert isinstance(result, Result)
    # Not even hypothesis writes a whole answer by chance, but for these three bytes.
    assert result.ok == (name == "tcp" and b"".join(parts).startswith(b"+OK"))
    assert result.detail.isprintable()


@speaker
@given(data=st.data())
def test_a_damaged_answer_comes_to_a_result_and_never_to_an_error(name, data):
    answer = bytearray(ANSWERS[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(answer)))
        answer[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=5))
    result = hear(SPEAKERS[name](), cut(bytes(answer), data.draw(places)))
    assert result is Secure.START_TLS or result.detail.isprintable()


@speaker
@given(data=st.data())
def test_a_shortened_answer_never_passes_before_its_verdict_is_certain(name, data):
    end = data.draw(st.integers(0, len(ANSWERS[name]) - 1))
    result = hear(SPEAKERS[name](), [ANSWERS[name][:end]] if end else [])
    assert isinstance(result, Result)
    if name == "tcp":
        assert result.ok == (end >= len(b"+OK"))
    elif name == "smtp":
        # After the answer to EHLO, a member may hang up at QUIT.
        assert result.ok == (end == len(ANSWERS[name]) - len(b"221 bye\r\n"))
    else:
        assert not result.ok


@given(body=st.binary(max_size=1500), where=places, chunk=st.integers(1, 200), chunked=st.booleans())
def test_a_body_is_the_same_in_any_framing(body, where, chunk, chunked):
    if chunked:
        parts = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        framed = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"
        head = b"Transfer-Encoding: chunked\r\n\r\n"
    else:
        framed, head = body, b"Content-Length: %d\r\n\r\n" % len(body)
    result = hear(HttpDialogue(HTTP, "member"), cut(b"HTTP/1.1 200 OK\r\n" + head + framed, where))
    assert isinstance(result, Result)
    assert result.ok == (b"well" in body[:1000])


REPLIES = st.from_regex(rb"([2-5][0-9]{2}[ -][ -~]{0,9}\r\n){1,9}", fullmatch=True)
reply_line = st.from_regex(rb"[ -~]{0,30}", fullmatch=True)


@given(
    replies=st.lists(
        st.tuples(st.integers(200, 599), st.lists(reply_line, min_size=1, max_size=5)), max_size=5
    ),
    where=places,
)
def test_written_replies_are_read_back(replies, where):
    written = b""
    for code, lines in replies:
        for number, line in enumerate(lines):
            written += b"%d%s%s\r\n" % (code, b" " if number == len(lines) - 1 else b"-", line)
    reader = ReplyReader()
    read = []
    for part in cut(written, where):
        reader.feed(part)
        while (reply := reader.next()) is not None:
            read.append(reply)
    assert [(reply.code, len(reply.lines)) for reply in read] == [
        (code, len(lines)) for code, lines in replies
    ]
    assert [text for reply in read for text in reply.lines] == [
        line.decode().strip() for _, lines in replies for line in lines
    ]
    assert reader.rest == b""


@given(parts=st.lists(st.binary(max_size=3000) | REPLIES, max_size=10))
def test_a_reply_reader_holds_a_bounded_amount(parts):
    reader = ReplyReader()
    with contextlib.suppress(ReplyError):
        for part in parts:
            reader.feed(part)
            while (reply := reader.next()) is not None:
                assert 1 <= len(reply.lines) <= LINES_LIMIT
            assert len(reader.rest) <= 2048


@given(
    st.binary(max_size=100),
    st.integers(0, 2**64 - 1),
    st.integers(2, 1000),
    st.sampled_from([b"", b"\x11" + bytes(8)]),
)
def test_an_enum_is_found_among_other_fields(other, value, number, fixed):
    def varint(rest: int) -> bytes:
        return bytes([rest & 0x7F | 0x80]) + varint(rest >> 7) if rest > 0x7F else bytes([rest])

    message = bytes_field(number, other) + fixed + b"\x08" + varint(value) + bytes_field(number, other)
    assert last_varint(message, 1) == value
    assert last_varint(message, number + 1) == 0


@given(st.binary(max_size=50))
def test_any_message_is_a_number_or_a_value_error(message):
    with contextlib.suppress(ValueError):
        assert last_varint(message, 1) >= 0


@given(st.binary(max_size=200))
def test_what_a_member_sent_is_shown_on_one_printable_line(data):
    assert excerpt(data).isprintable()
    assert plain(data).isascii()
    assert plain(data).isprintable()
    assert len(plain(data)) <= 83


@given(st.binary(max_size=200))
def test_any_certificate_is_warned_of_or_not(der):
    assert expiry_warning(der, 1.0, "x").isprintable()
    assert not_tls(der) in (True, False)


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> ssl.SSLContext:
    return server_context(*Authority(tmp_path_factory.mktemp("ca")).issue("member"))


def talk(
    server: ssl.SSLContext, change: Callable[[bytes], list[bytes]]
) -> tuple[SecureLayer, bytes, Result | None]:
    """Shake hands with a server whose every flight passes through ``change``; it greets afterwards."""
    layer = SecureLayer(TlsOptions(), ip_address("127.0.0.1"), "")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    member = server.wrap_bio(incoming, outgoing, server_side=True)
    heard, failure, greeted = b"", None, False
    layer.receive(b"")
    for _ in range(10):
        incoming.write(layer.take())
        with contextlib.suppress(ssl.SSLError):
            member.do_handshake()
            if not greeted:
                greeted = True
                member.write(b"220 mail.example\r\n")
        for part in change(outgoing.read()):
            plain, failure = layer.receive(part)
            heard += plain
            if failure is not None:
                return layer, heard, failure
    return layer, heard, None


@given(where=places)
def test_a_handshake_means_the_same_however_it_is_cut(server, where):
    layer, heard, failure = talk(server, lambda flight: cut(flight, where) if flight else [])
    assert (heard, failure) == (b"220 mail.example\r\n", None)
    assert layer.ready
    assert layer.confirmed


@given(place=st.integers(0, 10_000), flip=st.integers(1, 255))
def test_a_damaged_handshake_comes_to_a_result_and_never_to_a_false_word(server, place, flip):
    def damage(flight: bytes) -> list[bytes]:
        if not flight:
            return []
        at = place % len(flight)
        return [flight[:at] + bytes([flight[at] ^ flip]) + flight[at + 1 :]]

    _, heard, failure = talk(server, damage)
    assert heard in (b"", b"220 mail.example\r\n")  # a record's version, for one, does not matter
    assert failure is None or (not failure.ok and failure.detail.isprintable())


@given(parts=st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=5), record=st.booleans())
def test_any_bytes_are_no_handshake(parts, record):
    layer = SecureLayer(TlsOptions(), ip_address("127.0.0.1"), "")
    layer.receive(b"")
    for part in [b"\x16\x03\x03", *parts] if record else parts:
        plain, failure = layer.receive(part)
        assert plain == b""
        assert not layer.ready
        if failure is not None:
            assert failure.detail.isprintable()
            break
