"""What in a chapter's prose is computed, what is typed by hand, and what must not be there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

EXPRESSION = re.compile(r"\{\{\s(.+?)\s\}\}", re.DOTALL)
UNSAFE = re.compile(
    r"<\s*(?:script|iframe|object|embed|form|base|meta|link|style|svg)\b[^>]*>?"
    r"|<[^>]*[\s/\"']on\w+\s*=[^>]*>?|[(\"'=<]\s*javascript\s*:|\]:\s*javascript\s*:",
    re.IGNORECASE,
)
CODE_FENCE = re.compile(r"^( *)(`{3,}|~{3,}).*?^\1\2`*~*\s*?$", re.DOTALL | re.MULTILINE)
# Neither a code span nor math goes on after an empty line: a lone mark hides no other paragraph.
CODE_SPAN = re.compile(r"(`+)(?!`)(?:(?!\n\s*\n).)+?(?<!`)\1(?!`)", re.DOTALL)
MATH = re.compile(r"\$\$.+?\$\$|(?<![\\\w])\$(?!\s)(?:(?!\n\s*\n).)+?(?<!\s)\$", re.DOTALL)
LINK_TARGET = re.compile(r"\]\([^)]*\)|\]\[[^\]]*\]|<https?:[^>]*>|https?://\S+")
ATTRIBUTES = re.compile(r"\{:?\s*[#.][^}\n]*\}|\{:[^}\n]*\}")
TYPED = re.compile(
    r"""(?P<percentage>\d(?:[\d.,]*\d)?\s?(?:%|percent\b|per\ cent\b))
      | (?P<duration>\b(?!(?:1[5-9]|20)\d0s\b)  # the 1990s are no result
            \d(?:[\d.,]*\d)?\s?(?:s|ms|µs|us|secs?|seconds?|milliseconds?|minutes?)\b)
      | (?P<decimal>(?<![\w.])-?\d+\.\d{2,}(?![\w.]*\w))""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Expression:
    """A ``{{ ... }}`` of a Markdown cell.

    Attributes:
        code: The Python expression.
        line: Line of the cell it stands on, from 0.
    """

    code: str
    line: int

    @property
    def python(self) -> str:
        """The expression in parentheses, so that it may go on over several lines."""
        return f"(\n{self.code.strip()}\n)"


def find_expressions(source: str) -> tuple[Expression, ...]:
    r"""Find the computed places of a Markdown cell.

    Args:
        source: Text of the cell.

    Returns:
        The expressions in the order of the text.

    Example:
        >>> find_expressions("One.\nThe loss is {{ f'{loss:.2f}' }}.")
        (Expression(code="f'{loss:.2f}'", line=1),)
    """
    return tuple(
        Expression(code=match[1], line=source.count("\n", 0, match.start()))
        for match in EXPRESSION.finditer(source)
    )


def fill(source: str, values: Sequence[str]) -> str:
    """Put the values of its expressions into a Markdown cell.

    Args:
        source: Text of the cell.
        values: One string for each expression, in order.

    Returns:
        The text with the values in place.

    Example:
        >>> fill("a {{ x }} b {{ y }}", ["1", "2"])
        'a 1 b 2'
    """
    following = iter(values)
    return EXPRESSION.sub(lambda _: next(following), source)


def find_stray_braces(source: str) -> int | None:
    r"""Find a ``{{`` that looks computed and is not, for want of spaces inside the braces.

    Args:
        source: Text of a Markdown cell.

    Returns:
        Its line, from 0, or None.

    Example:
        >>> find_stray_braces("Fine: {{ x }}.\nNot fine: {{x}}.")
        1
    """
    for pattern in (CODE_FENCE, EXPRESSION, CODE_SPAN, MATH):
        source = _blank(source, pattern)
    found = source.find("{{")
    return None if found < 0 else source.count("\n", 0, found)


def find_unsafe_html(source: str) -> str:
    """Find markup that would run or load something in the reader's browser.

    Args:
        source: Markdown or HTML.

    Returns:
        The first such piece outside code, or an empty string.

    Example:
        >>> find_unsafe_html("`<script>` is shown, not run")
        ''
        >>> find_unsafe_html("<img src=x onerror=alert(1)>")
        '<img src=x onerror=alert(1)>'
    """
    match = UNSAFE.search(_blank(_blank(source, CODE_FENCE), CODE_SPAN))
    return match[0] if match else ""


def find_typed_numbers(source: str) -> list[tuple[int, str]]:
    r"""Find results that somebody typed into the prose instead of computing them.

    Percentages, durations, and decimals with two or more places count as results. Code, math,
    link targets and ``{{ ... }}`` do not: a number quoted from elsewhere goes into a code span.

    Args:
        source: Text of a Markdown cell.

    Returns:
        Pairs of a line, from 0, and the text found there.

    Example:
        >>> find_typed_numbers("The notes say `83.34`.\nWe got 84.12, or 84 %, in 3 s.")
        [(1, '84.12'), (1, '84 %'), (1, '3 s')]
        >>> find_typed_numbers("We got {{ f'{acc:.1%}' }} with $0.05$.")
        []
    """
    for pattern in (CODE_FENCE, EXPRESSION, CODE_SPAN, MATH, LINK_TARGET, ATTRIBUTES):
        source = _blank(source, pattern)
    return [
        (source.count("\n", 0, match.start()), match[0].strip()) for match in TYPED.finditer(source)
    ]


def sub_outside_code(
    pattern: re.Pattern[str], replacement: Callable[[re.Match[str]], str], source: str
) -> str:
    r"""Replace what matches in the text, and leave code and math as they are.

    Args:
        pattern: What to look for.
        replacement: Function of a match that returns the new text.
        source: Markdown.

    Returns:
        The changed text.

    Example:
        >>> sub_outside_code(re.compile("x"), lambda match: "y", "x `x` $x$ x")
        'y `x` $x$ y'
    """
    kept = []
    blanked = source
    for quoted in (CODE_FENCE, CODE_SPAN, MATH):
        kept += [match.span() for match in quoted.finditer(blanked)]
        blanked = _blank(blanked, quoted)

    def one(match: re.Match[str]) -> str:
        is_quoted = any(start <= match.start() < end for start, end in kept)
        return match[0] if is_quoted else replacement(match)

    return pattern.sub(one, source)


def _blank(source: str, pattern: re.Pattern[str]) -> str:
    """Replace what matches by spaces, so that lines and columns stay where they are."""
    return pattern.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)
