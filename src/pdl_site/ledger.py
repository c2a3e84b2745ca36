"""Which published numbers and common errors does the book settle, and where?

Chapters compute published numbers again in cells tagged ``number``, and mark where they set a
common error right. The tables of the page "The numbers" are made of both; a row without a cell, and
a cell without a row, stop the build.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pdl_site.coverage import links, places
from pdl_site.errors import SiteError
from pdl_site.record import values_of
from pdl_site.render import PENDING, number_anchor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pdl_site.book import Entry

PRINTED = ("notes", "course")
"""Who printed a number, as keys of its row."""


class Computed(NamedTuple):
    """A published number as this build got it."""

    chapter: str
    value: str


def computed(entries: Iterable[Entry]) -> dict[str, Computed]:
    """Collect what the cells tagged ``number`` came to.

    Args:
        entries: The chapters in reading order.

    Returns:
        Chapter and value by the id of the row.

    Raises:
        SiteError: If two cells compute the same row.
    """
    found: dict[str, Computed] = {}
    for entry in entries:
        # An old run may be of other cells: what it came to is judged by nobody.
        values = values_of(entry.chapter, entry.record if entry.fresh else None)
        for cell in entry.chapter.cells:
            if not cell.row:
                continue
            if cell.row in found:
                raise SiteError(
                    f"row {cell.row!r} is computed in {found[cell.row].chapter} already",
                    path=entry.chapter.label,
                    line=cell.line - 1,
                    cell=cell.number,
                )
            value = values.get(cell.number, [PENDING])[0]
            found[cell.row] = Computed(entry.chapter.name, value)
    return found


def numbers_table(rows: Mapping[str, Any], entries: Sequence[Entry], folder: str) -> str:
    """Write the published numbers beside those of this build, a table for each chapter.

    Args:
        rows: For each number ``what`` it is, what the ``notes`` and the ``course`` print, and
            ``why`` this build may differ.
        entries: The chapters in reading order.
        folder: Way from the page to the chapters' pages.

    Returns:
        Headings and tables in Markdown.

    Raises:
        SiteError: If a row has no cell, a cell no row, or a number differs and no row says why.
    """
    found = computed(entries)
    _check_ids(rows, found, "numbers", "computes")
    parts = []
    for entry in entries:
        chapter = entry.chapter
        mine = [row for row in rows if found[row].chapter == chapter.name]
        if not mine:
            continue
        head = ["number", "the notes print", "the course prints", "this build", "verdict"]
        lines = [f"## {chapter.front.title}", "", _row(head), _row([":--"] * len(head))]
        for row in mine:
            link = f"{folder}/{chapter.name}.md#{number_anchor(row)}"
            about, value = rows[row], found[row].value
            printed = [str(about.get(who, "")) for who in PRINTED]
            verdict = _verdict(row, about, value)
            numbers = [text.replace(" %", "&nbsp;%") for text in (*printed, value)]
            lines.append(_row([f"[{about['what']}]({link})", *numbers, verdict]))
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def corrections_table(rows: Mapping[str, Any], entries: Sequence[Entry], folder: str) -> str:
    """Write the common errors, what holds instead, and where the book shows it.

    Args:
        rows: For each error what is ``said`` and what ``holds``.
        entries: The chapters in reading order.
        folder: Way from the page to the chapters' pages.

    Returns:
        A table in Markdown.

    Raises:
        SiteError: If no cell sets an error right, or a cell names one without a row.
    """
    found = places((entry.chapter for entry in entries), lambda cell: cell.corrects)
    _check_ids(rows, found, "corrections", "corrects")
    lines = [_row(["often said", "what holds", "where"]), _row([":--"] * 3)]
    for row, about in rows.items():
        lines.append(_row([about["said"], about["holds"], links(found[row], folder)]))
    return "\n".join(lines)


def _verdict(row: str, about: Mapping[str, Any], value: str) -> str:
    if value == PENDING:
        return PENDING
    agree = {who: value == str(about[who]) for who in PRINTED if about.get(who, "") != ""}
    why = str(about.get("why", ""))
    if agree and all(agree.values()):
        return f"same. {why}".strip() if why else "same"
    if not why:
        raise SiteError(
            f"row {row!r} of the numbers: this build got {value!r}, another value was published; "
            "add to the row why"
        )
    if not agree:
        return f"not printed. {why}"
    word = f"same as the {next(who for who in agree if agree[who])}" if any(agree.values()) else ""
    return f"{word or 'different'}. {why}"


def _check_ids(rows: Iterable[str], found: Iterable[str], table: str, verb: str) -> None:
    if missing := sorted(set(rows) - set(found)):
        raise SiteError(f"the {table} have rows that no cell {verb}: {', '.join(missing)}")
    if unknown := sorted(set(found) - set(rows)):
        raise SiteError(f"cells name rows that the {table} do not have: {', '.join(unknown)}")


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
