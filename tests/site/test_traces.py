"""Is the site free of what only belongs on the machine that built it?"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
TEXT = {".html", ".json", ".ipynb", ".xml", ".txt", ".svg", ".css", ".js", ".inv"}
# Docstrings show the errors that a reader may meet: in their examples, and in the source below.
DOCTEST = re.compile(r'<span class="(?:gt|sd)">[^<]*</span>')
TRACES = {
    "a path of this machine": re.compile(
        rf"{re.escape(str(REPO))}|/(?:root|home/\w+|Users/\w+|tmp/\w+)/|site-packages|ipykernel_\d"
    ),
    "an address in memory": re.compile(r"\b0x[0-9a-f]{6,}"),
    "a traceback": re.compile(r"Traceback \(most recent call last\)"),
    "a warning of a library": re.compile(r"\b(?:Deprecation|Future|User)Warning:"),
    "a value that drawing gives": re.compile(r">Text\(-?\d|(?:&lt;|<)matplotlib\.\w+"),
    "an unfilled place": re.compile(r"\{\{ \w"),
}


@pytest.mark.parametrize("trace", TRACES)
def test_the_site_shows_no(trace: str, site: Path) -> None:
    found = []
    for file in sorted(site.rglob("*")):
        vendored = "vendor" in file.parts or file.name.endswith((".min.js", ".min.css"))
        if file.suffix not in TEXT or vendored or not file.is_file():
            continue
        if trace == "a traceback" and file.name == "search_index.json":
            continue  # it holds doctests as plain text; their pages mark them as such
        text = file.read_text(encoding="utf-8", errors="replace")
        if trace == "a traceback":
            text = DOCTEST.sub("", text)
        found += [
            f"{file.relative_to(site)}: ...{text[max(0, m.start() - 40) : m.end() + 40]!r}"
            for m in TRACES[trace].finditer(text)
        ]

    assert not found, "\n".join(found)
