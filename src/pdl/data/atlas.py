"""How do thousands of small pictures lie in a few files?

An atlas is one big picture for each class, cut into square tiles: row after row, 32 tiles to a row.
``meta.json`` beside the atlases says how many tiles a class has (``n``) and how many of them, the
last ones, are kept apart to measure on (``test``). A few large files are copied and opened much
faster than fifty thousand small ones.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from pdl.data.folder import ImageFolderCustom
from pdl.data.images import open_image
from pdl.data.memory import InMemoryImages
from pdl.errors import DataError
from pdl.inputs import check_counts

COLUMNS = 32
"""Tiles in a row of an atlas."""
TILE_SIZE = 64
"""Height and width of a tile in pixels."""
META_FILE = "meta.json"
_SIDE = 16_383  # the largest height and width of a WebP file


class Atlases(NamedTuple):
    """The pictures of a folder of atlases, as bytes in memory."""

    train: InMemoryImages
    test: InMemoryImages
    """The tiles that are kept apart; their classes are the same."""


def read_atlases(folder: str | Path, *, limit: int | None = None) -> Atlases:
    """Read all pictures of a folder of atlases.

    Args:
        folder: Holds ``meta.json`` and a WebP file for each class.
        limit: Take at most so many training pictures of each class, for a quick try.

    Returns:
        Pictures to train with and pictures to measure on, uint8 of shape ``(S, 3, 64, 64)``.

    Raises:
        DataError: If the folder, ``meta.json`` or an atlas is missing or damaged.

    Example:
        >>> import tempfile
        >>> from pdl.data.drawn import draw_food_folder
        >>> counts = {"train": (5, 5, 5), "test": (1, 1, 1)}
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     food = draw_food_folder(Path(folder, "food"), counts=counts)
        ...     atlases = write_atlases(food / "train", Path(folder, "atlases"), held_out=2)
        ...     train, test = read_atlases(atlases)
        >>> train.classes, train.data.shape, len(test)
        (['pizza', 'steak', 'sushi'], torch.Size([9, 3, 64, 64]), 6)
    """
    if limit is not None:
        check_counts(limit=limit)
    folder = Path(folder)
    meta = _meta(folder)
    parts: dict[str, tuple[list[Tensor], list[Tensor]]] = {"train": ([], []), "test": ([], [])}
    for label, (name, counts) in enumerate(meta.items()):
        tiles = _tiles(folder / f"{name}.webp", counts["n"])
        first_test = counts["n"] - counts["test"]
        cuts = {"train": tiles[:first_test][:limit], "test": tiles[first_test:]}
        for part, (images, labels) in parts.items():
            images.append(cuts[part])
            labels.append(torch.full((len(cuts[part]),), label))
    classes = list(meta)
    train, test = (
        InMemoryImages(torch.cat(images), torch.cat(labels), classes)
        for images, labels in parts.values()
    )
    return Atlases(train, test)


def write_atlases(
    images: str | Path,
    folder: str | Path,
    *,
    leave_out: tuple[str, ...] = (),
    held_out: int = 20,
    quality: int = 72,
) -> Path:
    """Pack a folder of images into atlases.

    Args:
        images: A folder of images for each class, for example ``food-101/images``.
        folder: Where the atlases go, made if missing.
        leave_out: Classes that are not to be packed.
        held_out: Pictures of each class to keep apart, the last ones by name.
        quality: Of WebP, 1 to 100.

    Returns:
        The folder of the atlases.

    Raises:
        DataError: If a picture is damaged, or a class has too few or too many pictures.
    """
    check_counts(held_out=held_out, quality=quality)
    pictures, folder = ImageFolderCustom(images), Path(folder)
    unknown = sorted(set(leave_out) - set(pictures.classes))
    if unknown:
        raise DataError(
            f"leave_out must name classes of {str(images)!r}, got {', '.join(unknown)}. "
            "Check their spelling."
        )
    most = _SIDE // TILE_SIZE * COLUMNS
    files: dict[str, list[Path]] = {name: [] for name in pictures.classes if name not in leave_out}
    for path, label in pictures.samples:
        if pictures.classes[label] in files:
            files[pictures.classes[label]].append(Path(path))
    for name, paths in files.items():
        if not held_out < len(paths) <= most:
            raise DataError(
                f"a class needs more than held_out={held_out} and at most {most:,} pictures, got "
                f"{len(paths):,} of {name}. Leave it out, or choose another held_out."
            )
    folder.mkdir(parents=True, exist_ok=True)
    for name, paths in files.items():
        rows = -(-len(paths) // COLUMNS)
        atlas = Image.new("RGB", (COLUMNS * TILE_SIZE, rows * TILE_SIZE))
        for number, path in enumerate(paths):
            row, column = divmod(number, COLUMNS)
            atlas.paste(_square(open_image(path)), (column * TILE_SIZE, row * TILE_SIZE))
        atlas.save(folder / f"{name}.webp", quality=quality, method=4)
    meta = {name: {"n": len(paths), "test": held_out} for name, paths in files.items()}
    (folder / META_FILE).write_text(json.dumps(meta), encoding="utf-8")
    return folder


def _square(image: Image.Image) -> Image.Image:
    """The middle of a picture, scaled to a tile."""
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    box = (left, top, left + side, top + side)
    return image.resize((TILE_SIZE, TILE_SIZE), Image.Resampling.BICUBIC, box=box)


def _meta(folder: Path) -> dict[str, dict[str, int]]:
    path = folder / META_FILE
    try:
        meta: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(
            f"a folder of atlases must hold a readable {META_FILE}, got {str(folder)!r} "
            f"({type(error).__name__}). Pack images with pdl.data.atlas.write_atlases."
        ) from error
    well_formed = isinstance(meta, dict) and all(
        isinstance(counts, dict)
        and all(isinstance(counts.get(key), int) for key in ("n", "test"))
        and 0 < counts["test"] < counts["n"]
        for counts in meta.values()
    )
    if not well_formed or len(meta) < 2:
        raise DataError(
            f"{str(path)!r} must give n and test, with 0 < test < n, for 2 or more classes. "
            "Pack the images again with pdl.data.atlas.write_atlases."
        )
    return dict(meta)


def _tiles(path: Path, count: int) -> Tensor:
    image = open_image(path, max_pixels=_SIDE * _SIDE)
    pixels = torch.from_numpy(np.array(image))  # (H, W, 3)
    rows = pixels.shape[0] // TILE_SIZE
    if pixels.shape[1] != COLUMNS * TILE_SIZE or rows * COLUMNS < count:
        raise DataError(
            f"{str(path)!r} must be {COLUMNS * TILE_SIZE} pixels wide with room for {count} tiles, "
            f"got {pixels.shape[1]} x {pixels.shape[0]} pixels. Pack the images again."
        )
    grid = pixels[: rows * TILE_SIZE].view(rows, TILE_SIZE, COLUMNS, TILE_SIZE, 3)
    return grid.permute(0, 2, 4, 1, 3).reshape(-1, 3, TILE_SIZE, TILE_SIZE)[:count]
