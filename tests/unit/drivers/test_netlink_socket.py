"""The socket against scripted answers, and against the running kernel's own netlink controller."""

from __future__ import annotations

import struct
from collections import deque
from errno import EAGAIN, EBUSY, EEXIST, EINTR, EMSGSIZE, ENOBUFS, ENOENT, EPERM, ESRCH, ETIMEDOUT

import pytest
from ipvs_replies import attr, message

from clusterlb.drivers.ipvs.protocol import CTRL_CMD_GETFAMILY, GENL_HEADER, GENL_ID_CTRL
from clusterlb.drivers.netlink.codec import NLM_F_CREATE, NetlinkError
from clusterlb.drivers.netlink.socket import MAX_BATCH, NETLINK_GENERIC, NetlinkSocket

FAMILY = 30


def error(errno: int, sequence: int, text: str = "") -> bytes:
    """NLMSG_ERROR as a kernel with NETLINK_CAP_ACK and NETLINK_EXT_ACK writes it; 0 is an acknowledgement."""
    note = attr(1, text.encode() + b"\0") if text else b""
    body = struct.pack("=i", -errno) + struct.pack("=IHHII", 20, FAMILY, 5, sequence, 0) + note
    flags = 0x100 | (0x200 if text else 0)
    return struct.pack("=IHHII", 16 + len(body), 2, flags, sequence, 0) + body


def done(sequence: int, errno: int = 0, flags: int = 2) -> bytes:
    return struct.pack("=IHHIIi", 20, 3, flags, sequence, 0, -errno)


class Scripted:
    """A socket that records what is sent and answers from a list; an OSError in it is raised."""

    def __init__(self, *answers: bytes | OSError) -> None:
        self.answers = deque(answers)
        self.sent: list[bytes] = []

    def send(self, data: bytes) -> int:
        self.sent.append(data)
        return len(data)

    def recv(self, size: int, flags: int = 0) -> bytes:
        answer = self.answers.popleft() if self.answers else BlockingIOError(EAGAIN, "timed out")
        if isinstance(answer, OSError):
            raise answer
        return answer

    def close(self) -> None:
        pass


@pytest.fixture
def netlink() -> NetlinkSocket:
    real = NetlinkSocket(NETLINK_GENERIC)
    real._socket.close()
    return real


def scripted(netlink: NetlinkSocket, *answers: bytes | OSError) -> Scripted:
    script = Scripted(*answers)
    netlink._socket = script
    return script


def headers(data: bytes) -> list[tuple[int, ...]]:
    found = []
    while data:
        header = struct.unpack_from("=IHHII", data)
        found.append(header)
        data = data[header[0] :]
    return found


def test_only_the_last_message_of_a_batch_asks_for_an_acknowledgement(netlink: NetlinkSocket) -> None:
    script = scripted(netlink, error(0, 3))
    result = netlink.batch([(FAMILY, NLM_F_CREATE, b"aaaabbbb"), (FAMILY, 0, b"cccc"), (FAMILY, 0, b"")])
    assert (result.refusals, result.lost) == ({}, 0)
    assert headers(script.sent[0]) == [
        (24, FAMILY, 0x401, 1, 0),
        (20, FAMILY, 1, 2, 0),
        (16, FAMILY, 5, 3, 0),
    ]
    assert script.sent[0][16:24] == b"aaaabbbb"


def test_refusals_are_mapped_by_sequence_number_across_reads(netlink: NetlinkSocket) -> None:
    netlink._sequence = 100
    scripted(netlink, error(EEXIST, 102) + error(ESRCH, 104), error(EPERM, 105, "not you"))
    result = netlink.batch([(FAMILY, 0, b"")] * 5)
    assert {index: refusal.errno for index, refusal in result.refusals.items()} == {
        1: EEXIST,
        3: ESRCH,
        4: EPERM,
    }
    assert str(result.refusals[4]) == "not you"
    assert str(result.refusals[1]) == "File exists"


def test_late_answers_to_earlier_questions_are_ignored(netlink: NetlinkSocket) -> None:
    netlink._sequence = 10
    scripted(netlink, error(EEXIST, 9) + error(EEXIST, 10), done(10), error(0, 12))
    assert netlink.batch([(FAMILY, 0, b"")] * 2).refusals == {}


def test_sequence_numbers_wrap(netlink: NetlinkSocket) -> None:
    netlink._sequence = 2**32 - 2
    script = scripted(netlink, error(ESRCH, 2**32 - 1) + error(ENOENT, 0) + error(0, 1))
    result = netlink.batch([(FAMILY, 0, b"")] * 3)
    assert [header[3] for header in headers(script.sent[0])] == [2**32 - 1, 0, 1]
    assert {index: refusal.errno for index, refusal in result.refusals.items()} == {0: ESRCH, 1: ENOENT}


def test_an_overrun_keeps_what_arrived_and_says_that_answers_are_lost(netlink: NetlinkSocket) -> None:
    script = scripted(
        netlink, OSError(ENOBUFS, "overrun"), error(EEXIST, 1), BlockingIOError(EAGAIN, ""), error(0, 3)
    )
    result = netlink.batch([(FAMILY, 0, b"")] * 3)
    assert result.lost == ENOBUFS
    assert {index: refusal.errno for index, refusal in result.refusals.items()} == {0: EEXIST}
    assert len(script.answers) == 1  # it did not wait for more


def test_an_overrun_after_which_the_last_answer_is_there_still_lost_some(netlink: NetlinkSocket) -> None:
    scripted(netlink, OSError(ENOBUFS, "overrun"), error(0, 2))
    assert netlink.batch([(FAMILY, 0, b"")] * 2).lost == ENOBUFS


