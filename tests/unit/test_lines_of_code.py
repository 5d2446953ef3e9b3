"""What the figure of the package's size counts."""

from tests.bench.bench_lines_of_code import measure, physical_lines, source_lines

SOURCE = '''"""A module."""

import os  # with a comment

# a comment


def f() -> str:
    """Say it.

    At length.
    """
    return """
    two

    lines"""
'''


def test_blank_lines_comments_and_docstrings_are_no_source_lines() -> None:
    assert physical_lines(SOURCE) == 16
    assert source_lines(SOURCE) == 6  # import, def, and the four lines of the text, which is no docstring


def test_the_package_has_source_lines_and_others() -> None:
    physical, source = measure()
    assert (physical.name, source.name) == ("lines_of_code", "source_lines_of_code")
    assert physical.value > source.value > 0
    assert physical.line().split("  #")[0] == f"BENCH lines_of_code {physical.value:.0f} lines"
