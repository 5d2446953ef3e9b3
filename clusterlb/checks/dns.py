"""Kind ``dns``: the member answers a question over UDP (RFC 1035)."""

from __future__ import annotations

import errno
import os
from typing import cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode

from clusterlb.checks.datagram import DatagramProbe
from clusterlb.checks.probe import Result, UnsentError
from clusterlb.model.check import DnsOptions
from clusterlb.model.health import ProbeKey
from clusterlb.pattern import compile_pattern

# Bytes of an answer to a question without EDNS (RFC 1035, 4.2.1). The limit also bounds how long a hostile
# answer, all pointers to one name of 127 labels, keeps the engine busy: 0.1 s, where 4 KiB would take 2 s.
ANSWER_LIMIT = 512


class DnsProbe(DatagramProbe):
    """Ask one question, without EDNS, under a new id and from a new port each time.

    A datagram with another id does not answer this question and is ignored. A datagram with the right id
    and any other fault fails the check.
    """

    __slots__ = ("_answer", "_foreign", "_name", "_query", "_rcode", "_record")

    def __init__(self, key: ProbeKey) -> None:
        super().__init__(key)
        options = cast(DnsOptions, key.spec.options)
        self._name, self._record = options.name, options.record
        self._query = dns.message.QueryMessage()
        self._rcode = options.rcode.upper()
        self._answer = compile_pattern(options.answer) if options.answer else None
        self._foreign = 0

    def _request(self) -> bytes:
        self._foreign = 0
        try:
            self._query = dns.message.make_query(self._name, self._record)
        except dns.exception.DNSException as error:
            raise UnsentError(errno.EINVAL, f"question: {error}") from error
        self._query.id = int.from_bytes(os.urandom(2), "big")
        return self._query.to_wire()

    def _judge(self, answer: bytes, elapsed: float) -> Result | None:
        if answer[:2] != self._query.id.to_bytes(2, "big"):
            self._foreign += 1
            return None
        if len(answer) > ANSWER_LIMIT:
            return Result(False, f"an answer of {len(answer)} bytes, and {ANSWER_LIMIT} are allowed")
        try:
            message = dns.message.from_wire(answer)
            texts = [record.to_text() for records in message.answer for record in records]
        except Exception:  # noqa: BLE001 - on hostile bytes dnspython raises more than its own exceptions
            return Result(False, "not a DNS message")
        if not self._query.is_response(message):
            return Result(False, "not an answer to the question")
        return self._compare(message, texts, elapsed)

    def _compare(self, message: dns.message.Message, texts: list[str], elapsed: float) -> Result:
        rcode = dns.rcode.to_text(message.rcode())
        if rcode != self._rcode:
            return Result(False, f"answered {rcode}, not {self._rcode}")
        found = f"records: {len(texts)}{', truncated' if message.flags & dns.flags.TC else ''}"
        if self._answer and not any(self._answer.search(text.encode()) for text in texts):
            return Result(False, f"nothing in the answer matches, {found}")
        return Result(True, f"{rcode} in {elapsed * 1000:.1f} ms, {found}")

    def on_deadline(self) -> Result:
        """Fail, and count the datagrams that were ignored."""
        result = super().on_deadline()
        if not self._foreign:
            return result
        return Result(
            False, f"{result.detail}; {self._foreign} datagrams came that are not DNS or have another id"
        )
