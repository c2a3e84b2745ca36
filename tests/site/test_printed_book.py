"""Has the printed book its pages, numbers, bookmarks and links?"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pypdf import PdfReader

if TYPE_CHECKING:
    from collections.abc import Callable

SCRIPT = Path(__file__).parents[2] / "scripts" / "print_book.py"
HOME = "https://book.example.org/"


@pytest.fixture(scope="module")
def printed(
    site: Path, tmp_path_factory: pytest.TempPathFactory, program: Callable[[str], str]
) -> PdfReader:
    """Two chapters: one with figures, one with formulas."""
    program("chromium")
    path = tmp_path_factory.mktemp("printed") / "book.pdf"
    names = ["01_workflow", "08_vision_transformer"]
    command = [sys.executable, str(SCRIPT), "--site", str(site), "--to", str(path)]
    done = subprocess.run(
        [*command, "--home", HOME, *names], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    return PdfReader(path)


pytestmark = [pytest.mark.xdist_group("printed"), pytest.mark.timeout(240)]


def test_every_page_has_its_number(printed: PdfReader) -> None:
    assert len(printed.pages) > 20
    for number, page in enumerate(printed.pages, start=1):
        assert str(number) in page.extract_text().split()[-1], number


def test_chapters_and_sections_are_bookmarks(printed: PdfReader) -> None:
    titles = [entry.title for entry in printed.outline if not isinstance(entry, list)]
    assert titles == [
        "PDL, PyTorch Deep Learning",
        "The PyTorch workflow",
        "Replicating the ViT paper",
    ]
    assert all(len(entry) > 8 for entry in printed.outline if isinstance(entry, list))


def test_words_solutions_and_formulas_are_there_and_nothing_of_the_screen(
    printed: PdfReader,
) -> None:
    text = "\n".join(page.extract_text() for page in printed.pages)
    assert "ex_loaded_preds" in text  # in a solution, folded on the screen
    assert "Show the code" not in text
    assert "\\mathbf" not in text
    assert "Table of contents" not in text


def test_links_lead_within_the_book_or_to_the_published_site(printed: PdfReader) -> None:
    outside = [
        note["/A"]["/URI"]
        for page in printed.pages
        for note in (found.get_object() for found in page.get("/Annots", []))
        if "/A" in note and "/URI" in note["/A"]
    ]
    assert outside
    assert [link for link in outside if re.search(r"127\.0\.0\.1|localhost|file:", link)] == []
    assert any(link.startswith(f"{HOME}api/") for link in outside)


def test_figures_are_printed(printed: PdfReader) -> None:
    """Photos are images; a missing one would have stopped the script."""
    assert sum(len(page.images) for page in printed.pages) > 3
