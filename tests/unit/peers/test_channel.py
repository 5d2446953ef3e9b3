"""The peer channel over real TLS on the loopback: who is let in, and what a bad peer costs."""

import asyncio
import os
import ssl
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from pathlib import Path

import aiohttp
import pytest

from clusterlb.model.address import Endpoint
from clusterlb.model.anchor import Sighting
from clusterlb.model.flow import Flow
from clusterlb.model.ipvs import DestinationKey, Protocol
from clusterlb.model.peer import PeerState
from clusterlb.peers import publisher as publisher_module
from clusterlb.peers.board import Board
from clusterlb.peers.certificates import make_certificates
from clusterlb.peers.credentials import Credentials, CredentialsError
from clusterlb.peers.publisher import PATH, PER_ADDRESS, Publisher
from clusterlb.peers.subscriber import Subscriber
from clusterlb.peers.wire import AT_ONCE, VERSION, Complete, Hello, PeerTables, Sightings, encode
from tests.support.certificates import Authority

# of each process of the tests its own
D1, D2, STRANGER = (ip_address("127.64.0.0") + 4 * (os.getpid() & 0xFFFFF) + n for n in (1, 2, 3))
PORT = 17480
MEMBER = DestinationKey(ip_address("10.2.0.101"), 80)
VIP = ip_address("10.100.0.1")


