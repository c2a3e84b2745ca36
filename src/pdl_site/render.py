"""How a chapter and its record become Markdown and files, as Material for MkDocs reads them."""

from __future__ import annotations

import base64
import hashlib
import html
import itertools
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from pdl_site import figures
from pdl_site.outputs import preformatted
from pdl_site.prose import fill, sub_outside_code
from pdl_site.record import values_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pdl_site.record import Record
    from pdl_site.script import Cell, Chapter

FENCE = "``````"
LONG = 32
"""Lines of text output above which the rest is folded."""
SHOWN = 16
"""Lines that stay visible of a long output."""
SIBLING = re.compile(r"(\]\((?!\w+:)[^)\s#]*?\w)\.py(#[^)\s]*)?\)")
HEADING = re.compile(r"^(#{1,6}) ", re.MULTILINE)
PENDING = "&hellip;"
"""Stands for a computed value while its chapter has not run."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What rendering needs to know beside the chapter.

    Attributes:
        dark: Dark color by light color, for the twins of drawings.
        uses: For each code cell the dotted names of the library's objects that it uses.
        card: The run card in Markdown, set under the title.
        notice: A line about outputs that are missing or old; empty when they are true.
    """

    dark: Mapping[str, str] = field(default_factory=dict)
    uses: Sequence[set[str]] = ()
    card: str = ""
    notice: str = ""


@dataclass(frozen=True)
class Page:
    """A rendered chapter.

    Attributes:
        markdown: The page, with its front matter.
        files: Contents of the files that stand beside it, by name.
        figures: Markdown of the named figures, with paths from the page's own folder.
    """

    markdown: str
    files: dict[str, bytes]
    figures: dict[str, str]


def render(chapter: Chapter, record: Record | None, context: Context) -> Page:
    """Render one chapter.

    Args:
        chapter: The chapter.
        record: What its run gave; None when it has not run.
        context: Everything else.

    Returns:
        The page. Links to its files begin with the chapter's name, as MkDocs wants them.
    """
    return _Renderer(chapter, record, context).page()


def number_anchor(row: str) -> str:
    """The place on its page where a published number is computed again.

    Args:
        row: Id of the number.

    Returns:
        An id of HTML.

    Example:
        >>> number_anchor("2.2 epoch 100")
        'number-2-2-epoch-100'
    """
    return f"number-{re.sub(r'[^a-z0-9]+', '-', row.lower())}"


