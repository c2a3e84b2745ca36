"""What of the book can be taken along in one piece, by a person or by a program?"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of each file in an archive: the same content gives the same bytes."""


class Listed(NamedTuple):
    """A page as a list of pages names it."""

    section: str
    title: str
    url: str
    description: str


def archive(files: Mapping[str, bytes]) -> bytes:
    """Put files into a zip archive, sorted by name.

    Args:
        files: Content by path in the archive.

    Returns:
        The archive; the same files give the same bytes.

    Example:
        >>> archive({"b/one.py": b"1", "a.txt": b""}) == archive({"a.txt": b"", "b/one.py": b"1"})
        True
    """
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, content)
    return whole.getvalue()


def llms_text(name: str, summary: str, pages: Iterable[Listed]) -> str:
    """Write the list of pages that language models read, in the form of llmstxt.org.

    Args:
        name: Name of the site.
        summary: What it is, in a sentence.
        pages: Its pages, in the order of the navigation.

    Returns:
        Markdown.

    Example:
        >>> print(llms_text("Book", "It runs.", [Listed("Learn", "One", "https://x/1/", "First.")]))
        # Book
        <BLANKLINE>
        > It runs.
        <BLANKLINE>
        ## Learn
        <BLANKLINE>
        - [One](https://x/1/): First.
        <BLANKLINE>
    """
    sections: dict[str, list[str]] = {}
    for page in pages:
        words = f": {page.description}" if page.description else ""
        sections.setdefault(page.section, []).append(f"- [{page.title}]({page.url}){words}")
    parts = [f"# {name}", f"> {summary}"]
    for section, lines in sections.items():
        parts += [f"## {section}", "\n".join(lines)]
    return "\n\n".join(parts) + "\n"
