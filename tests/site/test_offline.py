"""Does the site that is opened from a folder, without a server, show, search and set all it has?"""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

import pytest

from pdl_site.__main__ import main

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.xdist_group("offline"), pytest.mark.timeout(300)]
BROKEN = """[...document.images]
    .filter(each => each.offsetParent && each.complete && !each.naturalWidth)
    .map(each => each.src)"""


@pytest.fixture(scope="module")
def unpacked(
    tmp_path_factory: pytest.TempPathFactory,
    build_site: Callable[..., subprocess.CompletedProcess[str]],
) -> Path:
    """The archive as a reader gets it, unpacked in a folder with a space in its name."""
    folder = tmp_path_factory.mktemp("offline")
    build_site(folder / "pdl-book", PDL_SITE_OFFLINE="true")
    assert main(["pack", str(folder / "pdl-book"), str(folder / "book.zip")]) == 0
    with zipfile.ZipFile(folder / "book.zip") as packed:
        packed.extractall(folder / "a reader's folder")
    return folder / "a reader's folder" / "pdl-book"


@pytest.fixture
def opened(browser: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A page, and what went wrong on it or was asked of a network."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    faults: list[str] = []
    page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("requestfailed", lambda request: faults.append(f"failed: {request.url}"))
    page.on(
        "request",
        lambda asked: faults.append(asked.url) if asked.url.startswith("http") else None,
    )
    yield page, faults
    page.close()


@pytest.mark.parametrize(
    "name", ["index", "learn/08_vision_transformer", "exercises/02_classification", "api/engine"]
)
def test_a_page_is_whole(name: str, unpacked: Path, opened: tuple[Page, list[str]]) -> None:
    page, faults = opened
    page.goto((unpacked / f"{name}.html").as_uri())
    page.wait_for_function(
        "() => !document.querySelector('.arithmatex:not(:has(.katex))')", polling=50
    )

    assert page.evaluate("document.fonts.ready.then(fonts => fonts.status)") == "loaded"
    assert page.evaluate(BROKEN) == []
    assert faults == []


def test_the_search_finds_and_leads(unpacked: Path, opened: tuple[Page, list[str]]) -> None:
    page, faults = opened
    page.goto((unpacked / "index.html").as_uri())
    page.locator("input[data-md-component=search-query]").click()
    page.keyboard.type("manual_seed", delay=20)
    page.locator(".md-search-result__meta", has_text="matching documents").wait_for()
    page.locator(".md-search-result__link:visible").first.click()
    page.wait_for_url("**/*.html?h=*")

    assert page.locator(".md-content h1").count() == 1
    assert faults == []


def test_no_link_of_a_page_leads_to_a_folder(
    unpacked: Path, tags: Callable[[Path], list[tuple[str, dict[str, str]]]]
) -> None:
    """A server shows a folder's first page; a folder shows a list of files."""
    for file in unpacked.rglob("*.html"):
        for tag, attributes in tags(file):
            address = attributes.get("href", "").partition("#")[0].partition("?")[0]
            if tag != "a" or not address or ":" in address or file.name == "404.html":
                continue
            assert (file.parent / address).is_file(), (file, address)
