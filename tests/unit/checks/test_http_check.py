import hashlib
import socket
from ipaddress import ip_address

import pytest
from certificates import Authority
from probing import make_key
from real_servers import nginx
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

from clusterlb.checks.http import HttpDialogue, authority
from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.model.address import Endpoint
from clusterlb.model.check import CheckType, HttpOptions, TlsOptions

CHUNKED = "grüße aus dem Rechenzentrum\n" * 2000
BIG = 200_000_000
OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def ports(ca, tmp_path_factory):
    root = tmp_path_factory.mktemp("nginx")
    (root / "chunked.html").write_text(CHUNKED)
    with (root / "big").open("wb") as big:
        big.truncate(BIG)
    with nginx(root, *ca.issue("web", dns=["www.example"])) as ports:
        yield ports


def get(port: int, timeout: float = 10.0, **options) -> Result:
    return check(CheckType.HTTP, HttpOptions(**options), port, timeout)


def names(result: Result) -> list[str]:
    return [name for name, _ in result.phases]


def test_a_status_in_range_passes_without_reading_the_body(ports):
    result = get(ports[0], path="/big")
    assert result.ok
    assert result.detail.startswith("HTTP 200 in ")
    assert names(result) == ["connected", "sent", "first byte", "answered"]


@pytest.mark.parametrize(
    ("path", "status", "ok", "detail"),
    [
        ("/down", ((200, 299),), False, "HTTP 503 Service Temporarily Unavailable, not 200-299"),
        ("/down", ((200, 299), (503, 503)), True, "HTTP 503 in "),
        ("/elsewhere", ((200, 200), (204, 299)), False, "HTTP 301 Moved Permanently, not 200, 204-299"),
        ("/nowhere", ((200, 299),), False, "HTTP 404 Not Found, not 200-299"),
    ],
)
def test_the_status_decides(ports, path, status, ok, detail):
    result = get(ports[0], path=path, status=status)
    assert result.ok == ok
    assert result.detail.startswith(detail)


def test_the_request_is_the_operators(ports):
    default = "127.0.0.1 clusterlb  GET"
    assert get(ports[0], path="/host", body=f"^{default}$").ok
    assert get(
        ports[0],
        path="/host",
        method="POST",
        host="www.example",
        headers=(("X-Probe", "yes"), ("user-agent", "mine")),
        body="^www.example mine yes POST$",
    ).ok
    assert get(ports[0], path="/host", method="HEAD").ok


def test_the_host_names_a_port_that_is_not_usual():
    heard = []

    def handle(connection: socket.socket) -> None:
        heard.append(connection.recv(1000))
        connection.sendall(OK + b"\r\n")

    with member(handle) as port:
        assert get(port).ok
    lines = (
        "GET / HTTP/1.1",
        f"Host: 127.0.0.1:{port}",
        "User-Agent: clusterlb",
        "Connection: close",
        "\r\n",
    )
    assert heard == ["\r\n".join(lines).encode()]
    assert authority(Endpoint(ip_address("2001:db8::1"), 80), 80) == "[2001:db8::1]"
    assert authority(Endpoint(ip_address("fe80::1%eth0"), 81), 80) == "[fe80::1]:81"


@pytest.mark.parametrize(("path", "text"), [("/ok", "all is well"), ("/chunked.html", CHUNKED)])
def test_the_body_is_searched_and_hashed(ports, path, text):
    body = text.encode()
    limit = 1_000_000
    assert get(ports[0], path=path, body=text[-8:].strip() + "\n?$", body_limit=limit).ok
    assert get(ports[0], path=path, digest=hashlib.sha256(body).hexdigest().upper(), body_limit=limit).ok
    result = get(ports[0], path=path, body="maintenance", body_limit=limit)
    assert not result.ok
    assert result.detail.startswith("no match for 'maintenance' in the body: '")
    md5 = hashlib.md5(body).hexdigest()
    assert get(ports[0], path=path, digest=md5, body_limit=limit).ok
    result = get(ports[0], path=path, digest="0" * 32, body_limit=limit)
    assert result.detail == f"the MD5 of the body is {md5}, not {'0' * 32}"
    result = get(ports[0], path=path, digest="0" * 64, body_limit=limit)
    wanted = f"the SHA-256 of the body is {hashlib.sha256(body).hexdigest()}, not {'0' * 64}"
    assert (result.ok, result.detail) == (False, wanted)


