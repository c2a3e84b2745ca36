"""Does every chapter run as a plain script, from anywhere, without a display, leaving no mess?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
LEFT_OUT = {".git", ".venv", ".cache", "site", "node_modules", "__pycache__", ".pytest_cache"}


def files_of(repo: Path) -> dict[str, int]:
    """List the project's files with the time of their last change."""
    found = {}
    for folder, below, names in os.walk(repo):
        below[:] = [name for name in below if name not in LEFT_OUT and not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            found[str(path.relative_to(repo))] = path.stat().st_mtime_ns
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_runs_elsewhere_without_a_display(script: Path, tmp_path: Path) -> None:
    hidden = {"DISPLAY", "WAYLAND_DISPLAY", "MPLBACKEND", "PYTHONPATH", "PYTHONSTARTUP"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    home = tmp_path / "home"
    home.mkdir()
    environment |= {"HOME": str(home), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
    before = files_of(REPO / "tutorials") | files_of(REPO / "src")
    done = subprocess.run(
        [sys.executable, "-W", "error::DeprecationWarning:__main__", str(script)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=880,
    )

    assert done.returncode == 0, done.stderr[-3000:]
    assert "Traceback" not in done.stderr
    assert "Warning" not in done.stderr, done.stderr
    assert done.stdout.strip(), "a script that prints nothing leaves its reader in the dark"
    assert files_of(REPO / "tutorials") | files_of(REPO / "src") == before
