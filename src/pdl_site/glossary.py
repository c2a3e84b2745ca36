"""Where does a reader learn what a word means? On the word itself, from one glossary page.

A Python-Markdown extension. It reads a glossary written as an ordinary page: each term is a
third-level heading, the first paragraph below it the definition. On every other page it marks the
first use of each term as ``<abbr title="definition">``. So the page stays the only place where a
definition is written.

    ### Learning rate { #learning-rate data-also="step size" }

    How far an optimizer moves a parameter ...
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

from markdown import Markdown
from markdown.extensions import Extension
from markdown.treeprocessors import Treeprocessor
from markdown.util import AtomicString

from pdl_site.errors import SiteError

HEADING = re.compile(r"^###\s+(?P<name>.+?)\s*(?:\{(?P<attributes>[^}]*)\})?\s*$")
ALSO = re.compile(r'data-also="([^"]*)"')
ANCHOR = re.compile(r"#([\w-]+)")
# Words inside these are names or labels, not running text.
SKIPPED = {"a", "abbr", "button", "code", "kbd", "label", "pre", "script", "style", "summary", "th"}
SKIPPED |= {"h1", "h2", "h3", "h4", "h5", "h6"}
# ... and inside elements of these classes.
QUIET = {"arithmatex", "pdl-run", "pdl-downloads", "pdl-notice", "pdl-uses", "pdl-track"}


@dataclass(frozen=True)
class Term:
    """One entry of the glossary.

    Attributes:
        name: The word as its heading writes it.
        anchor: Where its entry is on the glossary page.
        names: Every way to write it: the heading first, then the words of ``data-also``.
        definition: Its first paragraph, without markup.
    """

    name: str
    anchor: str
    names: tuple[str, ...]
    definition: str


class Glossary(NamedTuple):
    """The terms of one page, and what finds them in a text."""

    terms: tuple[Term, ...]
    pattern: re.Pattern[str]
    by_name: dict[str, Term]

    def term(self, word: str) -> Term | None:
        """The term that a word of a text names, singular or plural."""
        word = " ".join(word.lower().split())
        forms = (word, word.removesuffix("s"), word.removesuffix("es"))
        return next(filter(None, map(self.by_name.get, forms)), None)


def plain(text: str) -> str:
    """Markdown of one paragraph as the plain text of a tooltip.

    Example:
        >>> plain("A *list* of numbers, see [`shape`](#shape).")
        'A list of numbers, see shape.'
    """
    text = re.sub(r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1", text)
    return re.sub(r"[`*$]|\\(?=\W)", "", text).strip()


def parse_glossary(text: str) -> tuple[Term, ...]:
    r"""All terms of a glossary page, in the order of the page.

    Raises:
        SiteError: A term has no definition, or two terms share a name.

    Example:
        >>> parse_glossary("### Tensor { #tensor }\n\nNumbers in a grid.")[0].definition
        'Numbers in a grid.'
    """
    terms: list[Term] = []
    owners: dict[str, str] = {}
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        found = HEADING.match(line)
        if found is None:
            continue
        name, attributes = plain(found["name"]), found["attributes"] or ""
        definition = _first_paragraph(lines[number:])
        if not definition:
            message = f"{name!r} has no definition; write one paragraph below its heading"
            raise SiteError(message, path="glossary", line=number)
        also, anchor = ALSO.search(attributes), ANCHOR.search(attributes)
        others = [each.strip() for each in also[1].split(",")] if also else []
        names = (name, *filter(None, others))
        for each in names:
            if (owner := owners.setdefault(each.lower(), name)) != name:
                message = f"{each!r} already belongs to {owner!r}; give it to one of the two"
                raise SiteError(message, path="glossary", line=number)
        slug = anchor[1] if anchor else re.sub(r"\W+", "-", name.lower()).strip("-")
        terms.append(Term(name, slug, names, plain(definition)))
    return tuple(terms)


def _first_paragraph(lines: list[str]) -> str:
    """The first lines with text, up to an empty line or a heading, joined."""
    kept: list[str] = []
    for line in lines:
        if line.startswith("#") or (kept and not line.strip()):
            break
        if line.strip():
            kept.append(line.strip())
    return " ".join(kept)


def word_pattern(terms: tuple[Term, ...]) -> re.Pattern[str]:
    r"""One pattern that finds every name of every term, the longest first, with a plural s.

    A name written like a word ("Tensor") is found with a small first letter too; a name written
    like a symbol ("GPU") only as it is.

    Example:
        >>> entries = parse_glossary("### Tensor\n\nNumbers.\n\n### GPU\n\nA chip.")
        >>> word_pattern(entries).findall("tensors on a GPU, gpu")
        ['tensors', 'GPU']
    """
    names = sorted((name for term in terms for name in term.names), key=len, reverse=True)
    if not names:
        return re.compile(r"(?!)")
    return re.compile(rf"(?<![\w-])(?:{'|'.join(map(_loose, names))})(?:e?s)?(?![\w-])")


def _loose(name: str) -> str:
    """A name as a pattern: any white space between words, either case for a word's first letter."""
    pattern = r"\s+".join(map(re.escape, name.split()))
    is_word = name[0].isalpha() and name[1:2].islower()
    return f"[{name[0].upper()}{name[0].lower()}]{pattern[1:]}" if is_word else pattern


