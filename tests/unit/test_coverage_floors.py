"""A room below its floor is told, and so is a file that is whole and still called open."""

from tests.coverage_floors import OPEN, missed, share


def ran(covered: int, there: int, branches: int = 0) -> dict[str, int]:
    return {
        "num_statements": there,
        "covered_lines": covered,
        "num_branches": branches,
        "covered_branches": branches,
    }


def test_lines_and_branches_count_alike() -> None:
    assert share([ran(1, 2), ran(1, 1, branches=1)]) == 75
    assert share([]) == 100


def test_a_room_below_its_floor() -> None:
    files = {"api/run.py": ran(1, 2), "cli/up.py": ran(2, 2)}
    assert missed(files, {"api": 50.0, "cli": 100.0}, frozenset()) == []
    assert missed(files, {"api": 50.5}, frozenset()) == [
        "api: 50.0 % of its lines and branches run, and its floor is 50.5"
    ]


def test_core_and_model_are_whole_but_for_what_is_open() -> None:
    files = {"core/a.py": ran(1, 2), "core/b.py": ran(2, 2), "model/c.py": ran(0, 1), "lab/d.py": ran(0, 1)}
    assert missed(files, {}, frozenset({"core/a.py", "model/c.py"})) == []
    assert [text.partition(":")[0] for text in missed(files, {}, frozenset({"core/b.py"}))] == [
        "core/a.py",
        "core/b.py",
        "model/c.py",
    ]


def test_what_is_open_is_of_the_rooms_that_are_whole() -> None:
    assert {path.partition("/")[0] for path in OPEN} <= {"core", "model"}
