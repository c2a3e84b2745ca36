"""What stands in for the photos of pizza, steak and sushi when they can not be had?

Drawings, made from a seed with simple shapes: enough to learn from, honest about being drawn.
"""

import math
import random
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFilter

from pdl.errors import ConfigError

CLASSES = ("pizza", "steak", "sushi")
COUNTS = {"train": (78, 75, 72), "test": (25, 19, 31)}
"""Pictures of each class, as many as there are photos."""
_SCALE = 2
"""Drawn this many times larger and scaled down, for smooth edges."""
_SIZES = ((192, 144), (144, 192), (192, 192), (192, 128), (160, 160))

_Color = tuple[int, int, int]
_GROUNDS: tuple[_Color, ...] = (
    (232, 226, 214),
    (120, 84, 56),
    (64, 66, 70),
    (196, 204, 208),
    (150, 40, 40),
    (40, 70, 60),
)


def draw_food(name: str, seed: int, *, size: tuple[int, int] = (192, 192)) -> Image.Image:
    """Draw one picture of food.

    Args:
        name: "pizza", "steak" or "sushi".
        seed: Chooses everything about the picture; the same seed gives the same picture.
        size: Width and height in pixels.

    Returns:
        A picture in mode RGB.

    Raises:
        ConfigError: If there is no drawing of that name.

    Example:
        >>> draw_food("pizza", seed=1, size=(64, 48)).size
        (64, 48)
    """
    if name not in CLASSES:
        raise ConfigError(f"name must be one of {', '.join(CLASSES)}, got {name!r}.")
    chance = random.Random(f"{name} {seed}")
    width, height = size[0] * _SCALE, size[1] * _SCALE
    ground = _jitter(chance, chance.choice(_GROUNDS), 18)
    image = Image.new("RGB", (width, height), ground)
    brush = _Brush(ImageDraw.Draw(image), chance)
    _table(brush, width, height, ground)
    reach = min(width, height) * chance.uniform(0.34, 0.52)
    x = width / 2 + chance.uniform(-0.12, 0.12) * width
    y = height / 2 + chance.uniform(-0.12, 0.12) * height
    if chance.random() < 0.6:
        _plate(brush, x, y, reach * 1.25)
    _DRAWINGS[name](brush, x, y, reach)
    image = image.resize(size, Image.Resampling.LANCZOS)
    return _light(image, chance)


