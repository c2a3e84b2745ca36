"""Do the commands that the documents promise exist, and does CI run the same ones?"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

PROMISED = {"help", "serve", "build", "test", "check", "docs", "clean"}
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "SECURITY.md", "docs/setup.md", "docs/index.md")


@pytest.fixture(scope="module")
def targets(repo: Path) -> dict[str, list[str]]:
    """The targets of the Makefile that have a line of help, each with what it needs."""
    found = re.findall(r"^([a-z-]+):([^#\n]*)## .+$", (repo / "Makefile").read_text(), re.MULTILINE)
    return {name: needs.split() for name, needs in found}


def test_the_promised_commands_are_there(targets: dict[str, list[str]]) -> None:
    assert targets.keys() >= PROMISED


def test_help_lists_every_command(repo: Path, targets: dict[str, list[str]]) -> None:
    done = subprocess.run(["make", "help"], cwd=repo, capture_output=True, text=True, check=True)
    listed = re.findall(r"^  make ([a-z-]+) +\S", done.stdout, re.MULTILINE)

    assert set(listed) == targets.keys()
    phony = (repo / "Makefile").read_text().partition(".PHONY:")[2].partition("\n\n")[0]
    assert set(phony.replace("\\", " ").split()) == targets.keys()


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_name_commands_that_exist(
    document: str, repo: Path, targets: dict[str, list[str]]
) -> None:
    text = (repo / document).read_text(encoding="utf-8")
    named = set(
        re.findall(r"(?:`|^(?:sudo )?)(?:sudo )?make (?:[A-Z]+=\S* )?([a-z-]+)", text, re.MULTILINE)
    )

    assert named <= targets.keys()


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_documents_name_files_that_exist(document: str, repo: Path) -> None:
    text = (repo / document).read_text(encoding="utf-8")
    linked = re.findall(r"\]\((?!https?:)([^)#]+)", text) + re.findall(
        r'(?:src|srcset)="([^"]+)"', text
    )

    assert [path for path in linked if not (repo / path).exists()] == []


def test_pre_commit_runs_the_gates_of_make_check(repo: Path, targets: dict[str, list[str]]) -> None:
    config = yaml.safe_load((repo / ".pre-commit-config.yaml").read_text())
    entries = [hook["entry"] for source in config["repos"] for hook in source["hooks"]]

    assert [source["repo"] for source in config["repos"]] == ["local"]
    assert entries == [f"make {gate}" for gate in targets["check"]]


def test_ci_runs_make_test(repo: Path) -> None:
    script = (repo / ".ci" / "run").read_text()
    workflow = yaml.safe_load((repo / ".github" / "workflows" / "book.yml").read_text())
    steps = workflow["jobs"]["test"]["steps"]

    assert script.splitlines()[-1] == "make test"
    assert (repo / ".ci" / "run").stat().st_mode & 0o111
    assert "make test" in [step.get("run") for step in steps]


def test_pytest_comes_last_in_make_test(repo: Path) -> None:
    """Its closing line must be the last one printed."""
    command = ["make", "--no-print-directory", "--dry-run", "--always-make", "test"]
    dry = subprocess.run(command, cwd=repo, capture_output=True, text=True, check=True)

    assert " -m pytest " in dry.stdout.splitlines()[-1]


def test_an_old_python_is_refused_in_words(repo: Path, tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\necho "Python 3.9.1"\nexit 1\n')
    old.chmod(0o755)
    done = subprocess.run(
        ["sh", str(repo / "scripts" / "environment.sh")],
        cwd=tmp_path, env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stderr
    assert "make PYTHON=" in done.stderr