def test_silence_ends_in_a_timeout(netlink: NetlinkSocket) -> None:
    scripted(netlink)
    assert netlink.batch([(FAMILY, 0, b"")]).lost == ETIMEDOUT
    with pytest.raises(NetlinkError) as raised:
        netlink.ask(FAMILY, b"")
    assert raised.value.errno == ETIMEDOUT
    with pytest.raises(NetlinkError) as raised:
        netlink.dump(FAMILY, b"")
    assert raised.value.errno == ETIMEDOUT
    with pytest.raises(NetlinkError) as raised:
        netlink.do(FAMILY, b"")
    assert raised.value.errno == ETIMEDOUT


def test_a_batch_has_a_size(netlink: NetlinkSocket) -> None:
    for count in (0, MAX_BATCH + 1):
        with pytest.raises(ValueError, match="1 to 256"):
            netlink.batch([(FAMILY, 0, b"")] * count)


def test_a_dump_is_collected_across_reads(netlink: NetlinkSocket) -> None:
    one, two, three = (message(5, bytes([number] * 4)) for number in (1, 2, 3))
    script = scripted(netlink, one + two, message(5, b"late", sequence=0) + three, done(1))
    answers = netlink.dump(FAMILY, b"body")
    assert [data[start:end] for data, start, end in answers] == [one, two, three]
    assert headers(script.sent[0])[0][:3] == (20, FAMILY, 0x301)


def test_an_interrupted_dump_is_asked_for_again(netlink: NetlinkSocket) -> None:
    whole = message(5, b"once", sequence=2)
    script = scripted(netlink, message(5, b"part", flags=0x12), done(1), whole, done(2))
    assert [data[start:end] for data, start, end in netlink.dump(FAMILY, b"")] == [whole]
    assert len(script.sent) == 2


@pytest.mark.parametrize("errno", [EINTR, EBUSY, ENOBUFS])
def test_a_dump_that_never_succeeds_gives_up(netlink: NetlinkSocket, errno: int) -> None:
    script = scripted(netlink, *(error(errno, sequence) for sequence in range(1, 20)))
    with pytest.raises(NetlinkError) as raised:
        netlink.dump(FAMILY, b"")
    assert raised.value.errno == errno
    assert len(script.sent) == 5


def test_a_refused_dump_is_not_repeated(netlink: NetlinkSocket) -> None:
    script = scripted(netlink, done(1, EPERM))
    with pytest.raises(NetlinkError) as raised:
        netlink.dump(FAMILY, b"")
    assert raised.value.errno == EPERM
    assert len(script.sent) == 1


def test_a_truncated_answer_is_an_error(netlink: NetlinkSocket) -> None:
    scripted(netlink, bytes(1 << 16))
    with pytest.raises(NetlinkError) as raised:
        netlink.ask(FAMILY, b"")
    assert raised.value.errno == EMSGSIZE


@pytest.mark.parametrize("length", [0, 15, 400])
def test_an_impossible_length_is_an_error(netlink: NetlinkSocket, length: int) -> None:
    scripted(netlink, struct.pack("=IHHII", length, FAMILY, 0, 1, 0))
    with pytest.raises(NetlinkError, match=f"impossible length {length}"):
        netlink.ask(FAMILY, b"")


def test_a_refused_dump_explains_itself_behind_its_error_number(netlink: NetlinkSocket) -> None:
    """NLMSG_DONE quotes no request before the explanation."""
    note = attr(1, b"no such table\0")
    scripted(netlink, struct.pack("=IHHIIi", 20 + len(note), 3, 0x202, 1, 0, -ENOENT) + note)
    with pytest.raises(NetlinkError, match="no such table") as raised:
        netlink.dump(FAMILY, b"")
    assert raised.value.errno == ENOENT


def test_an_explanation_follows_a_request_that_is_quoted_whole(netlink: NetlinkSocket) -> None:
    quoted = struct.pack("=IHHII", 21, FAMILY, 5, 1, 0) + b"whole   "
    body = struct.pack("=i", -EPERM) + quoted + attr(1, b"not you\0")
    scripted(netlink, struct.pack("=IHHII", 16 + len(body), 2, 0x200, 1, 0) + body)
    with pytest.raises(NetlinkError, match="not you"):
        netlink.ask(FAMILY, b"whole")


def test_an_acknowledgement_without_an_error_number_is_an_error(netlink: NetlinkSocket) -> None:
    scripted(netlink, struct.pack("=IHHII", 16, 2, 0, 1, 0))
    with pytest.raises(NetlinkError, match="without an error number"):
        netlink.ask(FAMILY, b"")


def test_the_running_kernel_answers() -> None:
    """Every kernel has the generic-netlink controller; it stands in for IPVS."""
    get = GENL_HEADER.pack(CTRL_CMD_GETFAMILY, 1, 0)
    with NetlinkSocket(NETLINK_GENERIC) as real:
        families = real.dump(GENL_ID_CTRL, get)
        assert any(b"nlctrl\0" in data[start:end] for data, start, end in families)
        answer = real.ask(GENL_ID_CTRL, get + attr(2, b"nlctrl\0"))
        assert b"nlctrl\0" in answer[0]
        with pytest.raises(NetlinkError) as raised:
            real.ask(GENL_ID_CTRL, get + attr(2, b"no-such-family\0"))
        assert raised.value.errno == ENOENT
        bad = (GENL_ID_CTRL, 0, get + attr(2, b"no-such-family\0"))
        result = real.batch([bad] * MAX_BATCH)
        assert result.lost == 0
        assert list(result.refusals) == list(range(MAX_BATCH))
        assert {refusal.errno for refusal in result.refusals.values()} == {ENOENT}
        real.close()