def test_only_the_first_bytes_of_a_large_body_are_looked_at(ports):
    digest = hashlib.sha256(bytes(1000)).hexdigest()
    assert get(ports[0], path="/big", digest=digest, body_limit=1000).ok
    result = get(ports[0], path="/big", body="x", body_limit=1000)
    assert result.detail.startswith("no match for 'x' in the first 1000 bytes: '\\x00")
    assert get(ports[0], path="/chunked.html", body_limit=10, body="^.{10}$").ok


def test_a_pattern_for_an_absence_sees_the_whole_body():
    parts = OK + b"Content-Length: 10\r\n\r\n", b"fine", b" ERROR"
    with member(saying(*parts)) as port:
        assert not get(port, not_body="ERROR").ok


@pytest.mark.parametrize(
    ("header", "share", "warning"),
    [
        (b"X-Weight: 0\r\n", 0, ""),
        (b"x-weight:  100 \r\n", 100, ""),
        (b"", None, "no header X-Weight in the answer: the weight stays"),
        (b"X-Weight: 101\r\n", None, "header X-Weight holds '101', not 0 to 100: the weight stays"),
        (b"X-Weight: -1\r\n", None, "header X-Weight holds '-1', not 0 to 100: the weight stays"),
        (b"X-Weight: 50%\r\n", None, "header X-Weight holds '50%', not 0 to 100: the weight stays"),
        (
            b"X-Weight: 1\r\nX-Weight: 2\r\n",
            None,
            "header X-Weight holds '1, 2', not 0 to 100: the weight stays",
        ),
        (b"X-Weight:\r\n", None, "header X-Weight holds nothing, not 0 to 100: the weight stays"),
    ],
)
def test_a_share_comes_from_a_header_and_a_bad_one_only_warns(header, share, warning):
    with member(saying(OK + header + b"\r\n")) as port:
        result = get(port, weight_header="X-Weight")
    assert (result.ok, result.share, result.warning) == (True, share, warning)


def test_a_share_by_nginx(ports):
    assert get(ports[0], path="/weight", weight_header="x-weight").share == 37


def test_https_verifies_what_it_is_told_to(ports, ca):
    def ask(tls: TlsOptions | None) -> Result:
        return check(CheckType.HTTPS, HttpOptions(path="/host", body="^", tls=tls), ports[1])

    assert ask(None).ok
    result = ask(TlsOptions(ca=str(ca.file), server_name="www.example", warn_expiry=365 * 86400))
    assert result.ok
    assert result.warning.startswith("certificate of web ends in ")
    assert result.detail.startswith("HTTP 200 in ")
    assert names(result) == ["connected", "tls handshake", "sent", "first byte", "answered"]
    assert ask(TlsOptions(ca=str(ca.file), server_name="x.example")).detail == (
        "the certificate is not for x.example"
    )


def test_the_server_name_is_the_default_host(ports):
    options = HttpOptions(path="/host", body="^www.example ", tls=TlsOptions(server_name="www.example"))
    assert check(CheckType.HTTPS, options, ports[1]).ok


def test_the_wrong_scheme_is_explained(ports):
    result = check(CheckType.HTTPS, HttpOptions(), ports[0])
    assert not result.ok
    assert result.detail.startswith("not TLS: the member answered 'HTTP/1.1 400 Bad Request")
    result = get(ports[1])
    assert (result.ok, result.detail) == (False, "HTTP 400 Bad Request, not 200-299")


