"""What a chapter's script says: its front matter and its cells, each with the line it stands on."""

from __future__ import annotations

import ast
import functools
import re
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import jupytext
import nbformat

from pdl_site.errors import SiteError
from pdl_site.front import FrontMatter, read_front_matter
from pdl_site.prose import (
    EXPRESSION,
    Expression,
    find_expressions,
    find_stray_braces,
    find_typed_numbers,
    find_unsafe_html,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

CODE_TAGS = frozenset({"check", "solution", "hide-input", "stderr", "leaves-files"})
MARKDOWN_TAGS = frozenset({"checkpoint", "wrong", "exercise", "solution", "number"})
CODE_KEYS = frozenset({"tags", "alt", "caption", "name"})
MARKDOWN_KEYS = frozenset({"tags", "covers", "corrects", "level", "row", "answer"})
UNREADABLE = (nbformat.ValidationError, AttributeError, TypeError, ValueError)
"""What jupytext raises at keys of a wrong kind."""
TEXT_KEYS = frozenset({"caption", "name", "level", "row"})
LIST_KEYS = frozenset({"tags", "covers", "corrects", "answer"})
LEVELS = ("warm-up", "build", "measure", "open")
PERCENT = {"extension": ".py", "format_name": "percent", "comment_magics": False}
MARKER = re.compile(r"# ?%%+( |$)")


@dataclass(frozen=True)
class Cell:
    """One cell of a chapter.

    Attributes:
        kind: ``code`` or ``markdown``.
        source: Text of the cell.
        line: Line of the first line of ``source`` in the file, from 1.
        number: Place of the cell in the file, from 1.
        tags: What the page does with the cell.
        alt: Text alternatives of the figures that the cell shows.
        caption: Caption of the figure, in Markdown.
        name: Name by which other pages can show the cell's figure.
        covers: Ids of the curriculum that the cell treats.
        corrects: Ids of common errors that the cell sets right.
        row: Id of the published number that the cell computes again.
        level: Difficulty of an exercise.
        answer: What its checks expect to find, ``"name: what it is"`` for each name.
        expressions: The ``{{ ... }}`` of a Markdown cell, in order.
    """

    kind: str
    source: str
    line: int
    number: int
    tags: frozenset[str] = frozenset()
    alt: tuple[str, ...] = ()
    caption: str = ""
    name: str = ""
    covers: tuple[str, ...] = ()
    corrects: tuple[str, ...] = ()
    row: str = ""
    level: str = ""
    answer: tuple[str, ...] = ()
    expressions: tuple[Expression, ...] = ()


@dataclass(frozen=True)
class Chapter:
    """A parsed script.

    Attributes:
        path: The file.
        label: The file as messages name it: its path from the project's root.
        front: Its front matter.
        cells: Its cells, in order.
        text: The whole text of the file.
    """

    path: Path
    label: str
    front: FrontMatter
    cells: tuple[Cell, ...] = field(repr=False)
    text: str = field(repr=False)

    @property
    def name(self) -> str:
        """The file's name without its ending: the page's address and the cache's label."""
        return self.path.stem

    @property
    def code_cells(self) -> tuple[Cell, ...]:
        """The cells that run, in order."""
        return tuple(cell for cell in self.cells if cell.kind == "code")


def read_chapter(path: Path, root: Path | None = None) -> Chapter:
    """Read and parse one chapter.

    Args:
        path: The percent script.
        root: The project's root, for messages; the script's parent folder's parent if not given.

    Returns:
        The parsed chapter.

    Raises:
        SiteError: If the file can not be read as a chapter.
    """
    root = path.resolve().parent.parent if root is None else root
    resolved = path.resolve()
    label = resolved.relative_to(root).as_posix() if resolved.is_relative_to(root) else path.name
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SiteError(f"can not be read as UTF-8 text: {error}", path=label) from error
    return parse_chapter(text, path, label)


@functools.lru_cache(maxsize=256)
def parse_chapter(text: str, path: Path, label: str) -> Chapter:
    """Parse the text of a percent script.

    Args:
        text: Contents of the script.
        path: Where it stands.
        label: What messages call it.

    Returns:
        The parsed chapter.

    Raises:
        SiteError: For broken front matter, an unknown tag or key, a syntax error in a cell or in
            an expression of the prose; each with the line.
    """
    lines = text.splitlines()
    front, end = read_front_matter(lines, label)
    markers = [n for n, line in enumerate(lines, start=1) if n > end + 1 and MARKER.match(line)]
    for n, line in enumerate(lines[end + 1 : markers[0] - 1 if markers else None], start=end + 2):
        if line.strip():
            raise SiteError("text before the first '# %%'; give it a cell", path=label, line=n)
    notebook = _read_notebook(text, markers, lines, label)
    raw = [cell for cell in notebook.cells if cell.cell_type != "raw"]
    if len(raw) != len(markers):
        raise _miscounted(raw, markers, lines, label)
    cells = tuple(
        _cell(
            node.cell_type,
            node.source,
            dict(node.metadata),
            line=line + 1,
            number=number,
            label=label,
        )
        for number, (node, line) in enumerate(zip(raw, markers, strict=True), start=1)
    )
    _check_whole(cells, label)
    return Chapter(path=path, label=label, front=front, cells=cells, text=text)


def _read_notebook(text: str, markers: list[int], lines: list[str], label: str) -> Any:
    try:
        return jupytext.reads(text, fmt=PERCENT)
    except UNREADABLE as error:
        for number, line in enumerate(markers, start=1):
            try:
                jupytext.reads(lines[line - 1] + "\n", fmt=PERCENT)
            except UNREADABLE as cause:
                message = f"a key of this cell is wrong: {getattr(cause, 'message', cause)}"
                raise SiteError(message, path=label, line=line, cell=number) from cause
        raise SiteError(f"jupytext can not read it: {error}", path=label) from error


def _miscounted(raw: Sequence[Any], markers: list[int], lines: list[str], label: str) -> SiteError:
    """Say where the file's markers and the cells that jupytext sees part ways."""
    for number, (node, line) in enumerate(zip(raw, markers, strict=False), start=1):
        if any(MARKER.match(text) for text in node.source.split("\n")):
            message = "a line of this cell begins with '# %%', inside a string; indent it"
            return SiteError(message, path=label, line=line, cell=number)
    for number, line in enumerate(markers, start=1):
        if "[raw]" in lines[line - 1]:
            message = "a raw cell; a chapter has code and Markdown cells only"
            return SiteError(message, path=label, line=line, cell=number)
    message = f"{len(markers)} lines begin with '# %%' but there are {len(raw)} cells"
    return SiteError(message, path=label, line=markers[-1] if markers else 1)


def _check_whole(cells: tuple[Cell, ...], label: str) -> None:
    """See that the chapter begins with its title and that no two cells share a name."""
    first = cells[0] if cells else None
    if first is None or first.kind != "markdown" or not first.source.startswith("# "):
        raise SiteError(
            "the first cell must be Markdown and begin with the title, '# # Title'",
            path=label,
            line=first.line if first else 1,
            cell=1,
        )
    named: dict[str, Cell] = {}
    for cell in cells:
        if cell.name and cell.name in named:
            message = f"the name {cell.name!r} is taken by cell {named[cell.name].number}"
            raise SiteError(message, path=label, line=cell.line - 1, cell=cell.number)
        named[cell.name] = cell


def _cell(
    kind: str, source: str, meta: dict[str, Any], *, line: int, number: int, label: str
) -> Cell:
    def fail(message: str, at: int = line - 1) -> SiteError:
        return SiteError(message, path=label, line=at, cell=number)

    # jupytext notes the blank lines between cells in keys of its own
    meta = {key: value for key, value in meta.items() if not key.startswith("lines_to_")}
    _check_meta(kind, meta, fail)
    tags = meta.get("tags", [])
    expressions: tuple[Expression, ...] = ()
    if kind == "code":
        _check_code(source, set(tags), line, fail)
    else:
        expressions = find_expressions(source)
        _check_prose(source, expressions, line, fail)
        if ("number" in tags) != bool(meta.get("row")):
            raise fail("the tag 'number' and the key 'row' belong together")
        if "number" in tags and not (
            len(expressions) == 1 and EXPRESSION.fullmatch(source.strip())
        ):
            raise fail("a number is one expression, {{ x }}, and nothing else")
    alt = meta.get("alt", [])
    return Cell(
        kind=kind,
        source=source,
        line=line,
        number=number,
        tags=frozenset(tags),
        alt=(alt,) if isinstance(alt, str) else tuple(alt),
        caption=meta.get("caption", ""),
        name=meta.get("name", ""),
        covers=tuple(meta.get("covers", [])),
        corrects=tuple(meta.get("corrects", [])),
        row=meta.get("row", ""),
        level=meta.get("level", ""),
        answer=tuple(meta.get("answer", [])),
        expressions=expressions,
    )


def _check_meta(kind: str, meta: dict[str, Any], fail: Any) -> None:
    if broken := meta.get("incorrectly_encoded_metadata"):
        raise fail(f"can not read {broken!r}; write key=value, texts in double quotes")
    allowed = CODE_KEYS if kind == "code" else MARKDOWN_KEYS
    for key, value in meta.items():
        if key not in allowed:
            raise fail(f"unknown key {key!r} of a {kind} cell; known are {sorted(allowed)}")
        if key in TEXT_KEYS and not isinstance(value, str):
            raise fail(f"{key} must be a text, got {value!r}")
        if key in LIST_KEYS and not _is_texts(value):
            raise fail(f"{key} must be a list of texts, got {value!r}")
        if key == "alt" and not isinstance(value, str) and not _is_texts(value):
            raise fail(f"alt must be a text or a list of texts, got {value!r}")
    known_tags = CODE_TAGS if kind == "code" else MARKDOWN_TAGS
    tags = meta.get("tags", [])
    if not set(tags) <= known_tags:
        raise fail(f"unknown tag in {tags!r} of a {kind} cell; known are {sorted(known_tags)}")
    level = meta.get("level", "")
    if "exercise" in tags and level not in LEVELS:
        raise fail(f"an exercise has a level of {LEVELS}, got {level!r}")
    for text in meta.get("answer", []):
        if "exercise" not in tags or not re.match(r"[A-Za-z_]\w*: \S", text):
            raise fail(f"answer is a list of 'name: what it is' of an exercise, got {text!r}")


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(text, str) for text in value)


