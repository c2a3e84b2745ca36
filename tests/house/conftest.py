"""What the tests on the house share: the project's root, and copies of it to break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def repo() -> Path:
    """The project's root."""
    return REPO


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[..., Path]:
    """Copy some of the project into an empty folder, so that a test may break it."""

    def copy(*names: str) -> Path:
        folder = tmp_path / "a copy"  # the space is on purpose
        for name in names:
            source, target = REPO / name, folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                skip = shutil.ignore_patterns("__pycache__", "node_modules", ".pytest_cache")
                shutil.copytree(source, target, ignore=skip)
            else:
                shutil.copy2(source, target)
        return folder

    return copy
