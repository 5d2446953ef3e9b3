"""A version is made only of a commit in which everything names it."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import clusterlb

ROOT = Path(__file__).parents[2]
CHANGES = """# Changelog

Words.

## 0.2.0 - 2026-12-01

### Added

- A thing.

## 0.1.0 - 2026-11-01

- The first.
"""
PAGE = "### Added\n\n- A thing.\n"


class Checkout:
    """A repository with the script and what it reads, all of it committed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "scripts").mkdir()
        (root / "clusterlb").mkdir()
        shutil.copy(ROOT / "scripts" / "release", root / "scripts")
        self.write(changes=CHANGES)
        self.git("init", "--quiet")
        self.commit()

    def write(self, version: str = "0.2.0", changes: str = CHANGES) -> None:
        (self.root / "clusterlb" / "__init__.py").write_text(f'__version__ = "{version}"\n')
        (self.root / "CHANGELOG.md").write_text(changes)

    def git(self, *arguments: str) -> str:
        who = ("-c", "user.name=ada", "-c", "user.email=ada@clusterlb.example")
        argv = ["git", *who, *arguments]
        return subprocess.run(argv, cwd=self.root, check=True, capture_output=True, text=True).stdout

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "Change it")

    def release(self, *arguments: str) -> tuple[int, str, str]:
        environment = {"PATH": "/usr/bin:/bin", "HOME": str(self.root), "LC_ALL": "C.UTF-8"}
        environment |= {f"GIT_COMMITTER_{what}": "ada@clusterlb.example" for what in ("NAME", "EMAIL")}
        argv = ["scripts/release", *arguments]
        done = subprocess.run(
            argv, cwd=self.root, env=environment, check=False, capture_output=True, text=True
        )
        return done.returncode, done.stdout, done.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def test_a_version_is_tagged_with_its_page(checkout: Checkout) -> None:
    status, page, said = checkout.release("0.2.0")
    assert (status, page) == (0, PAGE)
    assert said == "release: tagged v0.2.0; when its page reads well: git push origin v0.2.0\n"
    assert checkout.git("for-each-ref", "--format=%(contents)", "refs/tags/v0.2.0").strip() == (
        f"clusterlb 0.2.0\n\n{PAGE}".strip()
    )


def test_a_check_makes_no_tag(checkout: Checkout) -> None:
    assert checkout.release("--check", "0.2.0") == (0, PAGE, "")
    assert checkout.git("tag") == ""


def refused(checkout: Checkout, version: str = "0.2.0") -> str:
    before = checkout.git("tag")
    status, page, said = checkout.release(version)
    assert (status, page) == (1, "")
    assert checkout.git("tag") == before
    return said


def test_the_package_has_to_say_the_version(checkout: Checkout) -> None:
    checkout.write(version="0.1.0")
    checkout.commit()
    assert refused(checkout) == "release: clusterlb/__init__.py says 0.1.0, not 0.2.0\n"


@pytest.mark.parametrize(
    "first", ["## Unreleased", "## 0.2.1 - 2026-12-01", "## 0.2.0", "## 0x2.0 - 2026-12-01", ""]
)
def test_the_changelog_has_to_begin_with_it(checkout: Checkout, first: str) -> None:
    checkout.write(changes=CHANGES.replace("## 0.2.0 - 2026-12-01", first))
    checkout.commit()
    assert "the first section of CHANGELOG.md is" in refused(checkout)


def test_a_section_without_words_is_no_page(checkout: Checkout) -> None:
    checkout.write(changes=CHANGES.replace(PAGE, ""))
    checkout.commit()
    assert refused(checkout) == "release: the section of 0.2.0 in CHANGELOG.md is empty\n"


def test_what_is_not_committed_is_not_released(checkout: Checkout) -> None:
    (checkout.root / "more").write_text("")
    assert "not committed" in refused(checkout)


def test_a_version_is_made_once(checkout: Checkout) -> None:
    checkout.release("0.2.0")
    assert refused(checkout) == "release: there is a tag v0.2.0 already\n"


@pytest.mark.parametrize("version", ["v0.2.0", "0.2", "0.2.0rc1", "", "0.2.0\n0.2.0"])
def test_a_version_has_three_numbers(checkout: Checkout, version: str) -> None:
    assert "a version has three numbers" in refused(checkout, version)


def test_no_version_is_a_question(checkout: Checkout) -> None:
    status, _, said = checkout.release()
    assert status == 2
    assert "scripts/release VERSION" in said


def test_this_projects_version_has_one_source() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert "version" not in project["project"]
    assert project["tool"]["hatch"]["version"] == {"path": "clusterlb/__init__.py"}
    assert re.fullmatch(r"\d+\.\d+\.\d+", clusterlb.__version__)