def seen(number, destination=MEMBER):
    flow = Flow(Protocol.TCP, ip_address("198.18.0.0") + number // 60000, 1024 + number % 60000, VIP, 80)
    return Sighting(flow, destination, asyncio.get_running_loop().time() - 5.0)


class Rig:
    """A publisher called d1, with what it turned away; subscribers called d2."""

    def __init__(self, folder):
        self.folder = folder
        self.known = []
        self.turned_away = []
        self.heard = []
        self.gone = []
        self.board = Board(lambda: self.known)
        make_certificates(folder, "test", ["d1", "d2", "d3"], 1)
        clock = asyncio.get_running_loop().time
        me = Hello(VERSION, "test", "d1")
        self.publisher = Publisher(
            self.board,
            me,
            self.credentials("d1"),
            clock,
            lambda service: (f"a row of {service}",),
            lambda peer, why: self.turned_away.append((peer, why)),
        )

    def credentials(self, name, folder=None):
        folder = folder or self.folder
        return Credentials(folder / "authority.pem", folder / f"{name}.pem", folder / f"{name}.key")

    def subscriber(self, me=None, credentials=None, source=D2, peer="d1"):
        return Subscriber(
            peer,
            Endpoint(D1, PORT),
            source,
            me or Hello(VERSION, "test", "d2"),
            credentials or self.credentials("d2"),
            asyncio.get_running_loop().time,
            lambda _, message: self.heard.append(message),
            self.gone.append,
        )

    def flows(self):
        """Return what was heard of each flow last."""
        return {
            each.flow: each.destination
            for message in self.heard
            if isinstance(message, Sightings)
            for each in message.seen
        }


@asynccontextmanager
async def listening(tmp_path, peers=None):
    rig = Rig(tmp_path)
    await rig.publisher.start(D1, PORT, peers or {D2: "d2"})
    try:
        yield rig
    finally:
        await rig.publisher.close()


@asynccontextmanager
async def hearing(subscriber):
    subscriber.start()
    try:
        yield subscriber
    finally:
        await subscriber.close()


async def until(condition, seconds=8.0):
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def refused(rig, subscriber):
    """Return why the two do not speak, as the subscriber says it."""
    async with hearing(subscriber):
        await until(lambda: subscriber.state in {PeerState.REFUSED, PeerState.SILENT})
        assert rig.heard == []
        assert rig.board.readers == {}
        return subscriber.error


async def test_a_peer_hears_everything_then_what_is_new_and_says_that_it_has(tmp_path):
    async with listening(tmp_path) as rig:
        rig.known = [seen(number) for number in range(3 * AT_ONCE + 5)]
        rig.board.show_tables({"tcp 10.100.0.1:80": "abc"})
        async with hearing(rig.subscriber()) as subscriber:
            await until(lambda: Complete(joined=False) in rig.heard)
            assert rig.flows() == {each.flow: MEMBER for each in rig.known}
            assert subscriber.state is PeerState.CONNECTED
            assert rig.heard[0] == PeerTables({"tcp 10.100.0.1:80": "abc"})
            rig.board.tell([seen(1, None), seen(99_999)])
            assert rig.board.behind() == ["d2"]
            await until(lambda: not rig.board.behind())
            assert rig.flows()[seen(1).flow] is None
            assert rig.flows()[seen(99_999).flow] == MEMBER
            rig.board.join()
            await until(lambda: Complete(joined=True) in rig.heard)
            assert await subscriber.table("web") == ("a row of web",)
        await until(lambda: not rig.board.readers)
    assert rig.turned_away == []


async def test_a_stranger_is_turned_away_before_tls(tmp_path):
    async with listening(tmp_path) as rig:
        reader, writer = await asyncio.open_connection(str(D1), PORT, local_addr=(str(STRANGER), 0))
        assert await asyncio.wait_for(reader.read(), 2.0) == b""
        writer.close()
        assert rig.turned_away == []


async def test_an_address_has_a_few_connections_and_no_more(tmp_path):
    async with listening(tmp_path) as rig:
        open_ = [
            await asyncio.open_connection(str(D1), PORT, local_addr=(str(D2), 0))
            for _ in range(PER_ADDRESS + 1)
        ]
        assert await asyncio.wait_for(open_[-1][0].read(), 2.0) == b""
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(open_[0][0].read(), 0.2)
        for _, writer in open_:
            writer.close()
        async with hearing(rig.subscriber()):
            await until(lambda: rig.heard)


async def test_who_has_no_certificate_of_the_authority_is_turned_away(tmp_path):
    other = tmp_path / "other"
    async with listening(tmp_path / "own") as rig:
        make_certificates(other, "test", ["d2"], 1)
        foreign = Credentials(rig.folder / "authority.pem", other / "d2.pem", other / "d2.key")
        await refused(rig, rig.subscriber(credentials=foreign))
        await until(lambda: rig.turned_away)
        assert {peer for peer, _ in rig.turned_away} == {"d2"}
        assert "TLS" in rig.turned_away[0][1]
        context = ssl.create_default_context(cafile=str(rig.folder / "authority.pem"))
        context.check_hostname = False
        connector = aiohttp.TCPConnector(local_addr=(str(D2), 0))
        async with aiohttp.ClientSession(connector=connector) as session:
            with pytest.raises(aiohttp.ClientError):
                await session.get(f"https://{D1}:{PORT}/table", ssl=context)


@pytest.mark.parametrize(
    ("me", "certificate", "why"),
    [
        (Hello(VERSION, "test", "d3"), "d3", "HTTP status 403"),
        (Hello(VERSION, "test", "d3"), "d2", "calls itself"),
        (Hello(VERSION, "other", "d2"), "d2", "cluster"),
        (Hello(VERSION + 1, "test", "d2"), "d2", "version"),
    ],
)
async def test_who_is_somebody_else_is_refused_and_both_say_why(tmp_path, me, certificate, why):
    async with listening(tmp_path) as rig:
        text = await refused(rig, rig.subscriber(me, rig.credentials(certificate)))
        assert why in f"{text} {rig.turned_away}"
        assert rig.turned_away


async def test_a_director_does_not_listen_to_who_is_not_the_peer_it_wants(tmp_path):
    async with listening(tmp_path) as rig:
        text = await refused(rig, rig.subscriber(peer="d3"))
        assert "certificate" in text


async def test_certificates_are_renewed_without_a_restart(tmp_path):
    async with listening(tmp_path) as rig:
        credentials = rig.credentials("d2")
        before = credentials.client()
        assert credentials.client() is before
        make_certificates(tmp_path, "test", ["d1", "d2"], 1)
        assert credentials.client() is not before
        async with hearing(rig.subscriber(credentials=credentials)):
            await until(lambda: rig.heard)


@pytest.mark.parametrize("lost", ["authority.pem", "d2.pem", "d2.key"])
async def test_what_is_wrong_with_the_files_is_said_and_mended_while_it_runs(tmp_path, lost):
    async with listening(tmp_path) as rig:
        content = (tmp_path / lost).read_bytes()
        (tmp_path / lost).write_bytes(b"nonsense")
        with pytest.raises(CredentialsError, match="clusterlb generate certs"):
            rig.credentials("d2").client()
        (tmp_path / lost).unlink()
        async with hearing(rig.subscriber()) as subscriber:
            await until(lambda: subscriber.state is PeerState.REFUSED)
            assert lost in subscriber.error
            assert "No such file" in subscriber.error
            (tmp_path / lost).write_bytes(content)
            await until(lambda: rig.heard)


async def test_an_expired_certificate_is_refused(tmp_path):
    async with listening(tmp_path) as rig:
        authority = Authority(tmp_path)
        certificate, key = authority.issue("d2", dns=["d2"], begin=-200.0, end=-100.0)
        (tmp_path / "authority.pem").write_bytes(
            (tmp_path / "authority.pem").read_bytes() + authority.file.read_bytes()
        )
        credentials = Credentials(tmp_path / "authority.pem", Path(certificate), Path(key))
        await refused(rig, rig.subscriber(credentials=credentials))
        await until(lambda: rig.turned_away)
        assert "expired" in rig.turned_away[0][1]


@asynccontextmanager
async def raw(rig):
    """Connect as d2 by hand."""
    connector = aiohttp.TCPConnector(local_addr=(str(D2), 0))
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        session.ws_connect(
            f"https://{D1}:{PORT}{PATH}", ssl=rig.credentials("d2").client(), server_hostname="d1"
        ) as talk,
    ):
        yield talk


