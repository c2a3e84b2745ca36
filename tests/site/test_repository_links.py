"""Where the repository is known, can a reader go from a page to its source and to Colab?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path

REPOSITORY = "https://github.com/example/book"


@pytest.fixture(scope="module")
def known(
    tmp_path_factory: pytest.TempPathFactory,
    build_site: Callable[..., subprocess.CompletedProcess[str]],
) -> Path:
    """The site of a project that knows where it is hosted."""
    folder = tmp_path_factory.mktemp("known") / "site"
    build_site(folder, REPO_URL=REPOSITORY)
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
def test_colab_link(known: Path, tags: Callable[[Path], list[tuple[str, dict[str, str]]]]) -> None:
    links = hrefs(known / "learn" / "01_workflow" / "index.html", tags)

    assert any(
        link.startswith("https://colab.research.google.com/github/example/book/")
        and link.endswith("/01_workflow.ipynb")
        for link in links
    )


@pytest.mark.xdist_group("known")
def test_the_repository_is_not_asked_for_anything(
    known: Path, serve_folder: Callable[[Path], Any], visit: Callable[..., Any]
) -> None:
    """The theme would ask the host's API for stars and forks on every page."""
    seen = visit("/", at=serve_folder(known).url, quiet=True)

    assert seen.foreign == []
    assert seen.errors == []


def test_no_repository_is_invented(site: Path, page_files: list[Path], own_address: str) -> None:
    """Without one there is no link to one."""
    home = (site / "index.html").read_text(encoding="utf-8")

    assert REPOSITORY not in home
    assert own_address in home
    assert page_files
