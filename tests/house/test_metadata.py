"""Do the files that describe the project agree with each other?"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from pdl._version import __version__

FLOORS = {"torch": (2, 10), "pillow": (12, 2)}
"""Releases below these have known holes in loading weights or decoding images."""


@pytest.fixture(scope="module")
def project(repo: Path) -> dict[str, Any]:
    """The contents of pyproject.toml."""
    return tomllib.loads((repo / "pyproject.toml").read_text())


def test_one_version(repo: Path, project: dict[str, Any]) -> None:
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())
    changes = (repo / "CHANGELOG.md").read_text()
    released = re.findall(r"^## \[(\d+\.\d+\.\d+)\]", changes, re.MULTILINE)

    assert project["tool"]["hatch"]["version"]["path"] == "src/pdl/_version.py"
    assert citation["version"] == __version__
    assert "## [Unreleased]" in changes
    assert not released or released[0] == __version__


def test_one_license(repo: Path, project: dict[str, Any]) -> None:
    text = (repo / "LICENSE").read_text()
    citation = yaml.safe_load((repo / "CITATION.cff").read_text())

    assert text.startswith("MIT License\n\nCopyright (c) ")
    assert "The PDL authors" in text
    assert project["project"]["license"] == citation["license"] == "MIT"


def test_python_is_the_same_everywhere(repo: Path, project: dict[str, Any]) -> None:
    assert project["project"]["requires-python"] == ">=3.11"
    assert "(3, 11)" in (repo / "scripts" / "environment.sh").read_text()
    for document in ("README.md", "docs/setup.md"):
        assert "Python 3.11 or newer" in (repo / document).read_text()


def test_floors_leave_out_known_holes(project: dict[str, Any]) -> None:
    requirements = {
        re.split(r"[^\w-]", text)[0].lower(): text for text in project["project"]["dependencies"]
    }
    for name, floor in FLOORS.items():
        found = re.search(r">=(\d+)\.(\d+)", requirements[name])
        assert found is not None
        assert (int(found[1]), int(found[2])) >= floor


def test_the_lock_holds_the_constraints_and_hashes(repo: Path) -> None:
    lock = (repo / "requirements.lock").read_text()
    pins = re.findall(r"^([A-Za-z0-9._-]+(?:\[[^\]]+\])?)==[^\s;]+.*\\$", lock, re.MULTILINE)
    lines = [line for line in lock.splitlines() if re.match(r"[A-Za-z0-9]", line)]

    assert len(pins) == len(lines)
    constraints = (repo / "scripts" / "constraints.txt").read_text().splitlines()
    for constraint in constraints:
        if not constraint.startswith("#"):
            assert re.search(rf"^{re.escape(constraint)} ", lock, re.MULTILINE), constraint


def test_the_lock_has_every_direct_requirement(repo: Path, project: dict[str, Any]) -> None:
    """Else `make lock` was forgotten after a change of pyproject.toml."""
    extras = project["project"]["optional-dependencies"]
    wanted = {
        re.split(r"[^\w.-]", text)[0].lower().replace("_", "-").replace(".", "-")
        for text in [*project["project"]["dependencies"], *(t for e in extras.values() for t in e)]
    } - {project["project"]["name"]}
    lock = (repo / "requirements.lock").read_text().lower()
    locked = {
        name.replace("_", "-").replace(".", "-")
        for name in re.findall(r"^([a-z0-9._-]+)(?:\[[^\]]+\])?==", lock, re.MULTILINE)
    }

    assert sorted(wanted - locked) == []


def test_no_key_of_the_site_is_written_twice(repo: Path) -> None:
    """YAML takes the last of two equal keys and says nothing."""
    twice = []

    def walk(node: yaml.Node) -> None:
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            line = node.start_mark.line + 1
            twice.extend(
                f"{key} in the block at line {line}" for key in set(keys) if keys.count(key) > 1
            )
            for _, value in node.value:
                walk(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                walk(value)

    tree = yaml.compose((repo / "mkdocs.yml").read_text(), yaml.SafeLoader)
    assert tree is not None
    walk(tree)

    assert not twice, "\n".join(twice)


def test_lock_names_the_extras_that_packages_ask_for(repo: Path) -> None:
    """With hashes, older pip looks for `coverage[toml]` and does not accept `coverage==7.1`."""
    lock = (repo / "requirements.lock").read_text()

    assert re.search(r"^coverage\[toml\]==", lock, re.MULTILINE)
    assert "--no-strip-extras" in (repo / "Makefile").read_text()
