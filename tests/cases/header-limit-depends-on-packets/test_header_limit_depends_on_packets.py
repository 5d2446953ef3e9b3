import pytest
from stream_members import check, member, saying

from clusterlb.checks.http import HEAD_LIMIT, HttpDialogue
from clusterlb.checks.probe import Result
from clusterlb.checks.smtp import LINE_LIMIT, ReplyError, ReplyReader
from clusterlb.checks.stream import READ_LIMIT
from clusterlb.model.check import CheckType, HttpOptions

OK = b"HTTP/1.1 200 OK\r\n"


def headers(size: int) -> bytes:
    """Return a head of so many bytes, the empty line included."""
    return OK + b"Content-Security-Policy: " + b"a" * (size - len(OK) - 29) + b"\r\n\r\n"


def answer(data: bytes, step: int, **options) -> Result:
    dialogue = HttpDialogue(HttpOptions(**options), "member")
    dialogue.begin()
    for place in range(0, len(data), step):
        result = dialogue.receive(data[place : place + step])
        if isinstance(result, Result):
            return result
    return dialogue.end_of_file()


@pytest.mark.parametrize("step", [1 << 20, 17000, 1000, 1])
@pytest.mark.parametrize(("size", "ok"), [(20_000, True), (HEAD_LIMIT, True), (HEAD_LIMIT + 1, False)])
def test_headers_pass_or_fail_by_their_size(size, ok, step):
    result = answer(headers(size) + b"ok", step)
    assert result.ok == ok
    assert ok or result.detail == f"broken answer: headers of more than {HEAD_LIMIT} bytes"


@pytest.mark.parametrize("step", [1 << 20, 17000, 999])
def test_the_line_of_a_chunk_passes_however_it_was_cut(step):
    chunk = OK + b"Transfer-Encoding: chunked\r\n\r\n4;" + b"x" * 20000 + b"\r\nwell\r\n0\r\n\r\n"
    assert answer(chunk, step, body="^well$").ok


@pytest.mark.parametrize("ending", [b"\r\n", b"\n"])
@pytest.mark.parametrize("step", [1 << 20, 1])
def test_a_line_of_smtp_ends_on_its_limit(step, ending):
    for size, ok in ((LINE_LIMIT, True), (LINE_LIMIT + 1, False)):
        line = b"220 " + b"x" * (size - 4) + ending
        reader = ReplyReader()
        try:
            replies = []
            for place in range(0, len(line), step):
                reader.feed(line[place : place + step])
                replies.append(reader.next())
            passed = replies[-1].code == 220
        except ReplyError:
            passed = False
        assert passed == ok


@pytest.mark.parametrize("step", [1 << 20, 9999])
def test_the_total_of_a_run_counts_bytes(step):
    limit = READ_LIMIT + 4 * 100
    for size, ok in ((limit, True), (limit + 1, False)):
        begin, end = OK + b"Transfer-Encoding: chunked\r\n\r\n4;", b"\r\nwell\r\n0\r\n\r\n"
        whole = begin + b"x" * (size - len(begin) - len(end)) + end
        parts = [whole[place : place + step] for place in range(0, size, step)]
        with member(saying(*parts)) as port:
            result = check(CheckType.HTTP, HttpOptions(body="^well$", body_limit=100), port)
        assert result.ok == ok
        assert ok or result.detail.startswith(f"sent more than {limit} bytes; ")
