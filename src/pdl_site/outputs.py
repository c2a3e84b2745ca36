"""What of a cell's outputs may reach a page, and in which form."""

from __future__ import annotations

import base64
import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import nh3

from pdl_site import figures
from pdl_site.errors import ExecutionError
from pdl_site.prose import UNSAFE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pdl_site.script import Cell, Chapter

TABLE_TAGS = {"table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "br", "code"}
KNOWN_TYPES = {"text/plain", "text/html", "image/png", "image/svg+xml", "image/jpeg"}
ADDRESS = re.compile(r"(?: object)? at 0x[0-9a-fA-F]{6,}")
ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
KERNEL_FILE = re.compile(r"[^\s\"']*ipykernel_\d+[/\\]\d+\.py")
"""A cell as tracebacks and warnings name it: another name in each run."""
SPANS = {"td": {"colspan", "rowspan"}, "th": {"colspan", "rowspan", "scope"}}
ACTIVE_SVG = re.compile(
    r"<(?:\w+:)?(?:script|foreignObject|iframe)\b|<[^>]*[\s\"']on\w+\s*="
    r"|href\s*=\s*[\"'](?!#|data:image/(?:png|jpeg|webp);)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Policy:
    """What must not be seen on a page.

    Attributes:
        paths: Folders of this machine.
        ground: Color under photos.
    """

    paths: tuple[str, ...] = ()
    ground: str = "#ffffff"


def clean(
    raw: Iterable[Mapping[str, Any]], cell: Cell, chapter: Chapter, policy: Policy
) -> list[dict[str, Any]]:
    """Turn the messages of a kernel into the few kinds of output a page knows.

    Args:
        raw: Outputs of the cell in the notebook format.
        cell: The cell.
        chapter: Its chapter, for messages.
        policy: What must not be seen.

    Returns:
        Mappings with ``kind``: ``stream`` and ``result`` with ``text``, ``table`` with ``html``,
        ``figure`` with ``format``, ``data`` (base64), ``width``, ``height`` and ``alt``.

    Raises:
        ExecutionError: For stderr output without the tag, a kind of output that could run in the
            reader's browser, a path of this machine, or a figure without a text alternative.
    """

    def fail(message: str) -> ExecutionError:
        return ExecutionError(message, path=chapter.label, line=cell.line, cell=cell.number)

    cleaned: list[dict[str, Any]] = []
    for output in raw:
        if output["output_type"] == "stream":
            text = fold(output["text"])
            if not text.strip():
                continue
            if output["name"] == "stderr" and "stderr" not in cell.tags:
                first = text.strip().splitlines()[0]
                raise fail(f"wrote to stderr: {first!r}; mend the cause, or tag the cell 'stderr'")
            cleaned.append({"kind": "stream", "name": output["name"], "text": text})
        else:
            cleaned.append(_display(output["data"], output.get("metadata", {}), policy, fail))
    figures_shown = [output for output in cleaned if output["kind"] == "figure"]
    if len(figures_shown) != len(cell.alt):
        raise fail(
            f"shows {len(figures_shown)} figures and has {len(cell.alt)} text alternatives; "
            'give each figure one: # %% alt="..." (a list for several)'
        )
    for output, alt in zip(figures_shown, cell.alt, strict=True):
        output["alt"] = alt
    for output in cleaned:
        for text in (output.get("text", ""), html.unescape(output.get("html", ""))):
            if path := _private(text, policy):
                raise fail(f"its output shows {path!r}, a folder of this machine; print less")
    return cleaned


def clean_value(text: str, cell: Cell, chapter: Chapter, policy: Policy) -> str:
    """Let a computed value into the prose, or say why not.

    Args:
        text: The value.
        cell: The Markdown cell that computes it.
        chapter: Its chapter, for messages.
        policy: What must not be seen.

    Returns:
        The value without colors and memory addresses.

    Raises:
        ExecutionError: If it could run in the reader's browser or shows a path of this machine.
    """
    text = fold(text)
    message = ""
    if unsafe := UNSAFE.search(text):
        message = f"computes {unsafe[0]!r}, which would run in the reader's browser"
    elif path := _private(text, policy):
        message = f"computes a text with {path!r}, a folder of this machine"
    if message:
        raise ExecutionError(message, path=chapter.label, line=cell.line, cell=cell.number)
    return text


def _private(text: str, policy: Policy) -> str:
    return next((path for path in policy.paths if path in text), "")


def fold(text: str) -> str:
    r"""Show text as a terminal would have left it: progress bars in their last state.

    Args:
        text: Text with carriage returns, colors and memory addresses.

    Returns:
        Plain text.

    Example:
        >>> fold(" 10%\r 90%\r100%\n<Model object at 0x7f00aabbccdd>\n")
        '100%\n<Model>'
    """
    lines = []
    for line in ANSI.sub("", text).split("\n"):
        states = [state for state in line.split("\r") if state.strip()]
        lines.append(states[-1] if states else "")
    text = KERNEL_FILE.sub("this cell", CONTROL.sub("", "\n".join(lines)))
    return ADDRESS.sub("", text).strip("\n")


def _display(
    data: Mapping[str, Any], metadata: Mapping[str, Any], policy: Policy, fail: Any
) -> dict[str, Any]:
    if strange := sorted(set(data) - KNOWN_TYPES):
        raise fail(f"shows {strange[0]}; pages take text, figures and plain tables only")
    if {"image/png", "image/svg+xml", "image/jpeg"} & set(data):
        return _figure(data, metadata, policy, fail)
    if "text/html" in data:
        markup = _join(data["text/html"])
        if (unsafe := UNSAFE.search(re.sub(r"<style.*?</style>", "", markup, flags=re.DOTALL))) or (
            "<table" not in markup
        ):
            found = unsafe[0] if unsafe else markup[:40]
            raise fail(f"shows HTML other than a plain table: {found!r}")
        table = nh3.clean(
            markup, tags=TABLE_TAGS, attributes=SPANS, clean_content_tags={"style", "script"}
        )
        if "<table" not in table:
            raise fail(f"shows HTML other than a plain table: {markup[:40]!r}")
        table = table[table.index("<table") : table.rindex("</table>") + len("</table>")]
        return {"kind": "table", "html": re.sub(r">\s+<", "><", table)}
    return {"kind": "result", "text": fold(_join(data["text/plain"]))}


def _figure(
    data: Mapping[str, Any], metadata: Mapping[str, Any], policy: Policy, fail: Any
) -> dict[str, Any]:
    png = data.get("image/png") or data.get("image/jpeg")
    raster = base64.b64decode(_join(png)) if png else None
    svg = _join(data["image/svg+xml"]) if "image/svg+xml" in data else None
    if svg and (active := ACTIVE_SVG.search(svg)):
        raise fail(f"shows a drawing with {active[0]!r}; it could run or load something")
    scale = 2 if metadata.get("image/png", {}).get("width") else 1
    figure = figures.choose(svg, raster, scale=scale, ground=policy.ground)
    return {
        "kind": "figure",
        "format": figure.kind,
        "data": base64.b64encode(figure.data).decode(),
        "width": figure.width,
        "height": figure.height,
    }


def preformatted(text: str, css: str) -> str:
    """Put text output into a block that keyboards can scroll.

    Args:
        text: Plain text.
        css: Class of the block.

    Returns:
        HTML.

    Example:
        >>> preformatted("a < b", "pdl-stream")
        '<pre class="pdl-stream" tabindex="0">a &lt; b</pre>'
    """
    body = html.escape(text, quote=False).replace("\n", "&#10;")
    return f'<pre class="{css}" tabindex="0">{body}</pre>'


def _join(value: str | Sequence[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
