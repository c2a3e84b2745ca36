"""What hand-written pages may show of the build: the path, a figure, what was checked."""

from __future__ import annotations

import ast
import functools
import html
import posixpath
import re
from typing import TYPE_CHECKING, Any

from pdl_site.book import total_checks
from pdl_site.coverage import as_tables, places
from pdl_site.errors import SiteError
from pdl_site.foreign import foreign_list
from pdl_site.ledger import corrections_table, numbers_table
from pdl_site.runcard import duration

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pdl_site.book import Entry

INSERT = re.compile(r"<!-- site:(?P<what>[\w-]+)(?: (?P<argument>\S+))? -->")


def insert(
    markdown: str,
    *,
    page: str,
    uri: str,
    entries: Sequence[Entry],
    figures: Mapping[str, str],
    library: Path | None = None,
    topics: Mapping[str, str] | None = None,
    numbers: Mapping[str, Any] | None = None,
    corrections: Mapping[str, Any] | None = None,
    references: Mapping[str, str] | None = None,
) -> str:
    """Replace the ``<!-- site:... -->`` comments of a hand-written page.

    Args:
        markdown: The page.
        page: Its path below the documentation folder.
        uri: Folder of the chapters' pages.
        entries: The chapters in reading order.
        figures: Markdown of named figures by ``uri/chapter#name``.
        library: Folder of the library's source, whose doctests are counted.
        topics: A few words for each item of the curriculum.
        numbers: The published numbers that the chapters compute again.
        corrections: The common errors that the chapters set right.
        references: Addresses of other projects' objects by name.

    Returns:
        The page with the inserts in place.

    Raises:
        SiteError: For an insert that does not exist.
    """
    folder = posixpath.relpath(uri, posixpath.dirname(page) or ".")

    chapters = [entry.chapter for entry in entries]
    titles = {chapter.name: chapter.front.title for chapter in chapters}
    makers: dict[str, Callable[[], str]] = {
        "chapters": lambda: _chapters(entries, folder),
        "checked": lambda: _checked(entries, library),
        "progress": lambda: _progress(entries),
        "coverage": lambda: as_tables(places(chapters), topics or {}, titles, folder),
        "numbers": lambda: numbers_table(numbers or {}, entries, folder),
        "corrections": lambda: corrections_table(corrections or {}, entries, folder),
    }

    def one(match: re.Match[str]) -> str:
        what, argument = match["what"], match["argument"] or ""
        if what in makers:
            return makers[what]()
        if what == "foreign" and argument:
            return foreign_list(chapters, argument, references or {}, folder)
        if what == "figure" and argument in figures:
            return figures[argument].replace("](", f"]({folder}/")
        if what == "figure" and any(entry.record is None for entry in entries):
            text = "The figure appears when its chapter has run."
            return f'<p class="pdl-notice" role="status">{text}</p>'
        line = markdown.count("\n", 0, match.start()) + 1
        known = f"known figures: {', '.join(sorted(figures)) or 'none'}"
        raise SiteError(f"no insert {match[0]!r}; {known}", path=f"docs/{page}", line=line)

    return INSERT.sub(one, markdown)


def _chapters(entries: Sequence[Entry], folder: str) -> str:
    items = []
    for entry in entries:
        front = entry.chapter.front
        time = f"{front.minutes} min to read and try"
        if entry.record is not None:
            time += f" · runs in {duration(entry.record.facts['seconds'])}"
        gives = html.escape(", ".join(front.gives), quote=False)
        items.append(
            f'<li markdown="span">[{front.title}]({folder}/{entry.chapter.name}.md) '
            f'<span class="pdl-track-gives">{gives}</span> '
            f'<span class="pdl-track-time">{time}</span></li>'
        )
    return '<ol class="pdl-track" markdown="1">\n' + "\n".join(items) + "\n</ol>"


def _progress(entries: Sequence[Entry]) -> str:
    """While a served site fills: how far it is. A built site has all outputs, and no such line."""
    done = sum(entry.fresh for entry in entries)
    if done == len(entries):
        return ""
    words = (
        f"{done} of {len(entries)} chapters have run on this machine. The others run now, in "
        "reading order; each page refreshes itself."
    )
    label = "Chapters that have run"
    bar = f'<progress max="{len(entries)}" value="{done}" aria-label="{label}"></progress>'
    return f'<div class="pdl-notice" role="status">{words} {bar}</div>'


def _checked(entries: Sequence[Entry], library: Path | None) -> str:
    done = [entry.record for entry in entries if entry.record is not None and entry.fresh]
    rows = {
        "Chapters run": f"{len(done)} of {len(entries)}",
        "Claims checked": str(total_checks(entry for entry in entries if entry.fresh)),
    }
    if library is not None:
        rows["Doctest examples, run by make test"] = str(count_doctests(library))
    if done:
        rows["Computing time"] = duration(sum(record.facts["seconds"] for record in done))
        newest = max(done, key=lambda record: record.facts["started"])
        versions = {"Python": newest.facts["python"], **newest.facts.get("packages", {})}
        rows["Versions"] = ", ".join(f"{name} {v}" for name, v in list(versions.items())[:3])
        rows["Last run"] = newest.facts["started"][:10]
    inner = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in rows.items())
    return f'<dl class="pdl-checked">{inner}</dl>'


def count_doctests(folder: Path) -> int:
    """Count the doctest examples of a package.

    Args:
        folder: The package.

    Returns:
        Number of ``>>>`` prompts in its docstrings.
    """
    return sum(_doctests_in(file.read_text(encoding="utf-8")) for file in folder.rglob("*.py"))


@functools.lru_cache(maxsize=1024)  # the home page asks again at each rebuild
def _doctests_in(source: str) -> int:
    count = 0
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            doc = ast.get_docstring(node) or ""
            count += len(re.findall(r"^\s*>>> ", doc, re.MULTILINE))
    return count
