"""The lock files: whatever is installed is named there, at one version and by its hashes."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MORE = PROJECT["optional-dependencies"]
WANTED = {
    "requirements.txt": [*PROJECT["dependencies"], *MORE["build"]],
    "requirements-dev.txt": [*PROJECT["dependencies"], *(each for extra in MORE.values() for each in extra)],
}


def locked(name: str) -> dict[str, str]:
    hashes = r"(?:    --hash=sha256:[0-9a-f]{64}.*\n)+"
    rows = re.findall(rf"^([a-z0-9-]+)==([^ \n]+)(.*\\\n{hashes})", text(name), re.MULTILINE)
    return {package: version for package, version, _ in rows}


def text(name: str) -> str:
    return (ROOT / name).read_text() + "\n"


@pytest.mark.parametrize("name", WANTED)
def test_every_dependency_is_locked_as_the_project_wants_it(name: str):
    found = locked(name)
    for requirement in map(Requirement, WANTED[name]):
        version = found.get(canonicalize_name(requirement.name))
        assert version is not None, f"run scripts/lock: {requirement} is not in {name}"
        assert requirement.specifier.contains(version), (
            f"run scripts/lock: {name} has {version} of {requirement}"
        )


@pytest.mark.parametrize("name", WANTED)
def test_every_package_has_its_hashes_and_no_place_of_its_own(name: str):
    lines = [line for line in text(name).splitlines() if line and not line.startswith(("#", " "))]
    assert len(lines) == len(locked(name))
    assert "://" not in text(name)


def test_both_files_have_the_same_versions():
    one, other = (locked(name) for name in WANTED)
    assert {package: other.get(package) for package in one} == one


def test_the_manual_installs_by_hash_and_no_name_that_anybody_may_own():
    for page in [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]:
        for line in page.read_text().splitlines():
            for words in re.findall(r"pip install ([^&;`]*)", line):
                assert "--require-hashes" in words or "--no-deps" in words, f"{page.name}: {line}"
