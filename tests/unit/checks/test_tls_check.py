import os
import socket
import ssl
import time
from pathlib import Path

import pytest
from certificates import DAY, Authority
from probing import make_key
from stream_members import (
    check,
    dripping,
    flooding,
    hang_up,
    member,
    observe_passes,
    reset,
    reset_after,
    saying,
    secured,
    server_context,
    silent,
)

from clusterlb.checks import tls
from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.model.check import CheckType, SmtpOptions, TcpOptions, TlsOptions


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="module")
def good(authority) -> tuple[str, str]:
    return authority.issue("member.example", dns=["member.example"])


@pytest.fixture
def port(good):
    with member(secured(server_context(*good))) as port:
        yield port


def shake(port: int, options: TlsOptions, timeout: float = 10.0) -> Result:
    return check(CheckType.TLS, options, port, timeout)


def unsent(options: TlsOptions) -> str:
    probe = make_probe(make_key(CheckType.TLS, options, port=9))
    try:
        with pytest.raises(UnsentError) as caught:
            probe.start()
    finally:
        probe.close()
    assert not caught.value.scarce
    return caught.value.name


def test_a_handshake_passes_and_says_the_version(port):
    result = shake(port, TlsOptions())
    assert result.ok
    assert result.detail.startswith("connected in ")
    assert result.detail.endswith("ms, TLSv1.3")
    assert [name for name, _ in result.phases] == ["connected", "tls handshake", "answered"]


def test_an_older_version_passes_without_more_ado(good):
    context = server_context(*good)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with member(secured(context)) as port:
        assert shake(port, TlsOptions()).detail.endswith("TLSv1.2")


def test_a_member_without_tickets_confirms_by_its_own_close(good):
    context = server_context(*good)
    context.num_tickets = 0

    def answer_the_close(connection: ssl.SSLSocket) -> None:
        assert connection.recv(10) == b""
        connection.unwrap()

    with member(secured(context, answer_the_close)) as port:
        result = shake(port, TlsOptions())
    assert result.ok
    assert result.detail.endswith("TLSv1.3")


def test_a_member_that_greets_first_confirms_by_that(good):
    context = server_context(*good)
    context.num_tickets = 0
    with member(secured(context, saying(b"* OK IMAP4rev1\r\n", hear=False))) as port:
        assert shake(port, TlsOptions()).ok


def test_a_member_that_never_confirms_fails(good):
    context = server_context(*good)
    context.num_tickets = 0
    with member(secured(context, lambda _: time.sleep(1.5))) as port:
        result = shake(port, TlsOptions(), timeout=0.5)
    assert result.detail == "timed out after 0.5 s waiting for the member to confirm the TLS handshake"
    assert not result.ok


def test_verified_by_address_and_by_name(port, authority):
    names: list = []
    assert shake(port, TlsOptions(ca=str(authority.file))).ok
    assert shake(port, TlsOptions(ca=str(authority.file), server_name="member.example")).ok
    assert names == []


def test_the_name_is_asked_for_and_an_address_is_not(good):
    names: list = []
    with member(secured(server_context(*good), names=names)) as port:
        assert shake(port, TlsOptions(server_name="other.example")).ok
        assert shake(port, TlsOptions()).ok
    assert names == ["other.example", None]


def test_ipv6_is_verified_by_address(authority):
    pair = authority.issue("six", addresses=["::1"])
    with member(secured(server_context(*pair)), "::1") as port:
        assert check(CheckType.TLS, TlsOptions(ca=str(authority.file)), port, address="::1").ok


def test_the_hosts_own_authorities(port, authority, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.file))  # as OpenSSL and ssl read it
    assert shake(port, TlsOptions(ca="system")).ok


def test_what_is_wrong_with_a_certificate_is_said(authority, tmp_path, monkeypatch):
    ca = str(authority.file)
    other = str(Authority(tmp_path, "Other CA").file)
    monkeypatch.setenv("SSL_CERT_FILE", other)
    issue = authority.issue
    cases = [
        (issue("old", end=-1), TlsOptions(ca=ca), "the certificate has expired"),
        (issue("early", begin=DAY), TlsOptions(ca=ca), "the certificate is not valid yet"),
        (
            issue("elsewhere", addresses=["192.0.2.1"]),
            TlsOptions(ca=ca),
            "the certificate is not for 127.0.0.1",
        ),
        (issue("x"), TlsOptions(ca=ca, server_name="y.example"), "the certificate is not for y.example"),
        (issue("self", self_signed=True), TlsOptions(ca=ca), "the certificate is self-signed"),
        (
            issue("stranger"),
            TlsOptions(ca=other),
            f"the certificate's issuer is not among {other}, or the member sends no intermediate certificate",
        ),
        (
            issue("private"),
            TlsOptions(ca="system"),
            (
                "the certificate's issuer is not among the host's CA certificates, "
                "or the member sends no intermediate certificate"
            ),
        ),
    ]
    for pair, options, detail in cases:
        with member(secured(server_context(*pair))) as port:
            result = shake(port, options)
            assert (result.ok, result.detail) == (False, detail)
            assert [name for name, _ in result.phases] == ["connected"]
            # None of it matters to a check that does not verify.
            assert shake(port, TlsOptions()).ok


