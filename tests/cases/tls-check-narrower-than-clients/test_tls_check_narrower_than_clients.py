import datetime
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from stream_members import check, member, saying, secured, silent

from clusterlb.checks.probe import Result
from clusterlb.model.check import CheckType, HttpOptions, TlsOptions

# A ServerHello of TLS 1.2 without the extension of RFC 5746: version, random, no session, a cipher of ours
HELLO = b"\3\3" + bytes(32) + b"\0\xc0\x2f\0"
NOT_SECURE = b"\x16\3\3" + (len(HELLO) + 4).to_bytes(2, "big") + b"\2" + len(HELLO).to_bytes(3, "big") + HELLO


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[str, str]:
    """Return the files of a certificate with an RSA key, and of the key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "www.example.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(1))
        .not_valid_after(now + datetime.timedelta(30))
        .sign(key, hashes.SHA256())
    )
    directory = tmp_path_factory.mktemp("rsa")
    (directory / "cert").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (directory / "key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
    )
    return str(directory / "cert"), str(directory / "key")


def server(pair: tuple[str, str], ciphers: str = "", alpn: str = "") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*pair)
    if ciphers:
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
    if alpn:
        context.set_alpn_protocols([alpn])
    return context


def ask(port: int, **options) -> Result:
    return check(CheckType.HTTPS, HttpOptions(tls=TlsOptions(**options)), port, 5.0)


OK = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


@pytest.mark.parametrize("ciphers", ["AES128-GCM-SHA256", "AES128-SHA", "ECDHE-RSA-AES128-SHA"])
@pytest.mark.parametrize("verified", [False, True])
def test_what_clients_can_use_passes(pair, ciphers, verified):
    options = {"ca": pair[0], "server_name": "www.example.com"} if verified else {}
    with member(secured(server(pair, ciphers), OK)) as port:
        result = ask(port, **options)
    assert result.ok, result.detail


def test_no_cipher_in_common_is_said_beside_the_other_cause(pair):
    with member(secured(server(pair, "AES128-SHA"), OK)) as port:
        result = ask(port, ciphers="ECDHE+AESGCM")
    assert (result.ok, result.detail) == (
        False,
        (
            "the member refused the TLS handshake: no cipher suite in common with the director, or a "
            "client certificate is required"
        ),
    )


def test_an_alert_without_a_name_is_found_in_the_text():
    alert = b"\x15\3\3\0\2\2\x78"  # RFC 7301, 3.2: no_application_protocol, 120
    with member(saying(alert)) as port:
        assert ask(port).detail == "the member does not speak http/1.1 (ALPN)"


def test_a_member_without_secure_renegotiation_is_named_and_can_be_taken():
    with member(saying(NOT_SECURE, then=silent)) as port:
        assert ask(port).detail == (
            "the member does not know secure renegotiation; if clients take it: `legacy_renegotiation: true`"
        )
        result = check(CheckType.TLS, TlsOptions(legacy_renegotiation=True), port, 0.3)
    assert result.detail == "timed out after 0.3 s waiting for the TLS handshake"  # its certificate is next
