import getpass
import shutil
import socket
import subprocess

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest
from probing import ELAPSED, advance, make_key, observe, open_descriptors, probe_once

from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.model.check import CheckType, DnsOptions
from clusterlb.model.health import ProbeKey

IN = f"in {ELAPSED * 1000:.1f} ms"
QUESTION = DnsOptions("www.example.test", "A", answer=r"^192\.0\.2\.7$")


def key_of(options: DnsOptions, port: int, address: str = "127.0.0.1", timeout: float = 20.0) -> ProbeKey:
    return make_key(CheckType.DNS, options, address, port, timeout)


@pytest.fixture
def server():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.settimeout(20)
        server.bind(("127.0.0.1", 0))
        yield server


def converse(server: socket.socket, answers, options: DnsOptions = QUESTION) -> Result:
    """Run a probe; ``answers`` makes what it is answered from its question."""
    probe = make_probe(key_of(options, server.getsockname()[1], timeout=3))
    try:
        progress = probe.start()
        question, client = server.recvfrom(65535)
        for answer in answers(question):
            server.sendto(answer, client)
        return advance(probe, progress, 0.2) or probe.on_deadline()
    finally:
        probe.close()


def reply(question: bytes, *addresses: str, rcode: int = 0, flags: int = 0) -> dns.message.Message:
    message = dns.message.make_response(dns.message.from_wire(question))
    message.set_rcode(dns.rcode.Rcode(rcode))
    message.flags |= flags
    if addresses:
        message.answer.append(dns.rrset.from_text("www.example.test.", 60, "IN", "A", *addresses))
    return message


def test_a_record_that_matches_passes(server):
    result = converse(server, lambda q: [reply(q, "192.0.2.6", "192.0.2.7").to_wire()])
    assert result == Result(True, f"NOERROR {IN}, records: 2")


def test_no_record_that_matches_fails(server):
    result = converse(server, lambda q: [reply(q, "192.0.2.77").to_wire()])
    assert result == Result(False, "nothing in the answer matches, records: 1")


def test_the_rcode_is_compared(server):
    refused = lambda q: [reply(q, rcode=dns.rcode.REFUSED).to_wire()]  # noqa: E731
    assert converse(server, refused) == Result(False, "answered REFUSED, not NOERROR")
    asked = DnsOptions("www.example.test", "A", rcode="refused")
    assert converse(server, refused, asked) == Result(True, f"REFUSED {IN}, records: 0")


def test_a_truncated_answer_passes_by_what_it_holds(server):
    cut = lambda *found: lambda q: [reply(q, *found, flags=dns.flags.TC).to_wire()]  # noqa: E731
    assert converse(server, cut("192.0.2.7")).ok
    assert converse(server, cut("192.0.2.1")) == Result(
        False, "nothing in the answer matches, records: 1, truncated"
    )
    asked = DnsOptions("www.example.test", "A")
    assert converse(server, cut(), asked) == Result(True, f"NOERROR {IN}, records: 0, truncated")


def test_an_answer_with_another_id_is_passed_over(server):
    other = lambda q: bytes([q[0], q[1] ^ 1]) + reply(q, "192.0.2.9").to_wire()[2:]  # noqa: E731
    assert converse(server, lambda q: [other(q)] * 40 + [reply(q, "192.0.2.7").to_wire()]).ok
    assert converse(server, lambda q: [other(q), b"HTTP/1.1 400 Bad Request", b"", b"\x00"]) == Result(
        False, "timed out after 3 s; 4 datagrams came that are not DNS or have another id"
    )


def test_an_answer_to_another_question_fails(server):
    def other(question: bytes) -> list[bytes]:
        asked = dns.message.make_query("elsewhere.test", "A", id=dns.message.from_wire(question).id)
        return [dns.message.make_response(asked).to_wire()]

    assert converse(server, other) == Result(False, "not an answer to the question")


def test_the_question_sent_back_fails(server):
    assert converse(server, lambda q: [q]) == Result(False, "not an answer to the question")


@pytest.mark.parametrize(
    "tail", [b"", b"\x81\x80", b"\xff" * 10, b"\x81\x80\xff\xff\xff\xff\0\0\0\0" + b"\xc0\x0c" * 99]
)
def test_garbage_under_the_right_id_fails(server, tail):
    assert converse(server, lambda q: [q[:2] + tail]) == Result(False, "not a DNS message")


