"""TLS without a socket: encrypted bytes in and out on one side, plain bytes on the other."""

from __future__ import annotations

import contextlib
import errno
import ssl
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address

from clusterlb.checks.dialogue import EXCERPT, excerpt
from clusterlb.checks.probe import Result, UnsentError
from clusterlb.checks.tls import context_for, expiry_warning, explain, not_tls, server_name
from clusterlb.model.check import TlsOptions

CHUNK = 65536
LARGEST_GROUP = 4096  # bits
CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE = 20, 21, 22  # types of records; parsing stops at any other
HELLO, KEY_EXCHANGE, HELLO_DONE = 2, 12, 14


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


class Flight:
    """Parses a server's first flight in TLS 1.2 for the size of its Diffie-Hellman group.

    A member may choose a group of up to 10,000 bits (RFC 5246, 7.4.3), which costs the director half a second
    of CPU in each handshake; OpenSSL has no lower limit. A group of 4,096 bits costs 25 ms. ``done``: the
    group is known, or known to be absent.
    """

    __slots__ = ("_messages", "_records", "_with_group", "done")

    def __init__(self) -> None:
        self._records = bytearray()
        self._messages = bytearray()
        self._with_group = False
        self.done = False

    def feed(self, data: bytes) -> int:
        """Return the size of the group in bits once it is known; 0 before that, and without a group."""
        self._records += data
        offset = 0
        while not self.done and len(self._records) >= offset + 5:
            kind, size = self._records[offset], int.from_bytes(self._records[offset + 3 : offset + 5], "big")
            end = offset + 5 + size
            if kind not in (CHANGE_CIPHER_SPEC, ALERT, HANDSHAKE):
                self.done = True
            elif len(self._records) < end:
                break
            elif kind == HANDSHAKE:
                self._messages += self._records[offset + 5 : end]
            offset = end
        del self._records[:offset]
        return self._look()

    def _look(self) -> int:
        while len(self._messages) >= 4:
            kind, length = self._messages[0], int.from_bytes(self._messages[1:4], "big")
            if len(self._messages) < 4 + length:
                break
            body = bytes(self._messages[4 : 4 + length])
            del self._messages[: 4 + length]
            if kind == HELLO:
                self._with_group = self._chosen(body) in _with_group()
            elif kind == KEY_EXCHANGE and self._with_group:
                self.done = True
                return int.from_bytes(body[:2], "big") * 8
            self.done = self.done or kind in (KEY_EXCHANGE, HELLO_DONE)
        return 0

    @staticmethod
    def _chosen(hello: bytes) -> int:
        """Return the cipher suite, which follows version, random and session id."""
        offset = 35 + (hello[34] if len(hello) > 34 else 0)
        return int.from_bytes(hello[offset : offset + 2], "big")


@lru_cache(maxsize=1)
def _with_group() -> frozenset[int]:
    """Return the cipher suites whose ephemeral Diffie-Hellman group the server chooses."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_ciphers("ALL:COMPLEMENTOFALL:@SECLEVEL=0")
    return frozenset(
        cipher["id"] & 0xFFFF for cipher in context.get_ciphers() if cipher.get("kea") == "kx-dhe"
    )