@pytest.mark.parametrize("first", [b"", b"H", b"Hnonsense", b"4" + b"\xff" * 40, b"x" * 100_000, "text"])
async def test_who_says_nonsense_is_turned_away(tmp_path, first):
    async with listening(tmp_path) as rig:
        async with raw(rig) as talk:
            await (talk.send_str(first) if isinstance(first, str) else talk.send_bytes(first))
            async with asyncio.timeout(8):
                while (await talk.receive()).type is aiohttp.WSMsgType.BINARY:
                    pass
        await until(lambda: rig.turned_away)
        async with hearing(rig.subscriber()):
            await until(lambda: rig.heard)


async def test_who_says_nothing_is_let_go(tmp_path, monkeypatch):
    monkeypatch.setattr(publisher_module, "PATIENCE", 0.3)
    async with listening(tmp_path) as rig, raw(rig) as talk:
        message = await asyncio.wait_for(talk.receive(), 5.0)
        assert message.type is not aiohttp.WSMsgType.BINARY
        assert rig.board.readers == {}


async def test_a_reader_that_does_not_read_costs_no_memory_and_no_other_reader(tmp_path, monkeypatch):
    monkeypatch.setattr(publisher_module, "PATIENCE", 0.5)
    monkeypatch.setattr("clusterlb.peers.subscriber.SHARE", 1.0)  # the other reader is to keep up
    async with listening(tmp_path, {D2: "d2", STRANGER: "d3"}) as rig:
        third = rig.subscriber(Hello(VERSION, "test", "d3"), rig.credentials("d3"), source=STRANGER)
        async with raw(rig) as talk, hearing(third):
            await talk.send_bytes(encode(Hello(VERSION, "test", "d2")))
            await until(lambda: rig.board.readers.keys() == {"d2", "d3"})
            many = [seen(number) for number in range(20_000)]
            async with asyncio.timeout(30):
                while "d2" in rig.board.readers:
                    rig.board.tell(many)
                    assert len(rig.board.readers["d2"].pending) <= len(many)
                    await asyncio.sleep(0.05)
            await until(lambda: "d3" in rig.board.readers and not rig.board.behind(), 20)
            assert len(rig.flows()) == len(many)


async def test_a_new_connection_of_a_peer_takes_the_old_ones_place(tmp_path):
    async with listening(tmp_path) as rig, raw(rig) as old:
        await old.send_bytes(encode(Hello(VERSION, "test", "d2")))
        await until(lambda: "d2" in rig.board.readers)
        async with hearing(rig.subscriber()):
            await until(lambda: rig.heard)
            rig.board.tell([seen(1)])
            await until(lambda: rig.flows() and not rig.board.behind())


async def test_who_listens_twice_at_one_place_is_told(tmp_path):
    async with listening(tmp_path) as rig:
        another = Publisher(
            rig.board, Hello(VERSION, "test", "d1"), rig.credentials("d1"), *[lambda *_: ()] * 3
        )
        with pytest.raises(OSError, match="Address already in use"):
            await another.start(D1, PORT, {})


