"""Where the site is published and its repository known, do pages say so? And else keep silent?"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

REPOSITORY = "https://github.com/example/book"
HOME = "https://example.github.io/book/"


@pytest.fixture(scope="module")
def known(
    tmp_path_factory: pytest.TempPathFactory,
    build_site: Callable[..., subprocess.CompletedProcess[str]],
) -> Path:
    """The site of a project that knows where it is hosted, as its second version."""
    folder = tmp_path_factory.mktemp("known") / "site"
    build_site(folder, REPO_URL=REPOSITORY, PDL_SITE_URL=HOME, MIKE_DOCS_VERSION="2.0")
    return folder


def hrefs(file: Path, tags: Callable[[Path], list[tuple[str, dict[str, str]]]]) -> set[str]:
    """List the addresses that a page's links lead to."""
    return {
        attributes["href"] for tag, attributes in tags(file) if tag == "a" and "href" in attributes
    }


@pytest.mark.xdist_group("known")
@pytest.mark.parametrize(
    ("page", "source"),
    [
        ("learn/01_workflow", "tutorials/01_workflow.py"),
        ("setup", "docs/setup.md"),
        ("api/engine", "docs/api/engine.md"),
    ],
)
def test_edit_link(
    page: str,
    source: str,
    known: Path,
    tags: Callable[[Path], list[tuple[str, dict[str, str]]]],
) -> None:
    links = hrefs(known / page / "index.html", tags)
    edits = [link for link in links if link.startswith(f"{REPOSITORY}/edit/")]

    # MkDocs writes tutorials/x.py as docs/../tutorials/x.py; a browser asks for the short form.
    assert [link for link in edits if link.replace("docs/../", "").endswith(f"/main/{source}")]


@pytest.mark.xdist_group("known")
@pytest.mark.parametrize("folder", ["learn", "exercises"])
def test_colab_link(
    folder: str, known: Path, tags: Callable[[Path], list[tuple[str, dict[str, str]]]]
) -> None:
    """Colab opens the notebook of the version that the reader looks at."""
    links = hrefs(known / folder / "01_workflow" / "index.html", tags)
    branch = f"{REPOSITORY.removeprefix('https://')}/blob/gh-pages/2.0"
    notebook = f"{branch.removeprefix('github.com/')}/{folder}/01_workflow/01_workflow.ipynb"

    assert f"https://colab.research.google.com/github/{notebook}" in links


@pytest.mark.xdist_group("known")
def test_search_engines_may_read_it(known: Path) -> None:
    assert (known / "robots.txt").read_text() == (
        f"User-agent: *\nAllow: /\nSitemap: {HOME}sitemap.xml\n"
    )
    for address in ("", "learn/01_workflow/", "exercises/01_workflow/", "api/engine/"):
        page = (known / address / "index.html").read_text(encoding="utf-8")
        assert f'<link rel="canonical" href="{HOME}{address}">' in page
        assert "noindex" not in page


@pytest.mark.xdist_group("known")
def test_a_published_version_offers_the_others(known: Path) -> None:
    page = (known / "index.html").read_text(encoding="utf-8")

    assert '"version": {"default": "latest", "provider": "mike"}' in page


def test_a_private_site_hides(site: Path, page_files: list[Path]) -> None:
    assert (site / "robots.txt").read_text() == "User-agent: *\nDisallow: /\n"
    for file in page_files:
        page = file.read_text(encoding="utf-8")
        assert 'rel="canonical"' not in page, file
        assert '<meta name="robots" content="noindex">' in page, file


def test_every_page_has_a_picture_for_shared_links(
    site: Path, page_files: list[Path], own_address: str
) -> None:
    own, shared = set(), set()
    for file in page_files:
        if file.name == "404.html":
            continue
        page = file.read_text(encoding="utf-8")
        (address,) = re.findall(r'<meta property="og:image" content="([^"]+)">', page)
        assert address.startswith(own_address)
        picture = site / address.removeprefix(own_address)
        with Image.open(picture) as image:
            assert image.size == (1200, 630)
        folder = file.relative_to(site).parts[0]
        (shared if folder in {"api", "exercises"} else own).add(picture)
    assert len(own) == len([f for f in page_files if f.relative_to(site).parts[0] not in
                            {"api", "exercises", "404.html"}])  # fmt: skip
    assert shared == {site / "assets/cards/index.png"}


@pytest.mark.xdist_group("known")
def test_the_repository_is_not_asked_for_anything(
    known: Path, serve_folder: Callable[[Path], Any], visit: Callable[..., Any]
) -> None:
    """The theme would ask the host's API for stars and forks on every page."""
    server = serve_folder(known)
    server.extra["/versions.json"] = '[{"version": "2.0", "title": "2.0", "aliases": ["latest"]}]'
    seen = visit("/", at=server.url, quiet=True)

    assert seen.foreign == []
    assert seen.errors == []


def test_no_repository_is_invented(site: Path, page_files: list[Path], own_address: str) -> None:
    """Without one there is no link to one."""
    home = (site / "index.html").read_text(encoding="utf-8")

    assert REPOSITORY not in home
    assert own_address in home
    assert page_files
