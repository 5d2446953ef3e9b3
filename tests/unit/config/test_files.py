"""What can be wrong with files before, and instead of, YAML."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest

from clusterlb.config import files
from clusterlb.config.load import InventoryError, Problem, load

CLUSTER = "cluster: {name: c, vip_prefixes: [10.100.0.0/24]}\n"
DIRECTORS = "directors:\n  d1: {router_id: 10.1.0.1, uplinks: [e0]}\n"


def only_problem(path: Path) -> Problem:
    with pytest.raises(InventoryError) as caught:
        load(path)
    (problem,) = caught.value.problems
    return problem


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    problem = only_problem(tmp_path / "none.yaml")
    assert problem.text == "no such file or folder"
    assert (problem.file, problem.line, problem.column) == (str(tmp_path / "none.yaml"), 0, 0)


@pytest.mark.parametrize(
    "content", ["", "\n\n", "# nothing but a comment\n", "---\n", "---\n...\n", "~", "\ufeff"]
)
def test_an_empty_file(content: str, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text(content)
    assert only_problem(path).text == "is empty"


def test_a_folder_without_yaml(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.yaml").write_text("x")
    assert only_problem(tmp_path).text == "no inventory file in this folder"


def test_a_fifo_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.yaml")
    assert only_problem(tmp_path / "a.yaml").text == "is a FIFO, not a regular file"
    assert only_problem(tmp_path).text == "is a FIFO, not a regular file"


def test_devices_and_sockets(tmp_path: Path) -> None:
    assert only_problem(Path("/dev/zero")).text == "is a character device, not a regular file"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        assert only_problem(tmp_path / "s").text == "is a socket, not a regular file"


def test_a_folder_that_is_named_like_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").mkdir()
    assert only_problem(tmp_path).text == "is a folder, not a regular file"


def test_links(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").symlink_to("gone")
    assert only_problem(tmp_path / "broken.yaml").text == "is a broken symbolic link to gone"
    assert only_problem(tmp_path).text == "is a broken symbolic link to gone"
    (tmp_path / "loop").symlink_to("loop")
    assert "symbolic links" in only_problem(tmp_path / "loop").text


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    path = tmp_path / "a.yaml"
    path.write_text(CLUSTER)
    monkeypatch.setattr(Path, "open", denied)
    assert only_problem(path).text == "may not be read: permission denied"


def test_a_path_with_a_null_byte() -> None:
    assert only_problem(Path("a\0b")).text.startswith("cannot be")


def test_100_megabytes_are_refused_unread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(100_000_000)

    def opened(*_: object, **__: object) -> None:
        raise AssertionError("opened")

    monkeypatch.setattr(Path, "open", opened)
    assert only_problem(path).text.startswith("is too large: 100,000,000 bytes")


def test_a_file_that_grows_is_read_no_further_than_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.yaml"
    with path.open("wb") as file:
        file.truncate(files.LIMIT + 1000)
    real = Path.stat

    def small(self: Path, **options: bool) -> os.stat_result:
        status = real(self, **options)
        return (
            os.stat_result((stat.S_IFREG | 0o644, *status[1:6], 0, *status[7:])) if self == path else status
        )

    monkeypatch.setattr(Path, "stat", small)
    assert only_problem(path).text.startswith(f"is too large: {files.LIMIT + 1:,} bytes")


def test_a_folder_shares_one_limit(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CLUSTER + DIRECTORS)
    with (tmp_path / "b.yaml").open("wb") as file:
        file.truncate(files.LIMIT)
    problem = only_problem(tmp_path)
    assert problem.file == str(tmp_path / "b.yaml")
    assert "of which the files before it leave" in problem.text


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_bytes_that_are_not_utf8(mark: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(mark + b"cluster:\n  name: M\xfcnchen\n")
    problem = only_problem(path)
    assert problem.text == f"not UTF-8: byte 0xfc at byte offset {18 + len(mark)}, line 2"
    assert (problem.line, problem.column) == (2, 10)
    assert problem.source == "  name: M\ufffdnchen"


def test_utf16(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(CLUSTER.encode("utf-16"))
    assert "UTF-16" in only_problem(path).hint


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + (CLUSTER + DIRECTORS).encode())
    assert load(path)[0].cluster.name == "c"


def test_a_name_that_is_not_utf8_can_be_shown(tmp_path: Path) -> None:
    assert only_problem(tmp_path / os.fsdecode(b"\xff.yaml")).file.endswith("\\xff.yaml")


def test_a_folder_is_merged_in_the_order_of_names(tmp_path: Path) -> None:
    (tmp_path / "20-more.yml").write_text("directors:\n  d0: {router_id: 10.1.0.2, uplinks: [e0]}\n")
    (tmp_path / "10-base.yaml").write_text(CLUSTER + DIRECTORS)
    (tmp_path / "README").write_text("{{{")
    inventory, problems = load(tmp_path)
    assert list(inventory.directors) == ["d1", "d0"]
    assert problems == ()


def test_duplicates_across_files_name_both_places(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(CLUSTER + DIRECTORS)
    (tmp_path / "b.yaml").write_text("\n" + CLUSTER + DIRECTORS)
    with pytest.raises(InventoryError) as caught:
        load(tmp_path)
    assert [(p.file, p.line, p.column, p.text) for p in caught.value.problems] == [
        (str(tmp_path / "b.yaml"), 2, 1, "duplicate section `cluster`"),
        (str(tmp_path / "b.yaml"), 4, 3, "duplicate key `d1` in `directors`"),
    ]
    assert [p.hint for p in caught.value.problems] == [
        f"first written at {tmp_path / 'a.yaml'}:1:1; keep one of them",
        f"first written at {tmp_path / 'a.yaml'}:3:3; keep one of them",
    ]


def test_a_file_that_cannot_be_read_does_not_make_others_look_wrong(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("cluster: [")
    (tmp_path / "b.yaml").write_text(
        DIRECTORS + "vips: {10.100.0.1: {services: [{protocol: tcp, port: -1, pool: web}]}}\n"
    )
    with pytest.raises(InventoryError) as caught:
        load(tmp_path)
    assert [Path(problem.file).name for problem in caught.value.problems] == ["a.yaml", "b.yaml"]
    assert caught.value.problems[1].text == "`port` must be at least 0, but is -1"