def test_both_warnings_are_kept(ca):
    context = server_context(*ca.issue("soon", end=5 * 86400))
    options = HttpOptions(weight_header="W", tls=TlsOptions(warn_expiry=7 * 86400))
    with member(secured(context, saying(OK + b"\r\n"))) as port:
        warning = check(CheckType.HTTPS, options, port).warning
    assert warning.startswith("no header W in the answer: the weight stays; certificate of soon ends in ")


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        ((b"<html>It works!</html>",), "not HTTP/1: the member answered '<html>It works!</html>'"),
        ((b"SSH-2.0-OpenSSH\r\n",), "not HTTP/1: the member answered 'SSH-2.0-OpenSSH\\r\\n'"),
        ((b"HTTP/2 200\r\n\r\n",), "broken answer: "),
        ((b"HTTP/1.1 20x OK\r\n\r\n",), "broken answer: "),
        ((b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",), "broken answer: "),
        ((b"",), "closed the connection without an answer"),
        ((b"HTTP/1.1 200 OK\r\nA: b",), "broken answer: "),
        ((b"HT",), "broken answer: "),
        ((OK + b"Content-Length: 20\r\n\r\nshort",), "broken body after 5 bytes: "),
        ((OK + b"Content-Length: x\r\n\r\n",), "broken answer: "),
        (
            (OK + b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\nzz\r\n"),
            "broken body after 5 bytes: ",
        ),
        ((OK + b"Transfer-Encoding: chunked\r\n\r\n", b"5" * 20000), "broken body after 0 bytes: "),
        ((b"HTTP/1.1 103 Early Hints\r\n\r\n",) * 11, "more than 10 interim answers (1xx) and no final one"),
        ((b"HTTP/1.1 101 Switching Protocols\r\n\r\n",), "broken answer: "),
    ],
)
def test_what_is_no_answer_fails_with_its_reason(answer, detail):
    with member(saying(*answer, then=hang_up)) as port:
        result = get(port, body="anything")
    assert not result.ok
    assert result.detail.startswith(detail)


CODED = b"Transfer-Encoding: gzip, chunked\r\n"
RFC_9112 = [
    # 6.1 and 6.3: the last transfer coding frames the body, and overrides a length
    (OK + CODED + b"\r\n3\r\nyes\r\n0\r\n\r\n", True),
    (OK + b"transfer-encoding: GZIP\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n", True),
    (OK + b"Transfer-Encoding: gzip,\r\n chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n", True),
    (OK + b"Transfer-Encoding: chunked, \r\nContent-Length: 1\r\n\r\n3\r\nyes\r\n0\r\n\r\n", True),
    (OK + b"Transfer-Encoding: gzip\r\nContent-Length: 1\r\n\r\nyes", True),
    (OK + b"Transfer-Encoding: identity\r\n\r\nyes", True),
    (OK + b"Transfer-Encoding: chunked, chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n", False),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n\r\n", True),
    # 6.3: equal lengths are one, others are an error
    (OK + b"Content-Length: 3\r\nContent-Length: 3\r\n\r\nyes", True),
    (OK + b"Content-Length: 3, 3\r\n\r\nyes", True),
    (OK + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nyes", False),
    # 8: a body cut short is no answer, though the pattern is in what came
    (OK + b"Content-Length: 4\r\n\r\nyes", False),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n", False),
    (OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nyes\r\n0\r\n", False),
    (OK + CODED + b"\r\n3\r\nyes\r\n", False),
    # 2.2: a line may end with a line feed alone; an answer begins with its status line
    (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nyes", True),
    (b"\r\n" + OK + b"\r\nyes", False),
    (b"\n" + OK + b"\r\nyes", False),
    (b" " + OK + b"\r\nyes", False),
    # 4, 5.1, 5.2: no reason, no space before the colon, lines that go on
    (b"HTTP/1.1 200\r\n\r\nyes", True),
    (OK + b"A : b\r\n\r\nyes", False),
    (OK + b"A: b\r\n  c\r\n\r\nyes", True),
    (b"http/1.1 200 OK\r\n\r\nyes", False),
]


@pytest.mark.parametrize("step", [1, 1 << 20])
@pytest.mark.parametrize(("answer", "ok"), RFC_9112)
def test_an_answer_is_framed_as_rfc_9112_has_it(answer, ok, step):
    dialogue = HttpDialogue(HttpOptions(body="^yes$"), "member")
    dialogue.begin()
    result = b""
    for place in range(0, len(answer), step):
        result = dialogue.receive(answer[place : place + step])
        if isinstance(result, Result):
            break
    assert (result if isinstance(result, Result) else dialogue.end_of_file()).ok == ok


def test_interim_answers_are_passed_over():
    with member(
        saying(b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" * 9 + OK + b"\r\nyes", then=hang_up)
    ) as port:
        assert get(port, body="^yes$").ok


def test_an_old_server_that_ends_its_body_by_closing_passes():
    with member(saying(b"HTTP/1.0 200\r\n\r\n", b"yes", then=hang_up)) as port:
        assert get(port, body="^yes$").ok


@pytest.mark.parametrize(
    ("handler", "detail"),
    [
        (flooding(OK, b"X-Header: x\r\n" * 1000, 10000), "broken answer: headers of more than 65536 bytes"),
        (flooding(OK + b"X: ", b"x" * 65536, 10000), "broken answer: headers of more than 65536 bytes"),
        (
            flooding(OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * 1_000_000, 1000),
            "no match for 'y' in the first 65536 bytes: 'xxx",
        ),
        (
            flooding(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 10000 + b"\r\nx\r\n", 100000),
            "sent more than 524288 bytes; still waiting for the end of the body (",
        ),
        (reset_after(1), "connection reset while waiting for an answer"),
        (reset_after(1, OK), "connection reset while waiting for "),
    ],
)
def test_floods_and_resets_end_at_once_and_are_explained(handler, detail):
    with member(handler) as port:
        result = get(port, timeout=60.0, body="y")
    assert not result.ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(
    ("handler", "awaited"),
    [
        (silent, "an answer"),
        (dripping(OK * 1000), "the end of the headers; 'H"),
        (saying(OK), "the end of the headers; 'HTTP/1.1 200 OK\\r\\n' came"),
        (dripping(OK + b"\r\n" + b"x" * 1000, pause=0.01), "the end of the body ("),
        (saying(OK + b"Content-Length: 9\r\n\r\nabc"), "the end of the body (3 bytes came)"),
    ],
)
def test_a_slow_answer_fails_by_the_total_deadline(handler, awaited):
    with member(handler) as port:
        result = get(port, timeout=0.8, body="y")
    assert not result.ok
    assert result.detail.startswith(f"timed out after 0.8 s waiting for {awaited}")


@pytest.mark.parametrize(
    "options",
    [
        HttpOptions(path="/with space"),
        HttpOptions(headers=(("Bad Name", "x"),)),
        HttpOptions(headers=(("Name", "x\r\ny"),)),
        HttpOptions(host="健康"),
        HttpOptions(headers=(("Näme", "x"),)),
    ],
)
def test_a_request_that_cannot_be_written_is_no_result(options):
    with member(silent) as port:
        probe = make_probe(make_key(CheckType.HTTP, options, port=port))
        wait = probe.start()
        with pytest.raises(UnsentError) as caught:
            probe.on_event(wait.events, 0.0)
        probe.close()
    assert caught.value.name.startswith("EINVAL request: ")


def test_the_real_runner_runs_both_again_and_again(ports):
    observe_passes(CheckType.HTTP, HttpOptions(path="/ok", body="well"), ports[0])
    observe_passes(CheckType.HTTPS, HttpOptions(path="/ok", body="well"), ports[1])