def _check_prose(source: str, expressions: tuple[Expression, ...], line: int, fail: Any) -> None:
    if unsafe := find_unsafe_html(source):
        at = line + source.count("\n", 0, source.find(unsafe))
        raise fail(f"prose must not carry {unsafe!r}: it would run in the reader's browser", at)
    if (stray := find_stray_braces(source)) is not None:
        raise fail("'{{' begins an expression only when a space follows: {{ x }}", line + stray)
    for at, number in find_typed_numbers(source):
        raise fail(
            f"{number!r} was typed by hand; compute it, {{{{ ... }}}}, or quote it as `code`",
            line + at,
        )
    for expression in expressions:
        try:
            ast.parse(expression.python, mode="eval")
        except SyntaxError as error:
            message = f"bad expression {{{{ {expression.code} }}}}: {error.msg}"
            raise fail(message, line + expression.line) from error


def _check_code(source: str, tags: set[str], line: int, fail: Any) -> None:
    try:
        tree = ast.parse(source)
        with warnings.catch_warnings():  # what a cell warns of, its run shows
            warnings.simplefilter("ignore")
            compile(source, "cell", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        at = line + (error.lineno or 1) - 1
        raise fail(f"SyntaxError: {error.msg}", at) from error
    if "check" in tags:
        if not source.lstrip().startswith("# "):
            raise fail("a check begins with a comment that states its claim in one sentence")
        if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)) and not re.search(
            r"assert_\w+\(|raises\(", source
        ):
            raise fail("a check without an assert checks nothing")
