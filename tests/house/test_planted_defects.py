"""Does each gate turn red when a defect is planted, and say where it is?"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

BIN = Path(sys.executable).parent
PYTEST = (sys.executable, "-m", "pytest", "-p", "no:randomly")
SITE = ("mkdocs.yml", "docs", "overrides", "src", "tutorials", "tests/tutorials")


def run(folder: Path, *command: str, cache: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a copy of the project, whose packages come before the installed ones."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_MKDOCS_2_WARNING": "1"}
    if cache is not None:
        environment["PDL_SITE_CACHE"] = str(cache)
    return subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=250,
    )


def edit(file: Path, old: str, new: str) -> int:
    """Replace a text that must be there; return the line it begins on."""
    text = file.read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r} to plant a defect at"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_an_upward_import(copy_of: Callable[..., Path]) -> None:
    folder = copy_of("src", "pyproject.toml", ".importlinter")
    metrics = folder / "src" / "pdl" / "metrics.py"
    metrics.write_text(metrics.read_text() + "\nfrom pdl.engine import train  # planted\n")
    done = run(folder, str(BIN / "lint-imports"), "--no-cache")

    assert done.returncode != 0
    assert "pdl.metrics" in done.stdout
    assert "pdl.engine" in done.stdout


def test_an_undocumented_argument(copy_of: Callable[..., Path]) -> None:
    folder = copy_of("src/pdl", "pyproject.toml")
    seed = folder / "src" / "pdl" / "seed.py"
    edit(seed, "deterministic: bool = False", "deterministic: bool = False, planted: int = 0")
    done = run(folder, str(BIN / "pydoclint"), "--quiet", "src/pdl")

    assert done.returncode != 0
    assert "src/pdl/seed.py" in done.stderr + done.stdout
    assert "planted" in done.stderr + done.stdout


def test_an_untyped_function(copy_of: Callable[..., Path]) -> None:
    folder = copy_of("src/pdl/errors.py", "pyproject.toml")
    errors = folder / "src" / "pdl" / "errors.py"
    errors.write_text(errors.read_text() + "\n\ndef planted(value):\n    return value\n")
    done = run(folder, str(BIN / "mypy"), "src/pdl/errors.py")

    assert done.returncode != 0
    assert f"src/pdl/errors.py:{len(errors.read_text().splitlines()) - 1}: error" in done.stdout


def test_a_percentage_typed_by_hand(copy_of: Callable[..., Path]) -> None:
    folder = copy_of("tutorials", "tests/tutorials", "src", "pyproject.toml")
    chapter = folder / "tutorials" / "01_workflow.py"
    line = edit(chapter, "\n# ## ", "\n# We are right in 84 % of all cases.\n#\n# ## ") + 1
    done = run(folder, *PYTEST, "tests/tutorials", "-k", "typed_by_hand")

    assert done.returncode == 1, done.stdout
    assert re.search(rf"tutorials/01_workflow\.py:{line}: cell \d+: '84 %'", done.stdout)


@pytest.mark.slow
@pytest.mark.parametrize("chapter", ["00_fundamentals", "01_workflow"])
def test_a_claim_that_fails(chapter: str, copy_of: Callable[..., Path], repo: Path) -> None:
    folder = copy_of(*SITE)
    script = folder / "tutorials" / f"{chapter}.py"
    lines = script.read_text(encoding="utf-8").splitlines()
    marker = next(
        n for n, line in enumerate(lines) if line.startswith("# %%") and '"check"' in line
    )
    # After the claim's own comment, which the page shows as its label.
    lines.insert(marker + 2, "assert 1 + 1 == 3, 'planted'")
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    cache = repo / ".cache" / "pdl_site"
    done = run(folder, sys.executable, "-m", "mkdocs", "build", "--strict", cache=cache)

    assert done.returncode != 0
    assert f"tutorials/{chapter}.py:{marker + 3}: cell " in done.stdout + done.stderr
    assert "AssertionError: planted" in done.stdout + done.stderr
    assert not (folder / "site" / "index.html").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("link", "said"),
    [
        ("[planted](glossary.md#no-such-term)", "no-such-term"),
        ("[planted](no-such-page.md)", "no-such-page.md"),
        ("[planted][pdl.engine.no_such_function]", "pdl.engine.no_such_function"),
    ],
    ids=["anchor", "page", "API object"],
)
def test_a_dead_link(link: str, said: str, copy_of: Callable[..., Path], repo: Path) -> None:
    folder = copy_of(*SITE)
    setup = folder / "docs" / "setup.md"
    setup.write_text(setup.read_text(encoding="utf-8") + f"\n{link}\n", encoding="utf-8")
    cache = repo / ".cache" / "pdl_site"
    done = run(folder, sys.executable, "-m", "mkdocs", "build", "--strict", cache=cache)

    assert done.returncode != 0
    assert "setup.md" in done.stdout + done.stderr
    assert said in done.stdout + done.stderr


def test_a_figure_without_words(copy_of: Callable[..., Path]) -> None:
    folder = copy_of("tutorials", "tests/tutorials", "src", "pyproject.toml")
    chapter = folder / "tutorials" / "01_workflow.py"
    edit(chapter, 'alt="', 'alt="x" caption="')
    done = run(folder, *PYTEST, "tests/tutorials", "-k", "are_described")

    assert done.returncode == 1, done.stdout
    assert "tutorials/01_workflow.py:" in done.stdout


def test_an_action_that_may_change_under_us(copy_of: Callable[..., Path]) -> None:
    folder = copy_of(".github")
    workflow = folder / ".github" / "workflows" / "book.yml"
    edit(
        workflow, "actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8", "actions/checkout@v5"
    )
    done = run(folder, str(BIN / "zizmor"), "--offline", "--no-progress", "--quiet", ".github")

    assert done.returncode != 0
    assert "unpinned-uses" in done.stdout
    assert "book.yml" in done.stdout
