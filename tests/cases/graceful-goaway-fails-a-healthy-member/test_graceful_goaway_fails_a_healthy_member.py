import hpack
import pytest

from clusterlb.checks.grpc import GrpcDialogue
from clusterlb.checks.probe import Result
from clusterlb.model.check import GrpcOptions

LAST = (1 << 31) - 1  # what a server names that has not made up its mind yet
NO_ERROR, INTERNAL_ERROR = 0, 2


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big") + payload


def goaway(last: int, code: int = NO_ERROR, text: bytes = b"", stream: int = 0) -> bytes:
    return frame(7, 0, stream, last.to_bytes(4, "big") + code.to_bytes(4, "big") + text)


def headers(flags: int, *pairs: tuple[str, str]) -> bytes:
    return frame(1, flags, 1, hpack.Encoder().encode(pairs))


SETTINGS = frame(4, 0, 0) + frame(4, 1, 0)
HEADERS = headers(4, (":status", "200"), ("content-type", "application/grpc"))
SERVING = frame(0, 0, 1, b"\0\0\0\0\2\x08\x01")
NOT_SERVING = frame(0, 0, 1, b"\0\0\0\0\2\x08\x02")
TRAILERS = headers(5, ("grpc-status", "0"))


def answered(answer: bytes, step: int) -> Result:
    dialogue = GrpcDialogue(GrpcOptions(), "member", 1.0)
    dialogue.begin()
    for place in range(0, len(answer), step):
        result = dialogue.receive(answer[place : place + step])
        if isinstance(result, Result):
            return result
    return dialogue.end_of_file()


CASES = {
    "before the answer": (SETTINGS + goaway(1) + HEADERS + SERVING + TRAILERS, True),
    "first of two": (SETTINGS + goaway(LAST) + goaway(1) + HEADERS + SERVING + TRAILERS, True),
    "amid the answer": (SETTINGS + HEADERS + goaway(1, text=b"draining") + SERVING + TRAILERS, True),
    "before the trailers": (SETTINGS + HEADERS + SERVING + goaway(1) + TRAILERS, True),
    "after the answer": (SETTINGS + HEADERS + SERVING + TRAILERS + goaway(1), True),
    "an error after the answer": (SETTINGS + HEADERS + SERVING + TRAILERS + goaway(1, INTERNAL_ERROR), True),
    "and not serving": (SETTINGS + goaway(LAST) + HEADERS + NOT_SERVING + TRAILERS, False),
    "and no answer": (SETTINGS + goaway(1), False),
    "and half an answer": (SETTINGS + HEADERS + goaway(1) + SERVING, False),
    "of stream 0": (SETTINGS + goaway(0) + HEADERS + SERVING + TRAILERS, False),
    "taken back": (SETTINGS + goaway(LAST) + goaway(0) + HEADERS + SERVING + TRAILERS, False),
    "an error": (SETTINGS + goaway(1, INTERNAL_ERROR) + HEADERS + SERVING + TRAILERS, False),
    "an error that has no name": (SETTINGS + goaway(1, 0xFFFF) + HEADERS + SERVING + TRAILERS, False),
    "too short": (SETTINGS + frame(7, 0, 0, b"\0\0\0\1") + HEADERS + SERVING + TRAILERS, False),
    "on a stream": (SETTINGS + goaway(1, stream=1) + HEADERS + SERVING + TRAILERS, False),
}


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize("case", CASES)
def test_the_answer_decides(case, step):
    answer, ok = CASES[case]
    result = answered(answer, step)
    assert result.ok == ok, result.detail


def test_the_reason_is_told():
    assert answered(CASES["and no answer"][0], 1000).detail == (
        "closed the connection after GOAWAY: NO_ERROR; still to come: the headers of the answer"
    )
    assert answered(SETTINGS + goaway(0, text=b"bye"), 1000).detail == "the member sent GOAWAY: NO_ERROR, bye"
    assert answered(CASES["an error that has no name"][0], 1).detail == "the member sent GOAWAY: error 65535"