class _Renderer:
    def __init__(self, chapter: Chapter, record: Record | None, context: Context) -> None:
        self.chapter, self.context = chapter, context
        self.files: dict[str, bytes] = {}
        self.figures: dict[str, str] = {}
        self.shown: set[str] = set()
        outputs = iter(record.outputs if record else ())
        uses = iter(context.uses)
        self.outputs: dict[int, list[dict[str, Any]]] = {}
        self.values = values_of(chapter, record)
        self.uses: dict[int, set[str]] = {}
        for cell in chapter.cells:
            if cell.kind == "code":
                self.outputs[cell.number] = next(outputs, [])
                self.uses[cell.number] = next(uses, set())
            elif cell.expressions:
                self.values.setdefault(cell.number, [PENDING] * len(cell.expressions))

    def page(self) -> Page:
        blocks: list[str] = []
        cells = self.chapter.cells
        for solved, group in itertools.groupby(cells, key=lambda cell: "solution" in cell.tags):
            parts = [part for cell in group for part in self.cell(cell)]
            blocks += [_details("pdl-solution", "Solution", parts)] if solved else parts
        if used := sorted(set().union(*self.uses.values())):
            blocks.append(_api_list(used))
        text = "\n\n".join(block for block in blocks if block)
        head = "\n\n".join(part for part in (self.context.card, self.context.notice) if part)
        text = re.sub(r"^(# .+)$", lambda match: f"{match[1]}\n\n{head}", text, count=1,
                      flags=re.MULTILINE) if head else text  # fmt: skip
        return Page(f"{_meta(self.chapter)}\n\n{text}\n", self.files, self.figures)

    def cell(self, cell: Cell) -> Iterator[str]:
        if cell.kind == "markdown":
            yield self.markdown(cell)
            return
        code = f"{FENCE}python\n{cell.source.rstrip()}\n{FENCE}"
        if "check" in cell.tags:
            claim, _, rest = cell.source.strip().partition("\n")
            body = f"{FENCE}python\n{rest.strip()}\n{FENCE}"
            label = html.escape(claim.lstrip("# ").strip(), quote=False)
            shown = self.show(cell)
            # A check's output is for those who open it; that of an exercise is its answer.
            inside = [] if "solution" in cell.tags else [shown]
            yield _details("pdl-check", label, [part for part in [body, *inside] if part])
            if shown and not inside:
                yield f'<div class="pdl-cell" markdown="1">\n\n{shown}\n\n</div>'
            return
        if "hide-input" in cell.tags:
            code = _details("pdl-code", "Show the code", [code])
        shown = self.show(cell)
        parts = [shown, code] if "hide-input" in cell.tags and cell.alt else [code, shown]
        body = "\n\n".join(part for part in [*parts, self.used_here(cell)] if part)
        yield f'<div class="pdl-cell" markdown="1">\n\n{body}\n\n</div>'

    def markdown(self, cell: Cell) -> str:
        if "number" in cell.tags:
            return f'<div class="pdl-anchor" id="{number_anchor(cell.row)}"></div>'
        text = sub_outside_code(
            SIBLING, lambda match: f"{match[1]}.md{match[2] or ''})", cell.source.strip()
        )
        text = fill(text, self.values.get(cell.number, ()))
        if HEADING.match(text) and text.startswith("## "):
            self.shown.clear()
        if "checkpoint" in cell.tags:
            return _box("pdl-checkpoint", "Predict first", text)
        if "wrong" in cell.tags:
            return _box("pdl-wrong", "What went wrong", text)
        if "exercise" in cell.tags:
            return _box("pdl-exercise", cell.level, text, f' data-level="{cell.level}"')
        return text

    def show(self, cell: Cell) -> str:
        blocks: list[str] = []
        shown = 0
        for output in self.outputs[cell.number]:
            kind = output["kind"]
            if kind == "figure":
                shown += 1
                blocks.append(self.figure(cell, output, shown))
            elif kind == "table":
                blocks.append(
                    '<div class="pdl-table" tabindex="0" role="region" '
                    f'aria-label="Table shown by cell {cell.number}">{output["html"]}</div>'
                )
            else:
                css = "pdl-result" if kind == "result" else "pdl-stream"
                if output.get("name") == "stderr":
                    css += " pdl-stderr"
                blocks.append(_text(output["text"], css))
        if not blocks:
            return ""
        inner = "\n\n".join(blocks)
        return f'<div class="pdl-output" data-search-exclude markdown="1">\n\n{inner}\n\n</div>'

    def figure(self, cell: Cell, output: Mapping[str, Any], number: int) -> str:
        data = base64.b64decode(output["data"])
        stem = f"{cell.name or 'figure'}-{hashlib.sha256(data).hexdigest()[:10]}"
        # The words of now, not of the run: they are prose, and no part of the key.
        words = cell.alt[number - 1] if number <= len(cell.alt) else output["alt"]
        alt = re.sub(r"[\[\]\s]+", " ", re.sub(r"[`$]", "", words)).strip()
        size = f"width={output['width']} height={output['height']} loading=lazy"

        def image(name: str, css: str, fragment: str = "") -> str:
            return f"![{alt}]({self.chapter.name}/{name}{fragment}){{ .{css} {size} }}"

        if output["format"] == "svg":
            twin = figures.darken(data, self.context.dark)
            self.files |= {f"{stem}.svg": data, f"{stem}-dark.svg": twin}
            images = (
                image(f"{stem}.svg", "pdl-plot", "#only-light")
                + "\n"
                + image(f"{stem}-dark.svg", "pdl-plot", "#only-dark")
            )
        else:
            self.files[f"{stem}.webp"] = data
            images = image(f"{stem}.webp", "pdl-photo")
        if cell.name and number == 1:
            self.figures[cell.name] = images
        caption = ""
        if cell.caption and number == len(cell.alt):
            caption = f'\n\n<figcaption markdown="span">{cell.caption}</figcaption>'
        return f'<figure class="pdl-figure" markdown="1">\n\n{images}{caption}\n\n</figure>'

    def used_here(self, cell: Cell) -> str:
        if "hide-input" in cell.tags:  # it draws; what it uses is not what the section teaches
            return ""
        fresh = sorted(self.uses[cell.number] - self.shown)
        self.shown |= set(fresh)
        if not fresh:
            return ""
        links = " · ".join(_api_link(name) for name in fresh)
        return f'<p class="pdl-uses" markdown="span">In the library: {links}</p>'


def _text(text: str, css: str) -> str:
    lines = text.split("\n")
    if len(lines) <= LONG:
        return preformatted(text, css)
    rest = preformatted("\n".join(lines[SHOWN:]), css)
    summary = f"{len(lines) - SHOWN} more lines"
    return (
        preformatted("\n".join(lines[:SHOWN]), css)
        + f'\n\n<details class="pdl-long"><summary>{summary}</summary>{rest}</details>'
    )


def _box(css: str, label: str, text: str, attributes: str = "") -> str:
    return (
        f'<div class="{css}"{attributes} markdown="1">\n\n'
        f'<p class="pdl-label">{label}</p>\n\n{text}\n\n</div>'
    )


def _details(css: str, summary: str, parts: Sequence[str]) -> str:
    body = "\n\n".join(parts)
    head = f'<details class="{css}" markdown="1">\n<summary>{summary}</summary>'
    return f"{head}\n\n{body}\n\n</details>"


def _api_link(name: str) -> str:
    return f"[`{name.rpartition('.')[2]}`][{name}]"


def _api_list(names: Sequence[str]) -> str:
    # Raw elements: autorefs links them but counts no use, so that an object's page names the
    # sections where it is at work and not this list.
    items = "".join(
        f'<li><autoref identifier="{name}"><code>{name}</code></autoref></li>' for name in names
    )
    return f'## From the library {{ #from-the-library }}\n\n<ul class="pdl-api">{items}</ul>'


def _meta(chapter: Chapter) -> str:
    front = chapter.front
    meta = {
        "title": front.title,
        "description": front.description,
        "level": front.level,
        "minutes": front.minutes,
        "needs": list(front.needs),
        "gives": list(front.gives),
        "chapter": chapter.name,
    }
    return f"---\n{yaml.safe_dump(meta, sort_keys=False, allow_unicode=True)}---"
