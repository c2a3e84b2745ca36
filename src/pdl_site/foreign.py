"""Where does the book use the functions of another package, and where are these documented?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pdl_site.coverage import Place, links, places
from pdl_site.imports import foreign_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pdl_site.script import Chapter


def documented(name: str, known: Mapping[str, str]) -> str:
    """The longest beginning of a name that has an address.

    Args:
        name: Dotted name, such as ``torch.nn.Linear.weight``.
        known: Addresses by name.

    Returns:
        A key of ``known``, or an empty string.

    Example:
        >>> documented("torch.nn.Linear.weight", {"torch.nn": "...", "torch.nn.Linear": "..."})
        'torch.nn.Linear'
    """
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def uses(
    chapters: Sequence[Chapter], package: str, known: Mapping[str, str]
) -> dict[str, list[Place]]:
    """Find the sections that use each documented object of another package.

    Args:
        chapters: The chapters in reading order.
        package: Its name.
        known: Addresses by name.

    Returns:
        For each name that has an address, sorted, the sections in reading order.
    """
    marks: dict[int, set[str]] = {}
    for chapter in chapters:
        found = foreign_names((cell.source for cell in chapter.code_cells), package)
        for cell, names in zip(chapter.code_cells, found, strict=True):
            marks[id(cell)] = {key for name in names if "." in (key := documented(name, known))}
    return places(chapters, lambda cell: sorted(marks.get(id(cell), ())))


def foreign_list(
    chapters: Sequence[Chapter], package: str, known: Mapping[str, str], folder: str
) -> str:
    """Write a package's objects, each with the first section of each chapter that uses it.

    Args:
        chapters: The chapters in reading order.
        package: Name of the package.
        known: Addresses by name.
        folder: Way from the page to the chapters' pages.

    Returns:
        A list in Markdown.
    """
    titles = {chapter.name: chapter.front.title for chapter in chapters}
    lines = []
    for name, sections in uses(chapters, package, known).items():
        first: dict[str, Place] = {}
        for place in sections:
            first.setdefault(place.chapter, place._replace(title=titles[place.chapter]))
        lines.append(f"- [`{name}`]({known[name]}): {links(first.values(), folder)}")
    return "\n".join(lines)
