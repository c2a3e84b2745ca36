"""Where is the project hosted, and when was its last commit?"""

from __future__ import annotations

import os
import re
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def repository_url(root: Path) -> str:
    """Find where the project is hosted.

    Args:
        root: The project's root.

    Returns:
        The variable ``REPO_URL``, or the repository that runs this GitHub workflow, or the
        remote ``origin`` when it is on GitHub, or an empty string.
    """
    if given := os.environ.get("REPO_URL"):
        return given
    if name := os.environ.get("GITHUB_REPOSITORY"):
        return f"{os.environ.get('GITHUB_SERVER_URL', 'https://github.com')}/{name}"
    origin = _git(root, "remote", "get-url", "origin")
    match = re.match(r"(?:https://|git@)github\.com[:/](.+?)(?:\.git)?/?$", origin)
    return f"https://github.com/{match[1]}" if match else ""


def commit_time(root: Path) -> str:
    """Find the time that the build's files carry.

    Args:
        root: The project's root.

    Returns:
        Seconds since 1970 of the last commit; of the year 2000 outside a repository.
    """
    return _git(root, "log", "-1", "--format=%ct") or "946684800"


def _git(root: Path, *arguments: str) -> str:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
