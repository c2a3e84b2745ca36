"""The picture that stands beside a link to a page, where people share it."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

SIZE = (1200, 630)
"""Pixels; the sites that show such pictures crop other shapes."""
MARGIN = 90
COLORS = 32
"""Colors of the file: enough for the edges of letters, and a third of the bytes."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """What all cards share.

    Attributes:
        fonts: Folder with the faces.
        regular: File of the face for sentences.
        strong: File of the face for titles.
        ground: Color behind everything.
        ink: Color of the title.
        quiet: Color of the sentence.
        accent: Color of the bar and the site's name.
    """

    fonts: Path
    regular: str = "SourceSans3-Regular.ttf"
    strong: str = "SourceSans3-SemiBold.ttf"
    ground: str = "#fffdfa"
    ink: str = "#1f2430"
    quiet: str = "#5c6370"
    accent: str = "#c8431b"


def card(title: str, sentence: str, site: str, look: Look) -> bytes:
    """Draw a card.

    Args:
        title: Title of the page.
        sentence: What it is about.
        site: Name of the site.
        look: Faces and colors.

    Returns:
        A PNG of 1200 by 630 pixels; the same words give the same bytes.

    Raises:
        OSError: If a face can not be read.
    """
    image = Image.new("RGB", SIZE, look.ground)
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 23, SIZE[1]), fill=look.accent)
    width = SIZE[0] - 2 * MARGIN
    strong, regular = str(look.fonts / look.strong), str(look.fonts / look.regular)
    draw.text((MARGIN, 70), site, font=_face(strong, 36), fill=look.accent)
    size, lines = _fitted(title, strong, width)
    top = 170.0
    for line in lines:
        draw.text((MARGIN, top), line, font=_face(strong, size), fill=look.ink)
        top += 1.12 * size
    top += 28
    lines = _wrapped(sentence, _face(regular, 38), width)
    room = max(1, int((SIZE[1] - 40 - top) // 52))
    if len(lines) > room:
        lines = [*lines[: room - 1], f"{lines[room - 1]} …"]
    for line in lines:
        draw.text((MARGIN, top), line, font=_face(regular, 38), fill=look.quiet)
        top += 52
    file = io.BytesIO()
    image.quantize(COLORS).save(file, "PNG", optimize=True)
    return file.getvalue()


def _fitted(title: str, face: str, width: float) -> tuple[int, list[str]]:
    """The largest size at which a title has few lines, none wider than the card."""
    for size, most in ((92, 2), (78, 3), (60, 3), (44, 3)):
        lines = _wrapped(title, _face(face, size), width)
        widest = max((_face(face, size).getlength(line) for line in lines), default=0)
        if len(lines) <= most and widest <= width:
            break
    return size, lines[:3]


def _wrapped(text: str, face: ImageFont.FreeTypeFont, width: float) -> list[str]:
    """Break a text into lines that are not wider than given, unless one word is."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and face.getlength(longer) <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@lru_cache(maxsize=16)
def _face(file: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(file, size)
