"""TLS without a socket: encrypted bytes in and out on one side, plain bytes on the other."""

from __future__ import annotations

import contextlib
import errno
import ssl
from ipaddress import IPv4Address, IPv6Address

from clusterlb.checks.dialogue import EXCERPT, excerpt
from clusterlb.checks.flight import LARGEST_GROUP, Flight
from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.tls import context_for, expiry_warning, explain, not_tls, server_name
from clusterlb.model.check import TlsOptions

CHUNK = 65536


class SecureLayer:
    """The client's side of one TLS connection, on two MemoryBIOs.

    With MemoryBIOs, unlike a non-blocking SSLSocket, one class reads the socket with and without TLS and
    bounds its reads; STARTTLS needs no change of socket; no plain bytes can lie in OpenSSL while epoll
    reports nothing; and the member's first bytes can be shown if they are not TLS.

    ``ready``: the handshake is complete on this side. ``ended``: the member has sent close_notify. Raises
    UnsentError for options that cannot be used.
    """

    def __init__(self, options: TlsOptions, address: IPv4Address | IPv6Address, alpn: str) -> None:
        self._options = options
        self._alpn = alpn
        self._name = server_name(options, address)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        try:
            self._tls = context_for(options, alpn).wrap_bio(
                self._incoming, self._outgoing, server_hostname=self._name
            )
        except ValueError as error:
            raise UnsentError(errno.EINVAL, f"server_name {self._name}") from error
        self._head = b""
        self._flight = Flight()
        self._answered = False
        self._asked = False
        self.ready = False
        self.ended = False

    @property
    def confirmed(self) -> bool:
        """Say whether the member has accepted this side of the handshake.

        In TLS 1.3 the client completes before the server has seen the client's certificate (RFC 8446,
        figure 1), so a refusal comes later; a ticket or data means acceptance.
        """
        if self._tls.version() != "TLSv1.3" or self._answered or self.ended:
            return self.ready
        return self._tls.session is not None and self._tls.session.has_ticket

    def ask_confirmation(self) -> None:
        """Send close_notify, so that a member that sends no tickets answers too."""
        if not self._asked:
            self._asked = True
            with contextlib.suppress(ssl.SSLError):  # SSLWantReadError: the member's close_notify is to come
                self._tls.unwrap()

    def receive(self, data: bytes) -> tuple[bytes, Result | None]:
        """Take encrypted bytes; return the decrypted ones, and the failed result if TLS failed."""
        self._incoming.write(data)
        if not self.ready:
            failure = self._shake_hands(data)
            if failure is not None or not self.ready:
                return b"", failure
        parts = []
        try:
            while part := self._tls.read(CHUNK):
                parts.append(part)
            self.ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.ended = True
        except ssl.SSLError as error:
            return b"".join(parts), self._failed(error)
        self._answered = self._answered or bool(parts)
        return b"".join(parts), None

    def send(self, data: bytes) -> None:
        """Encrypt bytes; ``take`` returns them."""
        if data:
            with contextlib.suppress(ssl.SSLError):  # TLS has failed; ``receive`` has reported that
                self._tls.write(data)

    def take(self) -> bytes:
        """Return the encrypted bytes to send."""
        return self._outgoing.read()

    def sign(self, result: Result) -> Result:
        """Add the TLS version, and a warning if the certificate expires soon, to a result that passes."""
        result = result._replace(detail=f"{result.detail}, {self._tls.version()}")
        if not self._options.warn_expiry:
            return result
        der = self._tls.getpeercert(binary_form=True) or b""
        warning = expiry_warning(der, self._options.warn_expiry, self._name)
        return result._replace(warning="; ".join(filter(None, (result.warning, warning))))

    def _shake_hands(self, data: bytes) -> Result | None:
        self._head += data[: EXCERPT + 1 - len(self._head)]
        if not_tls(self._head):
            return Result(False, f"not TLS: the member answered {excerpt(self._head)}")
        group = 0 if self._flight.done else self._flight.feed(data)
        if group > LARGEST_GROUP:
            return Result(
                False, f"the member's Diffie-Hellman group has {group} bits, more than {LARGEST_GROUP}"
            )
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return None
        except ssl.SSLError as error:
            return self._failed(error)
        self.ready = True
        if self._alpn == "h2" and self._tls.selected_alpn_protocol() != "h2":
            return Result(False, "the member did not agree to HTTP/2 in the TLS handshake (ALPN h2)")
        return None

    def _failed(self, error: ssl.SSLError) -> Result:
        head = b"" if self.ready else self._head
        return Result(False, explain(error, self._options, self._name, self._alpn, head))
