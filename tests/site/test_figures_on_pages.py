"""Does every image say in words what it shows, and keep its place while it loads?"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EMPTY_WORDS = {"image", "figure", "plot", "png", "svg", "output", "picture"}


def test_images(
    page_files: list[Path],
    site: Path,
    tags: Callable[[Path], list[tuple[str, dict[str, str]]]],
) -> None:
    faults = []
    for file in page_files:
        pictures = [
            image
            for tag, image in tags(file)
            if tag == "img" and "glightbox" not in image.get("src", "")
        ]
        for position, image in enumerate(pictures):
            place = f"{file.relative_to(site)}: {image.get('src')}"
            words = image.get("alt", "").strip()
            if len(words) < 10 or words.lower() in EMPTY_WORDS:
                faults.append(f"{place}: alt is {words!r}")
            if not (image.get("width", "").isdigit() and image.get("height", "").isdigit()):
                faults.append(f"{place}: no width and height")
            # The first screen waits for the first picture of a page: it alone may come at once.
            first = position == 0 and image.get("fetchpriority") == "high"
            if first == (image.get("loading") == "lazy"):
                faults.append(f"{place}: neither lazy nor the first picture, fetched at once")

    assert not faults, "\n".join(faults)


def test_each_chapter_has_figures(
    chapters: list[Path], tags: Callable[[Path], list[tuple[str, dict[str, str]]]]
) -> None:
    for chapter in chapters:
        images = [image for tag, image in tags(chapter / "index.html") if tag == "img"]
        assert images, chapter.name
