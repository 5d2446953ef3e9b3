import pytest
from certificates import Authority
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import StreamEnded
from real_servers import script
from stream_members import (
    check,
    dripping,
    flooding,
    hang_up,
    member,
    observe_passes,
    reset_after,
    saying,
    secured,
    server_context,
    silent,
)

from clusterlb.checks.probe import Result
from clusterlb.model.check import CheckType, GrpcOptions, TlsOptions

HEADERS = [(":status", "200"), ("content-type", "application/grpc")]
SETTINGS = bytes.fromhex("000000040000000000")
SERVING = b"\0\0\0\0\2\x08\x01"


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca) -> tuple[str, str]:
    return ca.issue("grpc", dns=["grpc.example"])


@pytest.fixture(scope="module")
def port():
    with script("grpc_server.py") as port:
        yield port


PLAIN = GrpcOptions()


def ask(port: int, options: GrpcOptions = PLAIN, timeout: float = 10.0) -> Result:
    return check(CheckType.GRPC, options, port, timeout)


def served(answer, heard: list | None = None, then=silent):
    """Speak HTTP/2 until the call has come, then let ``answer`` act on the connection."""

    def handle(connection) -> None:
        http = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
        http.initiate_connection()
        connection.sendall(http.data_to_send())
        while data := connection.recv(65536):
            events = http.receive_data(data)
            if heard is not None:
                heard.extend(events)
            if any(isinstance(event, StreamEnded) for event in events):
                answer(http)
                connection.sendall(http.data_to_send())
                then(connection)

    return handle


def answering(headers=HEADERS, body: bytes = SERVING, trailers=(("grpc-status", "0"),)):
    def answer(http: H2Connection) -> None:
        http.send_headers(1, headers)
        http.send_data(1, body)
        http.send_headers(1, trailers, end_stream=True)

    return answer


@pytest.mark.parametrize(
    ("service", "ok", "detail"),
    [
        ("", True, "gRPC health SERVING in "),
        ("up", True, "gRPC health SERVING in "),
        ("down", False, "gRPC health NOT_SERVING"),
        ("odd", False, "gRPC health 99"),
        ("who", False, "the health service knows no service 'who' (NOT_FOUND)"),
        ("angry", False, "gRPC status UNAVAILABLE: database is away: 100%"),
    ],
)
def test_a_real_server_answers_for_its_services(port, service, ok, detail):
    result = ask(port, GrpcOptions(service=service))
    assert result.ok == ok
    assert result.detail.startswith(detail)
    assert [name for name, _ in result.phases] == ["connected", "sent", "first byte", "answered"]


def test_a_real_server_without_a_health_service():
    with script("grpc_server.py", "none") as port:
        result = ask(port)
    wanted = "the member has no health service, grpc.health.v1.Health (UNIMPLEMENTED)"
    assert (result.ok, result.detail) == (False, wanted)


def test_a_real_server_over_tls(pair, ca):
    with script("grpc_server.py", *pair) as port:
        tls = TlsOptions(ca=str(ca.file), server_name="grpc.example", warn_expiry=365 * 86400)
        result = ask(port, GrpcOptions(tls=tls))
        assert result.ok
        assert result.warning.startswith("certificate of grpc ends in ")
        assert not ask(port, GrpcOptions(), timeout=2).ok
    with script("grpc_server.py") as port:
        result = ask(port, GrpcOptions(tls=TlsOptions()), timeout=2)
        assert not result.ok


def test_a_long_name_of_a_service_is_asked_for():
    heard: list = []
    with member(served(answering(), heard)) as port:
        assert ask(port, GrpcOptions(service="x" * 300, authority="a.example")).ok
    data = next(event.data for event in heard if hasattr(event, "data"))
    # compressed 0, length 303; field 1 as bytes, length 300 as a varint
    assert data == b"\0\0\0\1\x2f\x0a\xac\x02" + b"x" * 300
    headers = dict(next(event.headers for event in heard if hasattr(event, "headers")))
    assert headers == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": "a.example",
        "te": "trailers",
        "content-type": "application/grpc",
        "user-agent": "clusterlb",
        "grpc-timeout": "10000m",
    }


