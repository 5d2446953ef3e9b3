import errno
import os
import socket

import pytest
from probing import make_key, observe, open_descriptors, probe_once

from clusterlb.checks.probe import Result, UnsentError, make_probe
from clusterlb.model.check import CheckType, FileOptions


def read(path, weight: bool = False) -> Result:
    result = probe_once(make_key(CheckType.FILE, FileOptions(str(path), weight), "192.0.2.1", 80))
    return result._replace(detail=result.detail.removeprefix(str(path)).lstrip(": "))


@pytest.mark.parametrize("content", ["50", "50\n", " 50 \r\n", "050"])
@pytest.mark.parametrize("weight", [False, True])
def test_a_number_above_0_passes_and_is_the_share_where_it_is_a_weight(tmp_path, content, weight):
    path = tmp_path / "number"
    path.write_text(content)
    assert read(path, weight) == Result(True, "holds 50", 50 if weight else None)


@pytest.mark.parametrize("weight", [False, True])
def test_0_is_down(tmp_path, weight):
    path = tmp_path / "number"
    path.write_text("0\n")
    assert read(path, weight) == Result(False, "holds 0")


@pytest.mark.parametrize(
    "content",
    [b"101", b"-1", b"1.5", b"+1", b"1e1", b"up", b"\xb2", b"1\x00", b"1\n2", b" " * 64 + b"1", b"1" * 70000],
)
def test_anything_but_a_number_from_0_to_100_is_down(tmp_path, content):
    path = tmp_path / "number"
    path.write_bytes(content)
    assert read(path, True) == Result(False, "does not hold a number from 0 to 100")


def test_an_empty_file_is_down(tmp_path):
    path = tmp_path / "number"
    path.touch()
    assert read(path) == Result(False, "is empty")


def test_a_missing_file_is_down(tmp_path):
    assert read(tmp_path / "none") == Result(False, "no such file or directory")


def test_a_file_that_cannot_be_opened_is_down(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    assert read(loop) == Result(False, "too many levels of symbolic links")


def test_a_file_that_may_not_be_read_says_nothing_about_the_member(tmp_path, monkeypatch):
    """The check engine runs as nobody: it is the director's own trouble, and named with the file."""

    def deny(*_: object) -> int:
        raise PermissionError(errno.EACCES, "no")

    monkeypatch.setattr(os, "open", deny)
    with pytest.raises(UnsentError, match=f"EACCES {tmp_path}/number"):
        read(tmp_path / "number")


def test_a_fifo_a_directory_and_a_device_are_down_and_do_not_block(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    for path in (fifo, tmp_path, "/dev/zero"):
        assert read(path) == Result(False, "is not a regular file")


def test_a_socket_is_down(tmp_path):
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        assert not read(path).ok


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_only_the_members_address_and_port_are_put_into_the_path(tmp_path, address):
    path = tmp_path / f"{address}-80-{{weight}}-{{0}}-%s"
    path.write_text("1")
    options = FileOptions(str(tmp_path / "{address}-{port}-{weight}-{0}-%s"))
    assert probe_once(make_key(CheckType.FILE, options, address, 80)) == Result(True, f"{path} holds 1")


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM])
def test_a_shortage_is_no_result(monkeypatch, number):
    def fail(*_: object) -> int:
        raise OSError(number, "no")

    probe = make_probe(make_key(CheckType.FILE, FileOptions("/etc/hostname")))
    monkeypatch.setattr(os, "open", fail)
    with pytest.raises(UnsentError) as caught:
        probe.start()
    probe.close()
    assert caught.value.scarce


def test_the_real_runner_sees_the_file_change(tmp_path):
    path = tmp_path / "number"
    path.write_text("30")
    key = make_key(CheckType.FILE, FileOptions(str(path), weight=True))
    assert {(seen.ok, seen.share) for _, seen in observe([key], 2)} == {(True, 30)}
    path.write_text("0")
    assert {(seen.ok, seen.share) for _, seen in observe([key], 2)} == {(False, None)}


def test_no_descriptor_is_left(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    before = open_descriptors()
    for path in (fifo, tmp_path, tmp_path / "none", "/etc/hostname"):
        read(path)
    assert open_descriptors() == before
