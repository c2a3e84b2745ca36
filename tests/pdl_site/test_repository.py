"""Is the project's address and time taken from where it is kept?"""

import subprocess
from pathlib import Path

import pytest

from pdl_site.repository import commit_time, repository_url


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REPO_URL", "GITHUB_REPOSITORY", "GITHUB_SERVER_URL"):
        monkeypatch.delenv(name, raising=False)


def git(root: Path, *arguments: str, **environment: str) -> None:
    identity = ["-c", "user.name=T", "-c", "user.email=t@e.org"]
    command = ["git", "-C", str(root), *identity, *arguments]
    subprocess.run(command, check=True, capture_output=True, env=environment or None)


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://github.com/o/r.git", "https://github.com/o/r"),
        ("https://github.com/o/r/", "https://github.com/o/r"),
        ("git@github.com:o/r.git", "https://github.com/o/r"),
        ("https://example.org/o/r.git", ""),
        ("/srv/o/r", ""),
    ],
)
def test_the_remote(tmp_path: Path, origin: str, url: str) -> None:
    git(tmp_path, "init", "-q")
    git(tmp_path, "remote", "add", "origin", origin)
    assert repository_url(tmp_path) == url


def test_the_environment_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repository_url(tmp_path) == ""
    monkeypatch.setenv("GITHUB_REPOSITORY", "o/r")
    assert repository_url(tmp_path) == "https://github.com/o/r"
    monkeypatch.setenv("REPO_URL", "https://e.org/x")
    assert repository_url(tmp_path) == "https://e.org/x"


def test_the_time_of_the_last_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert commit_time(tmp_path) == "946684800"
    git(tmp_path, "init", "-q")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2024-01-02T03:04:05Z")
    git(tmp_path, "commit", "-qm", "One", "--allow-empty")
    assert commit_time(tmp_path) == "1704164645"
