import base64
import secrets
import ssl

import pytest
from certificates import Authority
from stream_members import check, member, saying, secured

from clusterlb.checks.secure import LARGEST_GROUP, Flight
from clusterlb.model.check import CheckType, HttpOptions, TlsOptions

OK = saying(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")


def parameters(bits: int) -> str:
    """Return the PEM of a group; its modulus is odd, and no prime: nobody looks."""
    inner = number(secrets.randbits(bits) | 1 << (bits - 1) | 1) + number(2)
    der = b"\x30" + length(len(inner)) + inner
    text = base64.encodebytes(der).decode()
    return f"-----BEGIN DH PARAMETERS-----\n{text}-----END DH PARAMETERS-----\n"


def number(value: int) -> bytes:
    octets = value.to_bytes(value.bit_length() // 8 + 1, "big")
    return b"\x02" + length(len(octets)) + octets


def length(value: int) -> bytes:
    if value < 128:
        return bytes([value])
    octets = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> tuple[str, str]:
    return Authority(tmp_path_factory.mktemp("ca")).issue("member.example")


def server(pair: tuple[str, str], ciphers: str, bits: int, directory) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(*pair)
    file = directory / "group.pem"
    file.write_text(parameters(bits))
    context.load_dh_params(str(file))
    context.set_ciphers(ciphers)
    return context


@pytest.mark.parametrize(("bits", "ok"), [(2048, True), (LARGEST_GROUP, True), (8192, False), (9984, False)])
def test_a_group_passes_by_its_size(pair, tmp_path, bits, ok):
    # without authentication any key will do, and the group is the same
    context = server(pair, "ADH-AES128-SHA256:@SECLEVEL=0", bits, tmp_path)
    options = HttpOptions(tls=TlsOptions(ciphers="ADH:@SECLEVEL=0"))
    with member(secured(context, OK)) as port:
        result = check(CheckType.HTTPS, options, port)
    assert result.ok == ok, result.detail
    assert ok or result.detail == f"the member's Diffie-Hellman group has {bits} bits, more than 4096"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_what_has_no_group_of_the_members_own_passes(pair, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(*pair)
    with member(secured(context, OK)) as port:
        assert check(CheckType.HTTPS, HttpOptions(), port).ok


@pytest.mark.parametrize("step", [1, 3, 1 << 20])
def test_any_bytes_are_read_without_an_error(step):
    for data in (
        b"\x16\x03\x03\x00\x02\x02\x00" * 50,
        secrets.token_bytes(500),
        b"\x16\x03\x03\x00\x00" * 100,
    ):
        flight = Flight()
        for place in range(0, len(data), step):
            assert flight.feed(data[place : place + step]) == 0
