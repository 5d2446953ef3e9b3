"""Every case directory has its README, its test, and its row in docs/cases.md."""

from tests.cases.table import CASES, TABLE, table


def test_every_directory_has_a_readme_and_a_test():
    directories = [path for path in CASES.iterdir() if path.is_dir() and path.name != "__pycache__"]
    assert directories
    for path in directories:
        assert (path / "README.md").exists(), path
        assert (path / f"test_{path.name.replace('-', '_')}.py").exists(), path


def test_the_table_is_up_to_date():
    assert TABLE.read_text() == table(), "run: python -m tests.cases.table"
