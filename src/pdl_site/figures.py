"""How a figure leaves the kernel for the page: small, with no trace of the machine, and dark."""

from __future__ import annotations

import gzip
import io
import re
from typing import TYPE_CHECKING, NamedTuple

from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Mapping

NOISE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
LONG_NUMBER = re.compile(r"(?:scale|matrix)\([^)]*\)|(?<![\w#])-?\d+\.\d{3,}")
HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}\b")
POINTS_TO_PIXELS = 4 / 3
NO_SIZE = (300, 150)
"""What browsers take for a drawing that does not say its size, in pixels."""
LARGEST_SVG = 60_000
"""Bytes after compression above which a drawing is kept as a picture instead."""
LARGEST_LOSSLESS = 90_000
"""Bytes above which a picture is compressed with loss."""


class Figure(NamedTuple):
    """A figure as the page needs it.

    Attributes:
        kind: ``svg`` or ``webp``.
        data: The file's contents.
        width: Width on the page in pixels.
        height: Height on the page in pixels.
    """

    kind: str
    data: bytes
    width: int
    height: int


def choose(
    svg: str | None, png: bytes | None, *, scale: int = 2, ground: str = "#ffffff"
) -> Figure:
    """Keep a drawing as SVG, and a photo, or a drawing with a photo in it, as WebP.

    Args:
        svg: The figure as SVG, if the kernel sent it so.
        png: The figure as PNG, if the kernel sent it so.
        scale: Pixels of the PNG for one pixel on the page.
        ground: Color under the transparent parts of a picture.

    Returns:
        The smaller faithful form.

    Raises:
        ValueError: If there is neither.
    """
    if svg is not None:
        drawing = clean_svg(svg)
        small = len(gzip.compress(drawing.encode())) <= LARGEST_SVG
        if png is None or ("<image" not in drawing and small):
            return Figure("svg", drawing.encode(), *_size(drawing))
    if png is None:
        raise ValueError("a figure needs an SVG or a PNG form")
    picture = Image.open(io.BytesIO(png)).convert("RGBA")
    sheet = Image.new("RGBA", picture.size, ground)
    flat = Image.alpha_composite(sheet, picture).convert("RGB")
    data = _webp(flat, lossless=True)
    if len(data) > LARGEST_LOSSLESS:
        data = min(data, _webp(flat, lossless=False), key=len)
    return Figure("webp", data, round(flat.width / scale), round(flat.height / scale))


def clean_svg(svg: str) -> str:
    """Drop what a drawing does not need: headers, metadata, dates, digits beyond a hundredth.

    Args:
        svg: The drawing.

    Returns:
        The same picture in fewer bytes.

    Example:
        >>> clean_svg('<?xml version="1.0"?><svg><!-- x --><path d="M 1.23456 2"/></svg>')
        '<svg><path d="M 1.23 2"/></svg>'
    """
    svg = NOISE.sub("", svg)
    svg = TAG.sub(lambda tag: LONG_NUMBER.sub(_shorter, tag[0]), svg)
    return re.sub(r">\s+<", "><", svg).strip()


def _shorter(match: re.Match[str]) -> str:
    # A scale multiplies the size of every glyph: a hundredth there is a quarter of its width.
    if match[0].endswith(")"):
        return match[0]
    return f"{float(match[0]):.2f}".rstrip("0").rstrip(".")


def darken(svg: bytes, colors: Mapping[str, str]) -> bytes:
    """Make the dark twin of a drawing by exchanging its colors.

    Args:
        svg: The drawing for light ground.
        colors: Dark color by light color, as ``#rrggbb`` in lower case; ``#000000`` stands for
            text that has no color of its own.

    Returns:
        The drawing for dark ground.

    Example:
        >>> darken(b'<svg><path fill="#1F2430"/></svg>', {"#1f2430": "#e7e3da"})
        b'<svg><path fill="#e7e3da"/></svg>'
    """
    text = HEX_COLOR.sub(lambda match: colors.get(match[0].lower(), match[0]), svg.decode())
    if ink := colors.get("#000000"):
        text = text.replace("<svg ", f'<svg fill="{ink}" ', 1)
    return text.encode()


def _size(svg: str) -> tuple[int, int]:
    head = svg[svg.index("<svg") :].partition(">")[0]
    lengths = {
        name: float(value) * (POINTS_TO_PIXELS if unit == "pt" else 1)
        for name, value, unit in re.findall(r'\s(width|height)="([\d.]+)(pt|px|)"', head)
    }
    if len(lengths) == 2:
        return round(lengths["width"]), round(lengths["height"])
    if box := re.search(r'\sviewBox="\S+[\s,]+\S+[\s,]+([\d.]+)[\s,]+([\d.]+)"', head):
        return round(float(box[1])), round(float(box[2]))
    return NO_SIZE


def _webp(image: Image.Image, *, lossless: bool) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=88, method=4)
    return buffer.getvalue()
