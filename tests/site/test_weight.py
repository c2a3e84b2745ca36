"""Is a chapter light enough for a telephone on a slow line?"""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LARGEST_PAGE = 40_000
"""Bytes of a chapter's HTML after compression."""
LARGEST_LOAD = 500_000
"""Bytes that the browser gets before the reader scrolls."""


def test_html_of_each_chapter(chapters: list[Path]) -> None:
    sizes = {
        chapter.name: len(gzip.compress((chapter / "index.html").read_bytes(), mtime=0))
        for chapter in chapters
    }

    assert {name: size for name, size in sizes.items() if size > LARGEST_PAGE} == {}


def test_first_load_of_each_chapter(chapters: list[Path], visit: Callable[..., Any]) -> None:
    for chapter in chapters:
        sizes = visit(f"/learn/{chapter.name}/", width=360, quiet=True).bytes
        heaviest = sorted(sizes.items(), key=lambda item: -item[1])[:5]
        assert sum(sizes.values()) <= LARGEST_LOAD, (chapter.name, heaviest)


def test_no_image_is_written_into_a_page(page_files: list[Path]) -> None:
    assert [file for file in page_files if "data:image" in file.read_text(encoding="utf-8")] == []
