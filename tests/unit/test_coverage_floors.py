"""A room below its floor is told."""

from tests.coverage_floors import missed, share


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
    assert missed(files, {"api": 50.0, "cli": 100.0}) == []
    assert missed(files, {"api": 50.5}) == [
        "api: 50.0 % of its lines and branches run, and its floor is 50.5"
    ]


def test_core_and_model_are_whole() -> None:
    files = {"core/a.py": ran(1, 2), "core/b.py": ran(2, 2), "model/c.py": ran(0, 1), "lab/d.py": ran(0, 1)}
    assert [text.partition(":")[0] for text in missed(files, {})] == ["core/a.py", "model/c.py"]
