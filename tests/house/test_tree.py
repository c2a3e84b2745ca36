"""Is what is committed only what a person wrote, and free of what does not belong?"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

LARGEST = 1_500_000
"""Bytes of the largest file that may be committed."""
PRIVATE = re.compile(r"\.\./share[d]|/wor[k]/|/roo[t]/|/tmp/tea[m]")
"""Places of one machine; written so that they do not stand here either."""
FORBIDDEN_NAMES = {"utils.py", "helpers.py", "misc.py", "common.py"}


@pytest.fixture(scope="module")
def tracked(repo: Path) -> list[Path]:
    """The committed files."""
    command = ["git", "ls-files", "-z"]
    try:
        done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("the folder is no git repository, so nothing is committed")
    return [path for name in done.stdout.split("\0") if name and (path := repo / name).exists()]


def test_nothing_ignored_is_committed(repo: Path, tracked: list[Path]) -> None:
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    done = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)

    assert done.stdout.split() == []
    assert tracked


def test_nothing_generated_is_committed(tracked: list[Path]) -> None:
    generated = {".ipynb", ".pyc", ".pt", ".pth"}

    assert [path for path in tracked if path.suffix in generated] == []


def test_files_are_small(tracked: list[Path]) -> None:
    # what others made, and the stand-in data that the package ships (bounded by a test of its own)
    spared = {"vendor", "shipped"}
    found = [p for p in tracked if p.stat().st_size > LARGEST and not spared & set(p.parts)]

    assert found == []


def test_no_path_of_our_machines(repo: Path, tracked: list[Path]) -> None:
    """CI's data folder is named in .ci/run and nowhere else."""
    found = []
    for path in tracked:
        if path == repo / ".ci" / "run" or "vendor" in path.parts:
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(repo)}: {match}" for match in PRIVATE.findall(text)]

    assert found == []


def test_no_file_is_called_by_no_name(tracked: list[Path]) -> None:
    assert [path for path in tracked if path.name in FORBIDDEN_NAMES] == []


def test_modules_say_their_question_first(repo: Path) -> None:
    lacking = [
        str(path.relative_to(repo))
        for folder in ("src", "tests", "benchmarks", "scripts")
        for path in (repo / folder).rglob("*.py")
        if "node_modules" not in path.parts and path.stat().st_size
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert lacking == []