@functools.lru_cache(maxsize=4)
def _read(path: str, _modified_ns: int) -> Glossary:
    """One version of a glossary file, read once and kept while the file does not change."""
    terms = parse_glossary(Path(path).read_text(encoding="utf-8"))
    by_name = {name.lower(): term for term in terms for name in term.names}
    return Glossary(terms, word_pattern(terms), by_name)


def read_glossary(path: Path) -> Glossary:
    """The terms of a glossary file as it is now.

    Raises:
        SiteError: The file can not be read, or breaks a rule of `parse_glossary`.
    """
    try:
        return _read(str(path), path.stat().st_mtime_ns)
    except OSError as error:
        message = (
            f"can not read {str(path)!r} ({error.strerror}); `source` must name a Markdown file"
        )
        raise SiteError(message, path="pdl_site.glossary") from error


class GlossaryProcessor(Treeprocessor):
    """Marks the first use of each term on one page.

    Args:
        md: The converter of the page.
        source: The glossary page.
    """

    def __init__(self, md: Markdown, source: Path) -> None:
        super().__init__(md)
        self.source = source
        self.seen: set[str] = set()

    def run(self, root: Element) -> None:
        """Mark a page's tree in place; leave the glossary itself and API docstrings as they are."""
        if "mkdocstrings_ids" in self.md.treeprocessors:
            return
        self.glossary = read_glossary(self.source)
        headings = {element.get("id") for element in root.iter("h3")}
        own = sum(term.anchor in headings for term in self.glossary.terms)
        if own * 2 > len(self.glossary.terms):
            return
        self.seen = set()
        self._walk(root)

    def _walk(self, element: Element) -> None:
        """Mark the text of an element and of all below it, in reading order."""
        if element.tag in SKIPPED or not QUIET.isdisjoint(element.get("class", "").split()):
            return
        element.text, marks = self._mark(element.text)
        element[:0] = marks
        position = len(marks)
        while position < len(element):
            child = element[position]
            self._walk(child)
            child.tail, marks = self._mark(child.tail)
            element[position + 1 : position + 1] = marks
            position += 1 + len(marks)

    def _mark(self, text: str | None) -> tuple[str | None, list[Element]]:
        """Split a text at its new terms: what comes before the first, then one element for each."""
        if not text or isinstance(text, AtomicString):
            return text, []
        found = []
        for match in self.glossary.pattern.finditer(text):
            term = self.glossary.term(match[0])
            if term is not None and term.anchor not in self.seen:
                self.seen.add(term.anchor)
                found.append((match, term))
        if not found:
            return text, []
        marks = []
        ends = [match.start() for match, _ in found[1:]] + [len(text)]
        for (match, term), end in zip(found, ends, strict=True):
            mark = Element("abbr", title=term.definition)
            mark.text = AtomicString(match[0])
            mark.tail = text[match.end() : end]
            marks.append(mark)
        return text[: found[0][0].start()], marks


class GlossaryExtension(Extension):
    """The extension ``pdl_site.glossary``; its option ``source`` is the path of the glossary."""

    def __init__(self, **options: Any) -> None:
        self.config = {"source": ["docs/glossary.md", "The page that holds the definitions"]}
        super().__init__(**options)

    def extendMarkdown(self, md: Markdown) -> None:  # noqa: N802 - the name is Python-Markdown's
        """Register the processor: after inline markup and attributes, before the contents list."""
        processor = GlossaryProcessor(md, Path(self.getConfig("source")))
        md.treeprocessors.register(processor, "pdl_glossary", 7)


def makeExtension(**options: Any) -> GlossaryExtension:  # noqa: N802 - the name is Python-Markdown's
    """What Python-Markdown calls to load the extension."""
    return GlossaryExtension(**options)
