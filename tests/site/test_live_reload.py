"""Does an open page of the live server show an edit by itself?"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPO = Path(__file__).parents[2]
SMALL = "tutorials/introduction.py"


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.read())
    except OSError:
        return False


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A copy of the book with one chapter, served live: its folder and its address."""
    book = tmp_path / "book"
    for name in ("docs", "overrides", "src"):
        shutil.copytree(REPO / name, book / name)
    (book / "tutorials").mkdir()
    shutil.copy2(REPO / SMALL, book / SMALL)
    text = (REPO / "mkdocs.yml").read_text(encoding="utf-8")
    head, _, rest = text.partition("\nnav:\n")
    after = rest[rest.index("\ntheme:\n") :]
    # Hand-written pages link to chapters that this copy has not.
    (book / "mkdocs.yml").write_text(
        head.replace("strict: true", "strict: false")
        + "\nnav:\n  - learn/introduction.md\n"
        + after,
        encoding="utf-8",
    )
    for page in (book / "docs").rglob("*.md"):
        if "includes" not in page.parts and page.name != "glossary.md":
            page.unlink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "mkdocs", "serve", "--dev-addr", address]
    environment = os.environ | {"PYTHONPATH": str(book / "src"), "NO_MKDOCS_2_WARNING": "1"}
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=book, env=environment, stdout=log, stderr=log)
        try:
            yield book, f"http://{address}/"
        finally:
            server.terminate()
            server.wait(timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_open_page_shows_an_edit_by_itself(
    served: tuple[Path, str], browser: Any, tmp_path: Path
) -> None:
    book, address = served
    url = f"{address}learn/introduction/"
    until = time.monotonic() + 120
    while not answers(url):
        assert time.monotonic() < until, (tmp_path / "log").read_text()
        time.sleep(0.5)
    page = browser.new_page()
    errors: list[str] = []
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.goto(url)
    script = book / SMALL
    edited = script.read_text(encoding="utf-8").replace("**You will** ", "**You will** surely ", 1)
    script.write_text(edited, encoding="utf-8")
    # A page that is just loading has no body yet; a locator waits for that, too.
    page.locator("p", has_text="You will surely").first.wait_for(timeout=120_000)
    page.close()
    assert not [error for error in errors if "Content Security Policy" in error]