def test_a_client_certificate_is_shown_and_its_absence_refused_in_both_versions(authority, good):
    client = authority.issue("client")
    for version, missing in (
        (ssl.TLSVersion.TLSv1_3, "the member requires a client certificate"),
        (
            ssl.TLSVersion.TLSv1_2,
            (
                "the member refused the TLS handshake: no cipher suite in common with the director, or a "
                "client certificate is required"
            ),
        ),
    ):
        for tickets in (2, 0):
            context = server_context(*good, client_ca=str(authority.file))
            context.maximum_version = version
            context.num_tickets = tickets
            with member(secured(context, hang_up)) as port:
                assert shake(port, TlsOptions(certificate=client[0], key=client[1])).ok
                result = shake(port, TlsOptions())
                assert (result.ok, result.detail) == (False, missing)


def test_a_client_certificate_that_the_member_does_not_trust(authority, good, tmp_path):
    certificate, key = Authority(tmp_path, "Other CA").issue("client")
    with member(secured(server_context(*good, client_ca=str(authority.file)), hang_up)) as port:
        result = shake(port, TlsOptions(certificate=certificate, key=key))
    assert not result.ok
    assert result.detail == "the member does not trust the client certificate's issuer"


@pytest.mark.parametrize(
    ("handler", "detail"),
    [
        (
            saying(b"SSH-2.0-OpenSSH_9.2\r\n", hear=False),
            "not TLS: the member answered 'SSH-2.0-OpenSSH_9.2\\r\\n'",
        ),
        (
            saying(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            "not TLS: the member answered 'HTTP/1.1 400 Bad Request",
        ),
        (saying(b"\x16SMTP"), "not TLS: the member answered '\\x16SMTP'"),
        (saying(b"\0" * 100), "not TLS: the member answered '\\x00"),
        # RFC 8446, 6: alert, version, length 2, fatal, and what it is about
        (
            saying(bytes.fromhex("15030100020246")),
            "the member speaks no TLS version that this director accepts (1.2 and 1.3)",
        ),
        (saying(bytes.fromhex("15030300020270")), "the member does not serve the name 127.0.0.1 (SNI)"),
        (saying(bytes.fromhex("15030300020250")), "the member refused the TLS handshake: internal error"),
        (saying(bytes.fromhex("1603030004deadbeef")), "the TLS handshake failed: "),
        (hang_up, "closed the connection in the TLS handshake"),
        (saying(bytes.fromhex("16030300"), then=hang_up), "closed the connection in the TLS handshake"),
        (reset, "connection reset"),
        (reset_after(1), "connection reset while waiting for the TLS handshake"),
        (
            flooding(bytes.fromhex("16030300040b000000"), b"\x16\x03\x03\x40\x00" + bytes(16384), 100),
            "the TLS hand",
        ),
    ],
)
def test_what_is_no_handshake_fails_with_its_reason(handler, detail):
    with member(handler) as port:
        result = shake(port, TlsOptions())
    assert not result.ok
    assert result.detail.startswith(detail)


@pytest.mark.parametrize("handler", [silent, dripping(bytes.fromhex("160303400002003ffc0303") + b"x" * 9999)])
def test_a_slow_handshake_fails_by_the_total_deadline(handler):
    with member(handler) as port:
        result = shake(port, TlsOptions(), timeout=0.3)
    assert (result.ok, result.detail) == (False, "timed out after 0.3 s waiting for the TLS handshake")


@pytest.mark.parametrize(
    ("end", "within", "warning"),
    [
        (5.2 * DAY, 7 * DAY, "certificate of soon ends in 5.2 days ("),
        (-3 * DAY, 7 * DAY, "certificate of soon ended 3.0 days ago ("),
        (30 * DAY, 7 * DAY, ""),
        (5.2 * DAY, 0.0, ""),
    ],
)
def test_a_certificate_near_its_end_warns_even_unverified(authority, end, within, warning):
    pair = authority.issue("soon", begin=-10 * DAY, end=end + 60)
    with member(secured(server_context(*pair))) as port:
        result = shake(port, TlsOptions(warn_expiry=within))
    assert result.ok
    assert result.warning.startswith(warning)
    assert bool(result.warning) == bool(warning)
    date = time.strftime("%Y-%m-%d", time.gmtime(time.time() + end))
    assert not warning or date in result.warning


def test_a_certificate_that_cannot_be_read_is_said_so():
    assert tls.expiry_warning(b"\x30\x00", DAY, "x") == "certificate of x cannot be read: its end is unknown"


def test_tls_under_a_dialogue(good):
    def echo(connection: socket.socket) -> None:
        while data := connection.recv(100):
            connection.sendall(data[::-1])

    with member(secured(server_context(*good), echo)) as port:
        result = check(CheckType.TCP, TcpOptions(send="abc", expect="^cba$", tls=TlsOptions()), port)
    assert result.ok
    assert [name for name, _ in result.phases] == [
        "connected", "tls handshake", "sent", "first byte", "answered",
    ]  # fmt: skip


def test_a_failure_amid_the_dialogue_is_told_and_nothing_more_is_said(good):
    # In one packet: a greeting in TLS, and a record that is not TLS (TLS 1.2: nothing else is in between).
    def break_off(connection: ssl.SSLSocket) -> None:
        raw = socket.socket(fileno=os.dup(connection.fileno()))
        with raw:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 1)
            connection.sendall(b"220 mail\r\n")
            raw.sendall(b"rubbish that is no TLS record at all")
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_CORK, 0)
            silent(raw)

    with member(secured(server_context(*good), break_off)) as port:
        result = check(CheckType.SMTP, SmtpOptions(tls=TlsOptions()), port)
    assert not result.ok
    assert result.detail.startswith("the TLS connection failed: ")


