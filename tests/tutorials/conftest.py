"""The chapters, read as the build reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pdl_site.script import Chapter, read_chapter

REPO = Path(__file__).parents[2]
SCRIPTS = sorted((REPO / "tutorials").glob("*.py"))


@pytest.fixture(params=SCRIPTS, ids=lambda path: path.stem)
def script(request: pytest.FixtureRequest) -> Path:
    """One chapter's file; a test that takes it runs for each chapter."""
    path: Path = request.param
    return path


@pytest.fixture
def chapter(script: Path) -> Chapter:
    """One chapter."""
    return read_chapter(script, REPO)


@pytest.fixture(scope="session")
def all_chapters() -> list[Chapter]:
    """Every chapter."""
    return [read_chapter(script, REPO) for script in SCRIPTS]
