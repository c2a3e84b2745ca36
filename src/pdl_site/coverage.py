"""Which section of which chapter treats which item of the curriculum?"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from markdown.extensions.toc import slugify

from pdl_site.errors import SiteError
from pdl_site.prose import CODE_FENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pdl_site.script import Cell, Chapter

HEADING = re.compile(r"^#{1,6} (?P<title>.+?)(?: \{.*\})?$", re.MULTILINE)
LINK = re.compile(r"\[([^\]]+)\](?:\([^)]*\)|\[[^\]]*\])")


class Place(NamedTuple):
    """A section of a chapter.

    Attributes:
        chapter: Name of the chapter's file, without its ending.
        anchor: The section's id on its page.
        title: Its heading, as plain text.
    """

    chapter: str
    anchor: str
    title: str


def links(places: Iterable[Place], folder: str) -> str:
    """Write links to sections.

    Args:
        places: The sections.
        folder: Way from the page to the chapters' pages.

    Returns:
        Markdown, on one line.

    Example:
        >>> links([Place("00_start", "set-up", "Set up")], "learn")
        '[Set up](learn/00_start.md#set-up)'
    """
    return ", ".join(
        f"[{place.title}]({folder}/{place.chapter}.md#{place.anchor})" for place in places
    )


def places(
    chapters: Iterable[Chapter], marks: Callable[[Cell], Iterable[str]] | None = None
) -> dict[str, list[Place]]:
    """Find where each item is treated.

    Args:
        chapters: The chapters in reading order.
        marks: The items that a cell names; what it ``covers`` if left out.

    Returns:
        For each item, sorted by its id, the sections whose cells name it, in reading order.
    """
    found: dict[str, list[Place]] = {}
    for chapter in chapters:
        here = Place(chapter.name, "", chapter.front.title)
        for cell in chapter.cells:
            is_prose = cell.kind == "markdown"
            text = CODE_FENCE.sub("", cell.source) if is_prose else ""
            titles = [_plain(match["title"]) for match in HEADING.finditer(text)]
            sections = [Place(chapter.name, slugify(title, "-"), title) for title in titles]
            # A cell that begins with text goes on with the section before it.
            first = sections[0] if sections and cell.source.startswith("#") else here
            for item in cell.covers if marks is None else marks(cell):
                if first not in (known := found.setdefault(item, [])):
                    known.append(first)
            here = sections[-1] if sections else here
    return dict(sorted(found.items()))


def as_json(found: Mapping[str, Sequence[Place]], uri: str) -> str:
    """Write the places for other programs.

    Args:
        found: As `places` gives them.
        uri: Folder of the chapters' pages.

    Returns:
        A JSON object: a list of addresses from the site's root for each item.
    """
    addresses = {
        item: [f"{uri}/{place.chapter}/#{place.anchor}" for place in each]
        for item, each in found.items()
    }
    return json.dumps(addresses, indent=1) + "\n"


def as_tables(
    found: Mapping[str, Sequence[Place]],
    topics: Mapping[str, str],
    titles: Mapping[str, str],
    folder: str,
) -> str:
    """Write the places as Markdown, a table for each chapter.

    Args:
        found: As `places` gives them.
        topics: A few words for each item.
        titles: The title of each chapter, in reading order.
        folder: Way from the page to the chapters' pages.

    Returns:
        Headings and tables.

    Raises:
        SiteError: If an item has no words in ``topics``.

    Example:
        >>> place = Place("00_start", "set-up", "Set up")
        >>> titles = {"00_start": "Start"}
        >>> print(as_tables({"00.01": [place]}, {"00.01": "Versions"}, titles, "learn"))
        ## Start
        <BLANKLINE>
        | item | topic | where |
        | :-- | :-- | :-- |
        | 00.01 | Versions | [Set up](learn/00_start.md#set-up) |
    """
    if unknown := sorted(found.keys() - topics.keys()):
        raise SiteError(
            f"cells cover {', '.join(unknown)}, which the file of topics does not have; "
            "correct the id, or add a few words for it"
        )
    by_chapter: dict[str, list[tuple[str, Sequence[Place]]]] = {name: [] for name in titles}
    for item, each in found.items():
        by_chapter[each[0].chapter].append((item, each))
    parts = []
    for chapter, entries in by_chapter.items():
        if not entries:
            continue
        lines = [f"## {titles[chapter]}", "", "| item | topic | where |", "| :-- | :-- | :-- |"]
        for item, each in entries:
            lines.append(f"| {item} | {topics[item]} | {links(each, folder)} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _plain(title: str) -> str:
    """The text of a heading without its markup."""
    return re.sub(r"[`*]", "", LINK.sub(r"\1", title)).strip()