def test_a_large_answer_arrives_whole_through_tls(good):
    handler = saying(b"x" * 16000, b"yes")
    with member(secured(server_context(*good), handler)) as port:
        assert check(CheckType.TCP, TcpOptions(send="?", expect="yes$", tls=TlsOptions()), port).ok


def test_sending_alone_over_tls_waits_until_the_member_has_taken_our_side(authority, good):
    options = TcpOptions(send="hello", tls=TlsOptions())
    with member(secured(server_context(*good, client_ca=str(authority.file)), hang_up)) as port:
        result = check(CheckType.TCP, options, port)
        assert (result.ok, result.detail) == (False, "the member requires a client certificate")
    with member(secured(server_context(*good))) as port:
        assert check(CheckType.TCP, options, port).ok


def test_a_missing_or_useless_file_of_ours_is_no_result_and_named(tmp_path, authority, good):
    missing = str(tmp_path / "gone.pem")
    junk = tmp_path / "junk.pem"
    junk.write_text("no certificate")
    other_key = authority.issue("other")[1]
    assert unsent(TlsOptions(ca=missing)) == f"ENOENT {missing}"
    assert unsent(TlsOptions(certificate=missing)) == f"ENOENT {missing}"
    assert unsent(TlsOptions(certificate=good[0], key=missing)) == f"ENOENT {missing}"
    assert unsent(TlsOptions(ca=str(tmp_path))) == f"EISDIR {tmp_path}"
    assert unsent(TlsOptions(ca=str(junk))).startswith(f"EINVAL {junk}: ")
    assert unsent(TlsOptions(certificate=good[0], key=other_key)).startswith(
        f"EINVAL {good[0]}, {other_key}: "
    )
    assert unsent(TlsOptions(certificate=good[0])).startswith(f"EINVAL {good[0]}, ")
    assert unsent(TlsOptions(server_name=".example")) == "EINVAL server_name .example"


def test_a_host_without_a_store_of_its_own_is_no_result(monkeypatch):
    nothing = ssl.DefaultVerifyPaths(None, None, "", "", "", "")
    monkeypatch.setattr(ssl, "get_default_verify_paths", lambda: nothing)
    assert unsent(TlsOptions(ca="system")) == "ENOENT the host's CA certificates"


def test_an_encrypted_key_is_no_result_and_asks_nobody(tmp_path, authority, good):
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(Path(good[1]).read_bytes(), None)
    locked = tmp_path / "locked.key"
    locked.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    assert unsent(TlsOptions(certificate=good[0], key=str(locked))).startswith("EINVAL ")


def test_a_context_is_made_once_and_again_when_a_file_changes(tmp_path, authority):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.file.read_bytes())
    options = TlsOptions(ca=str(ca))
    first = tls.context_for(options)
    assert tls.context_for(TlsOptions(ca=str(ca), server_name="other", warn_expiry=9)) is first
    assert tls.context_for(options, "h2") is not first
    os.utime(ca, ns=(1, 1))
    assert tls.context_for(options) is not first


def test_a_new_authority_is_trusted_as_soon_as_it_is_there(tmp_path, authority, port):
    ca = tmp_path / "ca.pem"
    ca.write_bytes(Authority(tmp_path, "Old CA").file.read_bytes())
    assert not shake(port, TlsOptions(ca=str(ca))).ok
    ca.write_bytes(authority.file.read_bytes())
    os.utime(ca, ns=(2, 2))
    assert shake(port, TlsOptions(ca=str(ca))).ok


def test_the_real_runner_runs_it_again_and_again(port):
    observe_passes(CheckType.TLS, TlsOptions(), port)
