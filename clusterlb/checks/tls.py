"""TLS contexts made from a check's options, and TLS errors in words for an operator."""

from __future__ import annotations

import errno
import os
import re
import ssl
import stat
import time
from dataclasses import replace
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import NamedTuple

from clusterlb.checks.dialogue import excerpt, plain
from clusterlb.checks.handed import held, path_of
from clusterlb.checks.probe import UnsentError
from clusterlb.model.check import TlsOptions

SYSTEM = "system"
DAY = 86400.0
LEGACY_SERVER_CONNECT = 4  # SSL_OP_LEGACY_SERVER_CONNECT, include/openssl/ssl.h; in Python from 3.12 on

# X509_V_ERR_* of include/openssl/x509_vfy.h
_REFUSED = {
    9: "the certificate is not valid yet",
    10: "the certificate has expired",
    18: "the certificate is self-signed",
    19: "the certificate's chain ends in a self-signed CA that is not among {ca}",
    20: "the certificate's issuer is not among {ca}, or the member sends no intermediate certificate",
    21: "the certificate's issuer is not among {ca}, or the member sends no intermediate certificate",
    62: "the certificate is not for {name}",
    64: "the certificate is not for {name}",
}

_WEAK = "{reason}, for this director; if clients take the member: `ciphers: DEFAULT@SECLEVEL=1`"

# Parts of OpenSSL's reasons (include/openssl/sslerr.h). An ALERT comes from the member.
_REASONS = (
    ("PROTOCOL_VERSION", "the member speaks no TLS version that this director accepts (1.2 and 1.3)"),
    ("UNSUPPORTED_PROTOCOL", "the member speaks no TLS version that this director accepts (1.2 and 1.3)"),
    ("CERTIFICATE_REQUIRED", "the member requires a client certificate"),
    ("NO_APPLICATION_PROTOCOL", "the member does not speak {alpn} (ALPN)"),
    (
        "UNSAFE_LEGACY_RENEGOTIATION",
        "the member does not know secure renegotiation; if clients take it: `legacy_renegotiation: true`",
    ),
    ("TOO_SMALL", _WEAK),
    ("TOO_WEAK", _WEAK),
    ("INSUFFICIENT_SECURITY", "the member wants stronger cipher suites than the director offers (`ciphers`)"),
    ("NO_CIPHERS_AVAILABLE", "the director offers no cipher suite for the versions it accepts (`ciphers`)"),
    ("UNRECOGNIZED_NAME", "the member does not serve the name {name} (SNI)"),
    ("ALERT_UNKNOWN_CA", "the member does not trust the client certificate's issuer"),
)


# the library's name before OpenSSL's text, and the source line after the text
_AROUND = re.compile(r"^\[[^\]]*\]|\( ?[^()]*:\d+\)$")


class _Loaded(NamedTuple):
    stamp: tuple[tuple[int, int, int], ...]
    context: ssl.SSLContext


_contexts: dict[tuple[TlsOptions, str], _Loaded] = {}


def context_for(options: TlsOptions, alpn: str = "") -> ssl.SSLContext:
    """Return a client's context, cached until one of its files changes.

    Making a context takes milliseconds, and megabytes with the host's CA certificates. Raises UnsentError
    with the name of a file that is missing or unusable: the director's fault, and no verdict.
    """
    files = [*_authorities(options), *filter(None, (options.certificate, options.key))]
    names = (replace(options, server_name="", warn_expiry=0.0), alpn)
    try:
        stamp = tuple(_stamp(file) for file in files)
        kept = _contexts.get(names)
        if kept is None or kept.stamp != stamp:
            kept = _contexts[names] = _Loaded(stamp, _load(options, alpn))
    except OSError as error:
        raise UnsentError(error.errno or 0, str(error.filename or "")) from error
    return kept.context


def server_name(options: TlsOptions, address: IPv4Address | IPv6Address) -> str:
    """Return the name that the certificate must have; unless it is an address, SNI asks for it."""
    return options.server_name or str(address).partition("%")[0]


def explain(error: ssl.SSLError, options: TlsOptions, name: str, alpn: str, head: bytes) -> str:
    """Say why TLS failed; ``head``: the member's first bytes, empty once the handshake is done."""
    ca = "the host's CA certificates" if options.ca == SYSTEM else options.ca
    if isinstance(error, ssl.SSLCertVerificationError):
        known = _REFUSED.get(error.verify_code)
        return known.format(ca=ca, name=name) if known else f"certificate: {plain(error.verify_message)}"
    reason = _reason(error)
    what = "handshake" if head else "connection"
    for part, words in _REASONS:
        if part in reason:
            return words.format(name=name, alpn=alpn, reason=reason.replace("_", " ").lower())
    if "ALERT" in reason:
        words = reason.partition("ALERT_")[2].replace("_", " ").lower()
        if "handshake" in words:
            words = "no cipher suite in common with the director"
            words += "" if options.certificate else ", or a client certificate is required"
        return f"the member refused the TLS {what}: {words}"
    if head and reason == "WRONG_VERSION_NUMBER":
        return f"not TLS: the member answered {excerpt(head)}"
    return f"the TLS {what} failed: {(reason or plain(str(error))).replace('_', ' ').lower()}"


