import pytest
from certificates import Authority
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
from clusterlb.model.check import CheckType, SmtpOptions, TlsOptions


@pytest.fixture(scope="module")
def ca(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def pair(ca) -> tuple[str, str]:
    return ca.issue("mail", dns=["mail.example"])


@pytest.fixture(scope="module")
def port(pair):
    with script("smtp_server.py", *pair) as port:
        yield port


PLAIN = SmtpOptions()


def ask(port: int, options: SmtpOptions = PLAIN, timeout: float = 10.0) -> Result:
    return check(CheckType.SMTP, options, port, timeout)


def lines_of(*answers: bytes, heard: list | None = None, then=silent):
    """Greet with the first answer, then give one for each line that comes."""

    def handle(connection) -> None:
        connection.sendall(answers[0])
        for answer in answers[1:]:
            line = connection.recv(1000)
            if heard is not None:
                heard.append(line)
            connection.sendall(answer)
        then(connection)

    return handle


def test_a_real_server_passes(port):
    result = ask(port)
    assert result.ok
    assert result.detail.startswith("ready for mail in ")
    assert [name for name, _ in result.phases] == ["connected", "first byte", "sent", "answered"]


def test_a_real_server_passes_with_starttls_and_its_certificate_verified(port, ca):
    options = TlsOptions(ca=str(ca.file), server_name="mail.example", warn_expiry=365 * 86400)
    result = ask(port, SmtpOptions(starttls=True, tls=options))
    assert result.ok
    assert result.warning.startswith("certificate of mail ends in ")
    assert "tls handshake" in [name for name, _ in result.phases]
    result = ask(port, SmtpOptions(starttls=True, tls=TlsOptions(ca=str(ca.file), server_name="x.example")))
    assert (result.ok, result.detail) == (False, "the certificate is not for x.example")
    assert ask(port, SmtpOptions(starttls=True)).ok


def test_a_real_server_passes_with_tls_from_the_beginning(pair, ca):
    with script("smtp_server.py", *pair, "at-once") as port:
        assert ask(port, SmtpOptions(tls=TlsOptions(ca=str(ca.file)))).ok
        assert not ask(port, SmtpOptions(starttls=True), timeout=0.3).ok


def test_a_real_server_without_starttls_fails_a_check_that_wants_it():
    with script("smtp_server.py") as port:
        result = ask(port, SmtpOptions(starttls=True))
    assert (result.ok, result.detail) == (False, "the member does not offer STARTTLS")


def test_it_says_no_more_than_it_must():
    heard: list = []
    answers = b"220-mail\r\n220 ready\r\n", b"250-mail\r\n250 SIZE\r\n", b"221 bye\r\n"
    with member(lines_of(*answers, heard=heard)) as port:
        assert ask(port, SmtpOptions(helo="director.example")).ok
    assert heard == [b"EHLO director.example\r\n", b"QUIT\r\n"]


def test_a_server_that_hangs_up_at_quit_passes():
    with member(lines_of(b"220 mail\r\n", b"250 mail\r\n", b"", then=hang_up)) as port:
        assert ask(port).ok


@pytest.mark.parametrize(
    ("answers", "detail"),
    [
        ((b"554 no service for you\r\n",), "the greeting was 554 no service for you"),
        ((b"421 too busy\r\n",), "the greeting was 421 too busy"),
        ((b"220 mail\r\n", b"502 what?\r\n"), "the answer to EHLO was 502 what?"),
        ((b"220-mail\r\n221 mail\r\n",), "a reply that begins with 220 and goes on with 221"),
        ((b"SSH-2.0-OpenSSH\r\n",), "not SMTP: the member said 'SSH-2.0-OpenSSH'"),
        ((b"+OK POP3\r\n",), "not SMTP: the member said '+OK POP3'"),
        ((b"\r\n",), "not SMTP: the member said nothing"),
        ((b"220",), "closed the connection before the greeting"),
        ((b"",), "closed the connection before the greeting"),
        ((b"220 mail\r\n", b"250-mail\r\n"), "closed the connection before the answer to EHLO"),
        ((b"220 " + b"x" * 2100,), "not SMTP: a line of more than 2048 bytes, '220 xxx"),
        ((b"220 " + b"x" * 2100 + b"\r\n",), "not SMTP: a line of more than 2048 bytes, '220 xxx"),
        ((b"220-x\r\n" * 100,), "a reply of more than 100 lines"),
        ((b"554 \x1b[31m\xff\r\n",), "the greeting was 554 ?[31m?"),
    ],
)
def test_what_is_no_mail_server_fails_with_its_reason(answers, detail):
    with member(lines_of(*answers, then=hang_up)) as port:
        result = ask(port)
    assert not result.ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize(
    ("answer", "detail"),
    [
        (b"454 not now\r\n", "the answer to STARTTLS was 454 not now"),
        (b"220 go\r\n250 trust me\r\n", "said '250 trust me\\r\\n' in the clear after agreeing to STARTTLS"),
        (b"220 go\r\nnonsense", "said 'nonsense' in the clear after agreeing to STARTTLS"),
    ],
)
def test_a_starttls_that_goes_wrong_is_explained(answer, detail):
    with member(lines_of(b"220 m\r\n", b"250-m\r\n250 starttls\r\n", answer)) as port:
        result = ask(port, SmtpOptions(starttls=True))
    assert (result.ok, result.detail) == (False, detail)


def test_a_server_that_agrees_to_tls_and_speaks_on_in_the_clear():
    answers = b"220 m\r\n", b"250-m\r\n250 STARTTLS\r\n", b"220 go\r\n", b"502 what is this?\r\n"
    with member(lines_of(*answers)) as port:
        result = ask(port, SmtpOptions(starttls=True))
    assert (result.ok, result.detail) == (False, "not TLS: the member answered '502 what is this?\\r\\n'")


def test_ehlo_is_said_again_in_tls(pair):
    heard: list = []
    inner = lines_of(b"", b"250 m\r\n", b"221 bye\r\n", heard=heard)

    def outer(connection) -> None:
        lines_of(b"220 m\r\n", b"250-m\r\n250 STARTTLS\r\n", b"220 go\r\n", heard=heard, then=lambda _: None)(
            connection
        )
        secured(server_context(*pair), inner)(connection)

    with member(outer) as port:
        assert ask(port, SmtpOptions(helo="d", starttls=True)).ok
    assert heard == [b"EHLO d\r\n", b"STARTTLS\r\n", b"EHLO d\r\n", b"QUIT\r\n"]


@pytest.mark.parametrize(
    ("handler", "awaited"),
    [
        (silent, "the greeting"),
        (dripping(b"220 mail.example ESMTP\r\n", pause=0.1, hear=False), "the greeting"),
        (lines_of(b"220 m\r\n", b"250-m\r\n"), "the answer to EHLO"),
        (lines_of(b"220 m\r\n", b"250 m\r\n", b""), "the answer to QUIT"),
    ],
)
def test_a_slow_server_fails_by_the_total_deadline(handler, awaited):
    with member(handler) as port:
        result = ask(port, timeout=0.4)
    assert (result.ok, result.detail) == (False, f"timed out after 0.4 s waiting for {awaited}")


def test_floods_and_resets():
    with member(flooding(b"", b"x" * 65536, 1000, hear=False)) as port:
        assert ask(port).detail.startswith("not SMTP: a line of more than 2048 bytes, 'xxx")
    with member(reset_after(1, b"220 m\r\n")) as port:
        assert ask(port).detail == "connection reset while waiting for the answer to EHLO"
    with member(saying(b"220 m\r\n250 m\r\n221 bye\r\n", hear=False)) as port:
        assert ask(port).ok  # it does not wait to be asked, and says nothing wrong


def test_the_real_runner_runs_it_again_and_again(port):
    observe_passes(CheckType.SMTP, SmtpOptions(), port)
    observe_passes(CheckType.SMTP, SmtpOptions(starttls=True), port)
