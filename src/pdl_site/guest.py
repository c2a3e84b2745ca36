"""How does a notebook's page, made by mkdocs-jupyter, fit among the pages of the book?

That page brings half a megabyte of styles, scripts that ask other hosts, and its own boxes around
each cell. What it says is taken out of them and put into the boxes of the theme.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any

from pdl_site.errors import SiteError

if TYPE_CHECKING:
    from collections.abc import Callable

WRAPPER = '<div class="jupyter-wrapper">'
CELL = re.compile(
    r'data-mime-type="text/markdown">\s*(?P<words>.*?)\s*(?:</div>\s*){4}'
    r'|<div class="highlight-ipynb hl-\w+"><pre>(?P<code>.*?)\s*</pre></div>',
    re.DOTALL,
)
ANCHOR = re.compile(r'<a class="anchor-link" href="(#[^"]*)">¶</a>')
HEADING = re.compile(r'<h([12]) id="([^"]+)"[^>]*>(.*?)</h\1>', re.DOTALL)
CODE = re.compile(r"(<(?:code|pre)\b.*?</(?:code|pre)>)", re.DOTALL)
MATH = re.compile(r"(?<![\\$])\$(?![\s$])([^$\n]*[^$\s\\])\$(?!\$)")


def is_notebook(html: str) -> bool:
    """Whether a page's content was made by mkdocs-jupyter.

    Args:
        html: Content of a page.

    Returns:
        True if so.
    """
    return WRAPPER in html


def settle(html: str, *, here: str, resolve: Callable[[str], str], links: str = "") -> str:
    """Give a notebook's page the markup of all other pages.

    Args:
        html: Content of the page as mkdocs-jupyter made it.
        here: Address of the site with a slash at its end.
        resolve: Makes of an address below it a link from this page.
        links: HTML to put under the title.

    Returns:
        Its cells: prose, and blocks of code that the theme can copy.

    Raises:
        SiteError: If no cell is found, because the other plugin writes another form.
    """
    blocks = [
        _prose(text, here, resolve)
        if is_prose
        else (
            '<div class="pdl-cell"><div class="language-python highlight"><pre>'
            f"<span></span><code>{text}\n</code></pre></div></div>"
        )
        for is_prose, text in _cells(html)
    ]
    if not blocks:
        raise SiteError("the page of a notebook has no cell that could be recognized")
    page = "\n".join(blocks)
    return page.replace("</h1>", f"</h1>\n{links}", 1) if links else page


def sections(html: str) -> list[Any]:
    """List the sections of a settled page, as MkDocs wants them for the table of contents.

    The other plugin reads them from another text, in which headings have lost their code.

    Args:
        html: Content of the page.

    Returns:
        Level, id, name and children of each; those of the second level within the first.

    Example:
        >>> sections('<h1 id="a">A</h1><h2 id="b-f">B <code>f</code></h2>')[0]["children"]
        [{'level': 2, 'id': 'b-f', 'name': 'B f', 'children': []}]
    """
    found: list[dict[str, Any]] = []
    for level, name, words in HEADING.findall(html):
        text = re.sub(r"<a class=\"headerlink\".*?</a>|<[^>]+>", "", words)
        entry = {"level": int(level), "id": name, "name": text.strip(), "children": []}
        inside = found[-1]["children"] if found and int(level) > 1 else found
        inside.append(entry)
    return found


@functools.lru_cache(maxsize=64)  # while a site is served, most pages come again unchanged
def _cells(html: str) -> list[tuple[bool, str]]:
    """Whether each cell is prose, and its HTML."""
    return [
        (True, cell["words"])
        if cell["code"] is None
        else (False, cell["code"].removeprefix("<span></span>"))
        for cell in CELL.finditer(html)
    ]


def _prose(html: str, here: str, resolve: Callable[[str], str]) -> str:
    html = ANCHOR.sub(
        r'<a class="headerlink" href="\1" title="Link to this section">&para;</a>', html
    )
    html = re.sub(
        rf'href="{re.escape(here)}([^"]*)"', lambda link: f'href="{resolve(link[1])}"', html
    )
    parts = CODE.split(html)
    parts[::2] = [
        MATH.sub(r'<span class="arithmatex">\\(\1\\)</span>', part) for part in parts[::2]
    ]
    return "".join(parts)