@pytest.mark.parametrize(
    ("answer", "ok", "detail"),
    [
        (answering(body=b"\0\0\0\0\2\x08\x01"), True, "gRPC health SERVING"),
        (answering(body=b"\0\0\0\0\0"), False, "gRPC health UNKNOWN"),
        (answering(body=b"\0\0\0\0\2\x08\x03"), False, "gRPC health SERVICE_UNKNOWN"),
        # an unknown field first, and the last occurrence counts
        (answering(body=b"\0\0\0\0\x08\x12\2hi\x08\x02\x08\x01"), True, "gRPC health SERVING"),
        (answering(body=b""), False, "broken gRPC message: nothing"),
        (answering(body=b"\0\0\0\0\3\x08\x01"), False, "broken gRPC message: "),
        (answering(body=b"\0\0\0\0\1\x08"), False, "broken HealthCheckResponse: '\\x08'"),
        (answering(body=b"\0\0\0\0\2\x0b\x01"), False, "broken HealthCheckResponse: "),
        (answering(body=b"\0\0\0\0\2\x12\x05"), False, "broken HealthCheckResponse: "),
        (answering(body=b"\0\0\0\0\x0c\x08" + b"\xff" * 11), False, "broken HealthCheckResponse: "),
        (answering(body=b"\1\0\0\0\2\x08\x01"), False, "a compressed gRPC message, which was not asked for"),
        (answering(body=b"x" * 5000), False, "not a health check's answer: more than 4096 bytes"),
        (answering(trailers=(("x", "y"),)), False, "the call ended without a grpc-status"),
        (answering(trailers=(("grpc-status", "16"),)), False, "gRPC status UNAUTHENTICATED"),
        (
            answering(trailers=(("grpc-status", "77"), ("grpc-message", "a%0Ab"))),
            False,
            "gRPC status 77: a?b",
        ),
        (answering(headers=[(":status", "404")]), False, "not gRPC: HTTP 404"),
        (answering(headers=[(":status", "200")]), False, "not gRPC: content-type missing"),
        (
            answering(headers=[(":status", "200"), ("content-type", "text/html")]),
            False,
            "not gRPC: content-type",
        ),
        (
            lambda http: http.reset_stream(1, ErrorCodes.REFUSED_STREAM),
            False,
            "the member reset the call: REF",
        ),
        (
            lambda http: http.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, b"too_many_pings"),
            False,
            "the member sent GOAWAY: ENHANCE_YOUR_CALM, too_many_pings",
        ),
        (
            lambda http: http.close_connection(last_stream_id=0),
            False,
            "the member sent GOAWAY: NO_ERROR",
        ),
    ],
)
def test_what_a_member_answers_is_judged_and_explained(answer, ok, detail):
    with member(served(answer)) as port:
        result = ask(port)
    assert result.ok == ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(
    ("handler", "detail"),
    [
        (
            saying(b"HTTP/1.1 400 Bad Request\r\n\r\n", then=hang_up),
            "not HTTP/2: the member answered 'HTTP/1.1 400",
        ),
        (saying(b"SSH-2.0-OpenSSH_9\r\n", hear=False), "not HTTP/2: the member answered 'SSH-2.0"),
        (hang_up, "closed the connection; still to come: an answer"),
        (saying(SETTINGS, then=hang_up), "closed the connection; still to come: the headers of the answer"),
        (saying(SETTINGS, bytes.fromhex("00000100000000000178")), "broken HTTP/2: "),
        (saying(SETTINGS, bytes.fromhex("000001010400000001ff")), "broken HTTP/2: "),
        (flooding(b"", SETTINGS * 1000, 1000), "sent more than 262144 bytes; still waiting for the headers"),
        # one byte of CONTINUATION after another, and no end of the headers
        (
            flooding(
                SETTINGS + bytes.fromhex("00000101000000000188"), bytes.fromhex("00000109000000000188"), 1000
            ),
            "broken HTTP/2: ",
        ),
        (reset_after(1), "connection reset while waiting for an answer"),
        (reset_after(1, SETTINGS), "connection reset while waiting for "),
    ],
)
def test_what_is_no_answer_fails_with_its_reason(handler, detail):
    with member(handler) as port:
        result = ask(port)
    assert not result.ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(
    ("handler", "awaited"),
    [
        (silent, "an answer"),
        (dripping(SETTINGS * 1000, pause=0.02), "the headers of the answer"),
        (saying(SETTINGS), "the headers of the answer"),
        (served(lambda http: http.send_headers(1, HEADERS)), "the end of the answer"),
    ],
)
def test_a_slow_answer_fails_by_the_total_deadline(handler, awaited):
    with member(handler) as port:
        result = ask(port, timeout=0.5)
    assert (result.ok, result.detail) == (False, f"timed out after 0.5 s waiting for {awaited}")


@pytest.mark.parametrize(
    ("alpn", "detail"),
    [
        ("", "the member did not agree to HTTP/2 in the TLS handshake (ALPN h2)"),
        ("h2", "gRPC health SERVING in "),
    ],
)
def test_http2_has_to_be_agreed_on_in_the_handshake(pair, alpn, detail):
    with member(secured(server_context(*pair, alpn=alpn), served(answering()))) as port:
        result = ask(port, GrpcOptions(tls=TlsOptions()))
    assert result.detail.startswith(detail)


def test_the_real_runner_runs_it_again_and_again(port):
    observe_passes(CheckType.GRPC, GrpcOptions(service="up"), port)