def test_an_answer_longer_than_the_protocol_allows_fails_unparsed(server):
    assert converse(server, lambda q: [q[:2] + bytes(511)]) == Result(
        False, "an answer of 513 bytes, and 512 are allowed"
    )


def test_ids_and_ports_change_from_run_to_run(server):
    probe = make_probe(key_of(QUESTION, server.getsockname()[1]))
    seen = set()
    for _ in range(8):
        probe.start()
        question, client = server.recvfrom(512)
        seen.add((question[:2], client[1]))
        probe.close()
    assert len(seen) == 8
    assert len({identity for identity, _ in seen}) > 1


def test_a_question_that_cannot_be_asked_says_nothing_about_the_member(server):
    too_long = ".".join(["a" * 63] * 3 + ["a" * 62])
    with pytest.raises(UnsentError, match="EINVAL question: A DNS name is > 255 octets long"):
        probe_once(key_of(DnsOptions(too_long), server.getsockname()[1]))


def test_a_closed_port_is_refused(server):
    port = server.getsockname()[1]
    server.close()
    assert probe_once(key_of(QUESTION, port)) == Result(False, "port unreachable: nothing listens there")


def test_no_descriptor_is_left(server):
    before = open_descriptors()
    for answer in (b"", b"garbage"):
        converse(server, lambda q, answer=answer: [q[:2] + answer])
    assert open_descriptors() == before


@pytest.fixture(scope="module")
def dnsmasq():
    """Return the port of a real server on the loopback, 127.0.0.1 and ::1."""
    program = shutil.which("dnsmasq", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        pytest.skip("dnsmasq is not installed (Debian package dnsmasq-base)")
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as holder:
        holder.bind(("::", 0))
        port = holder.getsockname()[1]
    strings = ",".join(letter * 200 for letter in "abcd")
    argv = [
        *(program, "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--no-poll"),
        *("--pid-file=", f"--user={getpass.getuser()}", f"--port={port}", "--bind-interfaces"),
        *("--listen-address=127.0.0.1", "--listen-address=::1", "--local=/example.test/"),
        *(
            "--host-record=www.example.test,192.0.2.7,2001:db8::7",
            "--cname=alias.example.test,www.example.test",
        ),
        f"--txt-record=big.example.test,{strings}",
    ]
    with subprocess.Popen(argv, stderr=subprocess.PIPE) as process:
        try:
            up = key_of(DnsOptions("www.example.test", "A"), port, timeout=1.0)
            for _ in range(20):
                if process.poll() is not None:
                    pytest.fail(f"dnsmasq ended: {process.stderr.read()!r}")
                if [seen for _, seen in observe([up], 3, 2.0) if seen.ok]:
                    break
            yield port
        finally:
            process.terminate()


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
@pytest.mark.parametrize(
    ("options", "ok", "detail"),
    [
        (QUESTION, True, "NOERROR, records: 1"),
        (DnsOptions("WWW.example.test.", "aaaa", answer="^2001:db8::7$"), True, "NOERROR, records: 1"),
        (DnsOptions("alias.example.test", "A", answer=r"^192\.0\.2\.7$"), True, "NOERROR, records: 2"),
        (DnsOptions("www.example.test", "MX"), True, "NOERROR, records: 0"),
        (
            DnsOptions("www.example.test", "A", answer="10.0.0.1"),
            False,
            "nothing in the answer matches, records: 1",
        ),
        (DnsOptions("none.example.test", "A"), False, "answered NXDOMAIN, not NOERROR"),
        (DnsOptions("none.example.test", "A", rcode="NXDOMAIN"), True, "NXDOMAIN, records: 0"),
        (DnsOptions(), False, "answered REFUSED, not NOERROR"),
        (DnsOptions("big.example.test", "TXT"), True, "NOERROR, records: 0, truncated"),
    ],
)
def test_a_real_server(dnsmasq, address, options, ok, detail):
    result = probe_once(key_of(options, dnsmasq, address))
    assert (result.ok, result.detail.replace(f" {IN}", "")) == (ok, detail)


def test_the_real_runner_and_a_real_server(dnsmasq):
    keys = [key_of(QUESTION, dnsmasq, address) for address in ("127.0.0.1", "::1")]
    seen = observe(keys, 8)
    assert {key for key, _ in seen} == set(keys)
    assert all(observation.ok for _, observation in seen)