def _reason(error: ssl.SSLError) -> str:
    """Return OpenSSL's symbol of an error; made from OpenSSL's text if Python has no name for the error."""
    if error.reason:
        return error.reason
    text = _AROUND.sub("", error.strerror or str(error))
    return text.strip().upper().replace(" ", "_")


def not_tls(head: bytes) -> bool:
    """Say whether no TLS server begins so: a server sends a handshake or an alert (RFC 8446, 5.1)."""
    return bool(head) and (head[0] not in (21, 22) or head[1:2] not in (b"", b"\x03"))


def expiry_warning(der: bytes, within: float, name: str, now: float | None = None) -> str:
    """Return a warning if the certificate ``der`` ends within so many seconds, or has ended; else "".

    ``now`` is in seconds since 1970.
    """
    subject, end = _subject_and_end(der)
    if not end:
        return f"certificate of {name} cannot be read: its end is unknown"
    left = end - (time.time() if now is None else now)
    if left > within:
        return ""
    verb, days = ("ends in", left) if left >= 0 else ("ended", -left)
    ago = "" if left >= 0 else " ago"
    date = time.strftime("%Y-%m-%d", time.gmtime(end))
    return f"certificate of {subject or name} {verb} {days / DAY:.1f} days{ago} ({date})"


@lru_cache(maxsize=1024)
def _subject_and_end(der: bytes) -> tuple[str, float]:
    """Return the common name or first DNS name, and the end in seconds since 1970; 0 if unreadable."""
    from cryptography import x509  # noqa: PLC0415 - 10 MB that only expiry warnings need

    try:
        certificate = x509.load_der_x509_certificate(der)
        end = certificate.not_valid_after_utc.timestamp()
        names = [str(a.value) for a in certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    except (ValueError, x509.InvalidVersion):
        return "", 0.0
    try:
        alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names += alternatives.get_values_for_type(x509.DNSName)
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        pass
    return plain(names[0]) if names else "", end


def _authorities(options: TlsOptions) -> list[str]:
    if options.ca != SYSTEM:
        return [options.ca] if options.ca else []
    paths = ssl.get_default_verify_paths()
    found = [path for path in (paths.cafile, paths.capath) if path]
    if not found:
        raise UnsentError(errno.ENOENT, "the host's CA certificates")
    return found


def _stamp(file: str) -> tuple[int, int, int]:
    data = held(file)
    if data is not None:
        return 0, len(data), hash(data)
    status = os.stat(file)  # noqa: PTH116 - called for every run
    return status.st_mtime_ns, status.st_ino, status.st_size


def _load(options: TlsOptions, alpn: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # during which a write may have to wait for a read
    if options.legacy_renegotiation:
        context.options |= LEGACY_SERVER_CONNECT
    context.check_hostname = bool(options.ca)
    context.verify_mode = ssl.CERT_REQUIRED if options.ca else ssl.CERT_NONE
    if alpn:
        context.set_alpn_protocols([alpn])
    about = f"ciphers {options.ciphers}"
    try:
        # Python's default list lacks RSA key exchange and CBC with SHA-1, which OpenSSL's clients offer.
        context.set_ciphers(options.ciphers)
        about = options.ca
        if options.ca == SYSTEM:
            context.load_default_certs()
        elif options.ca:
            _readable(options.ca)
            with path_of(options.ca) as path:
                context.load_verify_locations(path)
        if options.certificate:
            _readable(options.certificate)
            _readable(options.key or options.certificate)
            about = f"{options.certificate}, {options.key or options.certificate}"
            # The password keeps OpenSSL from asking for one on the terminal.
            with path_of(options.certificate) as path, path_of(options.key or options.certificate) as key:
                context.load_cert_chain(path, key, password="")
    except ssl.SSLError as error:
        raise UnsentError(errno.EINVAL, f"{about}: {error.reason or 'no certificate'}") from error
    return context


def _readable(file: str) -> None:
    """Raise an OSError with the file's name, which OpenSSL's errors lack; also if it is no regular file.

    O_NONBLOCK: opening a FIFO must not wait for a writer (fifo(7)), which would stop every check.
    """
    if held(file) is not None:
        return
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), file)
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), f"{file}: not a regular file")
    finally:
        os.close(descriptor)