def draw_food_folder(
    target: str | Path, *, counts: dict[str, tuple[int, int, int]] | None = None, seed: int = 42
) -> Path:
    """Draw a whole data set, in the layout of the photos: ``train/pizza/0001.jpg``.

    Args:
        target: The folder to make; it must not exist. It is there whole or not at all.
        counts: Folder name to the number of pizzas, steaks and sushi; as many as there are photos
            if left out.
        seed: Chooses the pictures.

    Returns:
        The target.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     drawn = draw_food_folder(Path(folder, "food"), counts={"train": (1, 1, 1)})
        ...     [path.relative_to(drawn).as_posix() for path in sorted(drawn.rglob("*.jpg"))]
        ['train/pizza/0001.jpg', 'train/steak/0001.jpg', 'train/sushi/0001.jpg']
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        for part, numbers in (counts or COUNTS).items():
            for name, number in zip(CLASSES, numbers, strict=True):
                folder = partial / part / name
                folder.mkdir(parents=True)
                for index in range(1, number + 1):
                    key = random.Random(f"{seed} {part} {index}").randrange(2**32)
                    size = _SIZES[key % len(_SIZES)]
                    picture = draw_food(name, key, size=size)
                    picture.save(folder / f"{index:04}.jpg", quality=88)
        partial.chmod(0o755)
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


class _Brush(NamedTuple):
    pen: ImageDraw.ImageDraw
    chance: random.Random


def _pizza(brush: _Brush, x: float, y: float, r: float) -> None:
    pen, chance = brush
    crust = _jitter(chance, (205, 150, 85), 22)
    sauce = _jitter(chance, (190, 60, 35), 20)
    cheese = _jitter(chance, (245, 205, 110), 18)
    whole = chance.random() < 0.7
    start = chance.uniform(0, 360)
    sweep = 360.0 if whole else chance.uniform(50, 110)
    if not whole:  # a slice: the tip back from the middle
        turn = math.radians(start + sweep / 2)
        x, y, r = x - math.cos(turn) * r * 0.7, y - math.sin(turn) * r * 0.7, r * 1.5
    for radius, color in ((r, crust), (r * 0.9, sauce), (r * 0.84, cheese)):
        pen.pieslice(_box(x, y, radius, radius), start, start + sweep, fill=color)
    topping = chance.choice(((165, 40, 35), (70, 110, 50), (60, 50, 55), (215, 70, 50)))
    for _ in range(chance.randint(6, 14) if whole else 4):
        angle = math.radians(start + chance.uniform(0.1, 0.9) * sweep)
        away = r * 0.75 * math.sqrt(chance.uniform(0.08, 1))
        size = r * chance.uniform(0.08, 0.15)
        cx, cy = x + math.cos(angle) * away, y + math.sin(angle) * away
        pen.ellipse(_box(cx, cy, size, size * 0.9), fill=_jitter(chance, topping, 15))
    for _ in range(chance.randint(0, 10)):  # leaves
        angle = math.radians(start + chance.uniform(0.1, 0.9) * sweep)
        away = r * chance.uniform(0.15, 0.75)
        cx, cy = x + math.cos(angle) * away, y + math.sin(angle) * away
        _blob(brush, cx, cy, (r * 0.07, r * 0.04), (60, 120, 50))


def _steak(brush: _Brush, x: float, y: float, r: float) -> None:
    pen, chance = brush
    seared = _jitter(chance, (98, 58, 38), 20)
    wide, high, turn = (
        r * chance.uniform(0.85, 1.05),
        r * chance.uniform(0.5, 0.75),
        chance.random(),
    )
    _blob(brush, x, y, (wide, high), seared, turn=turn)
    if chance.random() < 0.55:  # cut open: pink inside
        _blob(brush, x, y, (wide * 0.78, high * 0.72), (180, 75, 70), turn=turn)
    else:  # marks of the grill
        for step in range(-2, 3):
            dx = step * wide * 0.28
            ends = (x + dx - high * 0.3, y - high * 0.55, x + dx + high * 0.3, y + high * 0.55)
            pen.line(ends, fill=(52, 30, 22), width=max(2, int(r * 0.06)))
    for _ in range(chance.randint(0, 9)):  # fries or asparagus beside it
        side = (225, 180, 80) if chance.random() < 0.6 else (80, 125, 55)
        cx, cy = x + chance.uniform(-1, 1) * r, y + chance.choice((-1, 1)) * r * 0.85
        dx, dy = chance.uniform(-0.25, 0.25) * r, chance.uniform(-0.2, 0.2) * r
        line = (cx - dx, cy - dy, cx + dx, cy + dy)
        pen.line(line, fill=_jitter(chance, side, 20), width=max(2, int(r * 0.07)))
    if chance.random() < 0.4:  # herb butter
        pen.ellipse(_box(x, y, r * 0.12, r * 0.1), fill=(240, 225, 150))


def _sushi(brush: _Brush, x: float, y: float, r: float) -> None:
    pen, chance = brush
    across, down = chance.choice(((2, 2), (3, 2), (2, 3), (3, 1), (1, 3), (3, 3)))
    step = 1.75 * r / max(across, down)
    roll = chance.random() < 0.6
    fish = _jitter(chance, chance.choice(((240, 130, 90), (225, 85, 80), (245, 190, 150))), 15)
    for column in range(across):
        for row in range(down):
            cx = x + (column - (across - 1) / 2) * step + chance.uniform(-0.05, 0.05) * step
            cy = y + (row - (down - 1) / 2) * step + chance.uniform(-0.05, 0.05) * step
            (_roll if roll else _nigiri)(brush, cx, cy, step * 0.46, fish)
    if chance.random() < 0.5:  # wasabi and ginger
        _blob(brush, x + r * 0.9, y + r * 0.7, (r * 0.14, r * 0.1), (130, 175, 90))
    if chance.random() < 0.4:  # chopsticks
        for shift in (0, 0.09 * r):
            ends = (x - r * 1.1, y + r * 0.98 + shift, x + r * 1.1, y + r * 0.82 + shift)
            pen.line(ends, fill=(120, 70, 45), width=max(2, int(r * 0.04)))


def _roll(brush: _Brush, x: float, y: float, r: float, fish: _Color) -> None:
    pen, chance = brush
    for part, color in ((1.0, (30, 38, 34)), (0.86, (243, 240, 230)), (0.42, fish)):
        pen.ellipse(_box(x, y, r * part, r * part), fill=_jitter(chance, color, 6))
    pen.ellipse(_box(x + r * 0.15, y, r * 0.18, r * 0.18), fill=(130, 165, 80))


def _nigiri(brush: _Brush, x: float, y: float, r: float, fish: _Color) -> None:
    pen, chance = brush
    pen.rounded_rectangle(_box(x, y + r * 0.2, r, r * 0.5), r * 0.4, fill=(243, 240, 230))
    pen.rounded_rectangle(_box(x, y - r * 0.12, r * 1.05, r * 0.42), r * 0.3, fill=fish)
    for step in (-0.5, 0.0, 0.5):
        ends = (x + step * r - r * 0.1, y - r * 0.45, x + step * r + r * 0.12, y + r * 0.2)
        pen.line(ends, fill=_jitter(chance, (250, 215, 190), 5), width=max(1, int(r * 0.06)))


_Drawing = Callable[[_Brush, float, float, float], None]
_DRAWINGS: dict[str, _Drawing] = {"pizza": _pizza, "steak": _steak, "sushi": _sushi}


def _table(brush: _Brush, width: int, height: int, ground: _Color) -> None:
    pen, chance = brush
    for line in range(0, height, height // chance.randint(4, 9)):
        pen.line((0, line, width, line), fill=_jitter(chance, ground, 10), width=height // 40)


def _plate(brush: _Brush, x: float, y: float, r: float) -> None:
    pen, chance = brush
    rim = _jitter(chance, chance.choice(((238, 236, 232), (70, 72, 78), (90, 120, 140))), 10)
    pen.ellipse(_box(x, y, r, r), fill=rim)
    pen.ellipse(_box(x, y, r * 0.8, r * 0.8), fill=_jitter(chance, rim, 8))


def _blob(
    brush: _Brush,
    x: float,
    y: float,
    size: tuple[float, float],
    color: _Color,
    *,
    turn: float = 0.0,
) -> None:
    """An ellipse with a wavy edge, turned by up to half a circle."""
    (wide, high), chance = size, brush.chance
    waves = [(chance.uniform(0.02, 0.1), chance.uniform(0, math.tau)) for _ in range(3)]
    points = []
    for step in range(40):
        angle = math.tau * step / 40
        wave = 1 + sum(
            depth * math.sin((k + 2) * angle + at) for k, (depth, at) in enumerate(waves)
        )
        dx, dy = math.cos(angle) * wide * wave, math.sin(angle) * high * wave
        cos, sin = math.cos(turn * math.pi), math.sin(turn * math.pi)
        points.append((x + dx * cos - dy * sin, y + dx * sin + dy * cos))
    brush.pen.polygon(points, fill=_jitter(chance, color, 8))


def _light(image: Image.Image, chance: random.Random) -> Image.Image:
    """A little blur, and brighter or darker as in photos by different lamps."""
    image = image.filter(ImageFilter.GaussianBlur(chance.uniform(0.2, 1.0)))
    bright = chance.uniform(0.75, 1.2)
    gain = [bright * chance.uniform(0.92, 1.08) for _ in range(3)]
    return image.point([min(255, int(value * factor)) for factor in gain for value in range(256)])


def _box(x: float, y: float, wide: float, high: float) -> tuple[float, float, float, float]:
    return (x - wide, y - high, x + wide, y + high)


def _jitter(chance: random.Random, color: _Color, by: int) -> _Color:
    red, green, blue = (min(255, max(0, part + chance.randint(-by, by))) for part in color)
    return red, green, blue
