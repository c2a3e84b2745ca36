"""The chapter as a notebook to download: plain Markdown, no outputs, ready to run elsewhere."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import nbformat

from pdl_site.prose import fill, sub_outside_code
from pdl_site.record import values_of

if TYPE_CHECKING:
    from pdl_site.record import Record
    from pdl_site.script import Cell, Chapter

ADMONITION = re.compile(r'^(?:!!!|\?\?\?\+?) \w+(?: "(?P<title>[^"]*)")?\n'
    r"(?P<body>(?:(?: {4}.*)?\n?)*)",
                        re.MULTILINE)  # fmt: skip
TAB = re.compile(r'^=== "(?P<title>[^"]*)"\n(?P<body>(?:(?: {4}.*)?\n?)*)', re.MULTILINE)
CROSS_REFERENCE = re.compile(r"\[([^\]\n]+)\]\[[\w.]*\]")
PAGE_LINK = re.compile(r"\[([^\]\n]+)\]\((?!\w+:|#)([^)\s#]*)\.(?:md|py)(#[^)\s]*)?\)")
IMAGE = re.compile(r"!\[([^\]\n]*)\]\((?!\w+:|[#/])([^)\s]+)\)")
ATTRIBUTES = re.compile(r"[ \t]*\{:?\s*[.#][^}\n]*\}")


def to_notebook(chapter: Chapter, record: Record | None, *, site_url: str = "",
                install: str = "") -> bytes:  # fmt: skip
    """Make the notebook of a chapter.

    Args:
        chapter: The chapter.
        record: Its run, for the values in the prose.
        site_url: Address of the folder of the chapters' pages, for links; without it, links
            between pages become plain text.
        install: Requirement that installs the library, put as a comment into a first cell.

    Returns:
        A notebook in UTF-8, the same for the same input.
    """
    notebook = new_notebook(chapter.front.title)
    values = values_of(chapter, record)
    if install:
        notebook.cells.append(install_cell(install))
    for cell in chapter.cells:
        if cell.kind == "code":
            node = nbformat.v4.new_code_cell(cell.source)
            if cell.tags:
                node.metadata["tags"] = sorted(cell.tags)
        else:
            if "number" in cell.tags:  # only the site has a page of numbers
                continue
            mine = values.get(cell.number, ["…"] * len(cell.expressions))
            text = plain_markdown(fill(cell.source, mine), site_url)
            node = nbformat.v4.new_markdown_cell(_labelled(cell, text))
        notebook.cells.append(with_id(node, f"cell-{cell.number:03d}"))
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def new_notebook(title: str) -> nbformat.NotebookNode:
    """Make an empty notebook.

    Args:
        title: Its title.

    Returns:
        A notebook for a Python kernel.
    """
    python = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": python, "language_info": {"name": "python"}, "title": title}
    made: nbformat.NotebookNode = nbformat.v4.new_notebook(metadata=metadata)
    return made


def install_cell(requirement: str) -> nbformat.NotebookNode:
    """Make the cell that installs the library where it is missing.

    Args:
        requirement: What pip installs.

    Returns:
        A code cell; its commands are comments, so that running all cells installs nothing.
    """
    source = "# Where the library is missing, on Colab for example, run:\n"
    source += f'# %pip install -q "{requirement}"'
    return with_id(nbformat.v4.new_code_cell(source), "install")


def with_id(node: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Give a cell an id that is the same each time.

    Args:
        node: The cell.
        name: Its id.

    Returns:
        The cell.
    """
    node["id"] = name
    return node


def plain_markdown(text: str, site_url: str = "") -> str:
    r"""Rewrite what only the site's Markdown knows: admonitions, tabs, cross-references.

    Args:
        text: Markdown of a chapter.
        site_url: Address that relative links are resolved against.

    Returns:
        Markdown that any notebook shows well.

    Example:
        >>> print(plain_markdown('!!! note "Mind"\n    One.\n\nSee [`f`][pkg.f] and [B](b.py).'))
        > **Mind**
        >
        > One.
        <BLANKLINE>
        See `f` and B.
    """
    text = sub_outside_code(ADMONITION, _quote, text)
    text = sub_outside_code(TAB, _quote, text)
    text = sub_outside_code(CROSS_REFERENCE, lambda match: match[1], text)
    text = sub_outside_code(ATTRIBUTES, lambda _: "", text)

    def link(match: re.Match[str]) -> str:
        if not site_url:
            return match[1]
        return f"[{match[1]}]({site_url.rstrip('/')}/{match[2]}/{match[3] or ''})"

    if site_url:
        here = site_url.rstrip("/")
        text = sub_outside_code(IMAGE, lambda match: f"![{match[1]}]({here}/{match[2]})", text)
    return sub_outside_code(PAGE_LINK, link, text)


def _labelled(cell: Cell, text: str) -> str:
    if "checkpoint" in cell.tags:
        return f"> **Predict first**\n>\n{_quoted(text)}"
    if "wrong" in cell.tags:
        return f"> **What went wrong**\n>\n{_quoted(text)}"
    return text


def _quote(match: re.Match[str]) -> str:
    title = match["title"] or match[0].split()[1].capitalize()
    body = re.sub(r"^ {4}", "", match["body"], flags=re.MULTILINE).strip("\n")
    return f"> **{title}**\n>\n{_quoted(body)}\n\n"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))
