"""Make the certificates of a cluster: an authority of its own, and what it issues to each director."""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "authority"
_SKEW = timedelta(hours=1)  # clocks that are behind
_PEM = serialization.Encoding.PEM


class CertificatesError(Exception):
    """The certificates could not be made; the text says why, and nothing of worth has been replaced."""


def make_certificates(folder: Path, cluster: str, directors: Collection[str], days: int) -> list[Path]:
    """Write an authority's certificate and key, and each director's; return the files that were written.

    An authority that is there already signs again: so that certificates are renewed, and a new director gets
    one, with the others' left as they are until they are handed out. Raises CertificatesError.
    """
    if AUTHORITY in directors:
        raise CertificatesError(
            f"a director is called {AUTHORITY}: its files would be those of the authority"
        )
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        written, name, key = _authority(folder, cluster, days)
        for director in directors:
            own = ec.generate_private_key(ec.SECP256R1())
            certificate = (
                _builder(_named(director), name, own, days)
                .add_extension(x509.SubjectAlternativeName([x509.DNSName(director)]), critical=False)
                .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
                .add_extension(
                    x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]),
                    critical=False,
                )
                .add_extension(
                    x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
                )
                .sign(key, hashes.SHA256())
            )
            written += [
                _write(folder / f"{director}.key", _private(own)),
                _write(folder / f"{director}.pem", certificate.public_bytes(_PEM)),
            ]
    except OSError as error:
        raise CertificatesError(f"{error.filename or folder}: {error.strerror or error}") from error
    return written


def _authority(
    folder: Path, cluster: str, days: int
) -> tuple[list[Path], x509.Name, ec.EllipticCurvePrivateKey]:
    pem, secret = folder / f"{AUTHORITY}.pem", folder / f"{AUTHORITY}.key"
    if pem.exists() and secret.exists():
        try:
            key = serialization.load_pem_private_key(secret.read_bytes(), None)
            found = x509.load_pem_x509_certificate(pem.read_bytes())
        except ValueError as error:
            raise CertificatesError(f"{secret} or {pem} cannot be read: {error}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise CertificatesError(
                f"{secret} is not a key that this command has made: choose another folder"
            )
        if key.public_key() != found.public_key():
            raise CertificatesError(f"{secret} is not the key of {pem}: choose another folder")
        return [], found.subject, key
    if pem.exists() or secret.exists():
        there, missing = (pem, secret) if pem.exists() else (secret, pem)
        raise CertificatesError(
            f"{there} is there without {missing}: bring that back, or choose another folder"
        )
    key, name = ec.generate_private_key(ec.SECP256R1()), _named(f"clusterlb authority of {cluster}")
    certificate = (
        _builder(name, name, key, max(days, 3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(
            x509.KeyUsage(
                digital_signature=False,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            ),
            critical=True,
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    written = [_write(secret, _private(key)), _write(pem, certificate.public_bytes(_PEM))]
    return written, name, key


def _write(path: Path, content: bytes) -> Path:
    """Put a file in its place whole, readable by its owner alone."""
    fresh = path.with_name(f".{path.name}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    try:
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise
    return path


def _private(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, days: int
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
    )