# a bad publisher


@asynccontextmanager
async def publishing(folder, say):
    """Serve as d1, with what ``say`` does after the hello."""
    make_certificates(folder, "test", ["d1", "d2"], 1)
    credentials = Credentials(folder / "authority.pem", folder / "d1.pem", folder / "d1.key")

    async def talk(request):
        end = aiohttp.web.WebSocketResponse()
        await end.prepare(request)
        with suppress(TypeError, ConnectionError):
            await end.receive_bytes()
            await end.send_bytes(encode(Hello(VERSION, "test", "d1")))
            await say(end)
        return end

    app = aiohttp.web.Application()
    app.add_routes([aiohttp.web.get(PATH, talk)])
    runner = aiohttp.web.AppRunner(app, shutdown_timeout=1.0)
    await runner.setup()
    await aiohttp.web.TCPSite(runner, str(D1), PORT, ssl_context=credentials.server()).start()
    try:
        yield
    finally:
        await asyncio.wait_for(runner.cleanup(), 20)


@pytest.mark.parametrize("nonsense", [b"4\xff", b"T[]", b"Tnull", b"C1", b"4" + b"\0" * 8, b"6" + b"\0" * 9])
async def test_a_peer_that_sends_nonsense_is_left_and_asked_again_later(tmp_path, nonsense):
    async def say(end):
        await end.send_bytes(nonsense)
        await asyncio.sleep(5)

    rig = Rig(tmp_path)
    async with publishing(tmp_path, say), hearing(rig.subscriber()) as subscriber:
        await until(lambda: subscriber.state is PeerState.REFUSED)
        assert subscriber.error.startswith("it sent ")
        assert rig.gone == ["d1"]


async def test_what_a_newer_peer_says_beside_is_passed_over(tmp_path):
    async def say(end):
        await end.send_bytes(b"Zsomething of tomorrow")
        await end.send_bytes(encode(Complete(joined=True)))
        await asyncio.sleep(5)

    rig = Rig(tmp_path)
    async with publishing(tmp_path, say), hearing(rig.subscriber()) as subscriber:
        await until(lambda: rig.heard == [Complete(joined=True)])
        assert subscriber.state is PeerState.CONNECTED


async def test_a_peer_that_floods_gets_its_share_of_the_processor_and_no_more(tmp_path, monkeypatch):
    monkeypatch.setattr("clusterlb.peers.subscriber.CREDIT", 0.1)

    async def say(end):
        tables = encode(PeerTables({f"tcp 10.0.0.1:{port}": "0" * 12 for port in range(10_000)}))
        while not end.closed:
            await end.send_bytes(tables)
            await asyncio.sleep(0)  # once the connection is lost, sending alone never yields

    rig = Rig(tmp_path)
    async with publishing(tmp_path, say):
        subscriber = rig.subscriber()
        subscriber._credit = 0.1
        async with hearing(subscriber):
            await until(lambda: rig.heard)
            await asyncio.sleep(4.0)
            assert len(rig.heard) < 150, "without the limit there would be a thousand"
            assert subscriber.state is PeerState.CONNECTED


async def test_too_large_a_message_ends_the_connection(tmp_path):
    async def say(end):
        await end.send_bytes(b"T" + b" " * (2 << 20))
        await asyncio.sleep(5)

    rig = Rig(tmp_path)
    async with publishing(tmp_path, say), hearing(rig.subscriber()) as subscriber:
        await until(lambda: subscriber.state is PeerState.REFUSED)
        assert rig.heard == []


async def test_what_a_peer_says_moves_no_cursor(tmp_path):
    async def say(end):
        await end.close(code=4000, message=b"\x1b[2Jgo away")

    rig = Rig(tmp_path)
    async with publishing(tmp_path, say), hearing(rig.subscriber()) as subscriber:
        await until(lambda: subscriber.state is PeerState.REFUSED)
        assert "\x1b" not in subscriber.error
    async with listening(tmp_path) as served:
        served.publisher._rows = lambda _: ("a\x1b[2Jb", "x" * 300, 7)
        assert await served.subscriber().table("web") == ("a\N{REPLACEMENT CHARACTER}[2Jb",)
