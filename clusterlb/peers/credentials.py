"""Who may speak on the peer channel: TLS contexts, from files that may be renewed at any time."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = "subjectAltName"


class CredentialsError(Exception):
    """The certificates are of no use; the text says which file, and what to do."""


@dataclass(slots=True)
class Credentials:
    """A director's certificate and key, and the authority whose certificates peers have.

    The authority signs for the directors of this cluster and for nobody else: with its signature a name is a
    director's. Each connection is made with the files as they are then. Equal are those of the same files.
    """

    authority: Path
    certificate: Path
    key: Path
    _seen: dict[bool, tuple[object, ssl.SSLContext]] = field(default_factory=dict, compare=False)

    def server(self) -> ssl.SSLContext:
        """Return the context for peers that connect to this director, or raise CredentialsError."""
        return self._context(server=True)

    def client(self) -> ssl.SSLContext:
        """Return the context for connecting to a peer, or raise CredentialsError."""
        return self._context(server=False)

    def _context(self, *, server: bool) -> ssl.SSLContext:
        now = self._signature()
        before = self._seen.get(server)
        if before is not None and before[0] == now:
            return before[1]
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(self.authority)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(_unusable(self.authority, error)) from error
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            raise CredentialsError(_unusable(self.certificate, error, self.key)) from error
        self._seen[server] = now, context
        return context

    def _signature(self) -> object:
        """Return what changes when one of the files does; raise CredentialsError where one is missing."""
        found = []
        for path in (self.authority, self.certificate, self.key):
            try:
                status = path.stat()
            except OSError as error:
                raise CredentialsError(_unusable(path, error)) from error
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)


def names_in(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the DNS names of a peer's certificate, as ``ssl.SSLSocket.getpeercert`` gives it."""
    names = (certificate or {}).get(NAMES, ())
    return frozenset(name for kind, name in names if kind == "DNS")


def _unusable(path: Path, error: Exception, key: Path | None = None) -> str:
    what = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
    both = f" with the key {key}" if key is not None else ""
    return (
        f"{path}{both}: {what}. `clusterlb generate certs` makes certificates; `cluster.peers` says where "
        f"they are"
    )
