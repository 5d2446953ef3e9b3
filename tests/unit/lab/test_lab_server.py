import json
import socket
import time
import zlib

import pytest

from clusterlb.lab.server import LARGEST, RealServer, payload

V4, V6 = "127.0.0.1", "::1"


@pytest.fixture
def server():
    served = RealServer("r1", [0, 0], [0, 0])
    yield served
    served.close()


def ask(server, *pieces, address=V4, port=None):
    """Send pieces to a server and return all it answers until it closes, and the client's own address."""
    with socket.create_connection((address, port or server.ports[0])) as connection:
        connection.settimeout(0.01)
        received = b""
        for piece in pieces:
            server.step(0)
            connection.sendall(piece)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            server.step(0)
            try:
                data = connection.recv(65536)
            except TimeoutError:
                continue
            if not data:
                return received, connection.getsockname()[:2]
            received += data
    raise AssertionError(f"the server did not close; it sent {received[:200]!r}")


BYE = b"GET / HTTP/1.0\r\n\r\n"


def lines(server, *pieces, **where):
    """Return what a server answers before it is asked to close."""
    answer, own = ask(server, *pieces, BYE, **where)
    return answer.partition(b"HTTP/1.1 200 OK")[0], own


def test_http_is_answered_in_pieces_and_pipelined(server):
    answer, _ = ask(
        server, b"GET /a HT", b"TP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nConnection: close\r\n\r\n"
    )
    assert answer.count(b"HTTP/1.1 200 OK") == 2
    assert b'{"server": "r1", "path": "/a"}' in answer
    assert b'{"server": "r1", "path": "/b"}' in answer


def test_http_1_0_and_nonsense_are_closed(server):
    assert b"Connection: close" in ask(server, BYE)[0]
    assert ask(server, b"BREW /pot\r\n\r\n")[0].startswith(b"HTTP/1.1 400 ")
    assert ask(server, b"x" * 20000)[0] == b""


def test_lines_are_echoed_with_the_servers_name(server):
    assert lines(server, b"ECHO one\nEC", b"HO two\n")[0] == b"r1 one\nr1 two\n"


@pytest.mark.parametrize("address", [V4, "127.0.0.7", V6])
@pytest.mark.parametrize("which", [0, 1])
def test_who_names_the_server_and_both_ends_on_every_port_and_family(server, address, which):
    port = server.ports[which]
    answer, own = lines(server, b"WHO\n", address=address, port=port)
    assert json.loads(answer) == {
        "server": "r1",
        "client": own[0],
        "port": own[1],
        "local": address,
        "local_port": port,
    }


@pytest.mark.parametrize("size", [0, 1, 65536, 200_001])
def test_a_download_is_its_payload_and_the_connection_goes_on(server, size):
    answer, _ = lines(server, b"DOWNLOAD %d\nECHO next\n" % size)
    assert answer == payload(size) + b"r1 next\n"


@pytest.mark.parametrize("size", [0, 1, 200_001])
def test_an_upload_is_counted_and_summed_and_the_connection_goes_on(server, size):
    data = payload(size)
    answer, _ = lines(server, b"UPLOAD %d\n" % size + data[:1], data[1:] + b"ECHO next\n")
    confirmed, _, rest = answer.partition(b"\n")
    assert json.loads(confirmed) == {"bytes": size, "crc32": zlib.crc32(data)}
    assert rest == b"r1 next\n"


def test_a_payload_with_a_gap_has_another_sum():
    data = payload(100_000)
    assert zlib.crc32(data[:1460] + data[2920:] + data[:1460]) != zlib.crc32(data)


@pytest.mark.parametrize("size", [b"", b"x", b"-1", b"%d" % (LARGEST + 1)])
def test_a_size_that_is_none_is_refused(server, size):
    assert ask(server, b"UPLOAD " + size + b"\r\n\r\n")[0].startswith(b"HTTP/1.1 400 ")
    assert ask(server, b"DOWNLOAD " + size + b"\r\n\r\n")[0].startswith(b"HTTP/1.1 400 ")


# the kernel's own choice of a source would be 127.0.0.1, for every address of its network
@pytest.mark.parametrize("address", [V4, "127.0.0.7", V6])
@pytest.mark.parametrize("which", [0, 1])
def test_a_datagram_is_answered_from_the_address_that_was_asked(server, address, which):
    port = server.udp_ports[which]
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(10)
        client.bind((V6 if ":" in address else V4, 0))
        own = client.getsockname()
        for question in (b"what?", b"WHO\n", b"ECHO a b"):
            client.sendto(question, (address, port))
        server.step(10)
        answer, source = client.recvfrom(65536)
        assert source[:2] == (address, port)
        assert json.loads(answer) == {
            "server": "r1",
            "client": own[0],
            "port": own[1],
            "local": address,
            "local_port": port,
        }
        assert client.recv(65536) == b"r1 a b"


def test_a_taken_port_is_an_error(server):
    with pytest.raises(OSError, match="in use"):
        RealServer("r2", [server.ports[0]])
    with pytest.raises(OSError, match="in use"):
        RealServer("r2", [], [server.udp_ports[0]])
