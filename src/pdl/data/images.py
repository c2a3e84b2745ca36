"""How does any image file become a plain RGB picture, and which files are damaged?

Training, prediction and checking all open images here, so that a picture means the same pixels
everywhere: EXIF rotation applied, transparency laid over white, 16 bits scaled down to 8, the
first frame of an animation.
"""

import logging
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pdl.errors import DataError
from pdl.files import sha256_of

logger = logging.getLogger(__name__)

EXTENSIONS = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Names that count as images, whatever their case; the same as torchvision's."""
FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
"""Formats that are decoded. Pillow knows many more, and each decoder is one more way in."""
MAX_PIXELS = 50_000_000
"""Largest width times height that is decoded, by default: a 50 megapixel photo."""
MAX_ASPECT = 50
"""Longest side over shortest; a picture beyond that is a line and no photo."""
WHITE = (255, 255, 255)
_WORDS: dict[type[Exception], str] = {
    FileNotFoundError: "is missing: it was deleted or moved",
    PermissionError: "can not be read: permission denied. Change its permissions.",
    IsADirectoryError: "is a folder, not an image",
    Image.DecompressionBombError: "has more pixels than Pillow decodes. Scale it down.",
    Image.DecompressionBombWarning: "has more pixels than Pillow decodes. Scale it down.",
}
CHECKSUMS = "SHA256SUMS"
"""File with the known hashes of a folder, in the format of the command ``sha256sum``."""


class BadImage(NamedTuple):
    """A file that can not be used as an image."""

    path: Path
    reason: str


def open_image(
    path: str | Path,
    *,
    max_pixels: int = MAX_PIXELS,
    background: tuple[int, int, int] = WHITE,
) -> Image.Image:
    """Read an image file as RGB with 8 bits.

    Args:
        path: The file; JPEG, PNG, WebP, BMP, PPM or TIFF. Of an animation the first frame is read.
        max_pixels: Largest width times height that is decoded.
        background: What shows through transparent pixels, as red, green, blue in 0 to 255.

    Returns:
        The picture in mode RGB, upright.

    Raises:
        DataError: If the file is missing, unreadable, damaged, too large, or not an image.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 3), 128).save(Path(folder, "gray.png"))
        ...     image = open_image(Path(folder, "gray.png"))
        >>> image.mode, image.size, image.getpixel((0, 0))
        ('RGB', (4, 3), (128, 128, 128))
    """
    path = Path(path)
    try:
        with Image.open(path, formats=FORMATS) as image:
            _check_size(image, max_pixels)
            image.load()
            return to_rgb(image, background=background)
    except DataError as error:
        raise DataError(f"{str(path)!r}: {error}") from error
    except Exception as error:  # decoders raise nearly everything on damaged bytes
        raise DataError(f"{str(path)!r} {_reason(path, error)}") from error


def to_rgb(image: Image.Image, *, background: tuple[int, int, int] = WHITE) -> Image.Image:
    """Turn a Pillow image of any mode into RGB with 8 bits, upright.

    Args:
        image: The image; it is not changed.
        background: What shows through transparent pixels, as red, green, blue in 0 to 255.

    Returns:
        A picture in mode RGB.

    Raises:
        DataError: If the image has numbers with no known range (32 bits, floating point).

    Example:
        >>> clear_red = Image.new("RGBA", (1, 1), (255, 0, 0, 0))
        >>> to_rgb(clear_red).getpixel((0, 0))
        (255, 255, 255)
    """
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # the note about rotation is damaged; the picture itself need not be
        logger.info("left an image as it lies: its EXIF data is damaged")
        upright = image
    if upright.mode in {"I", "F"} or upright.mode.startswith("I;"):
        upright = _eight_bits(upright)
    if upright.mode == "La":
        upright = upright.convert("LA")  # Pillow knows no direct way
    if upright.has_transparency_data:
        layer = upright.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (*background, 255))
        return Image.alpha_composite(ground, layer).convert("RGB")
    return upright.convert("RGB")


def check_images(folder: str | Path, *, max_pixels: int = MAX_PIXELS) -> list[BadImage]:
    """Find every file below a folder that can not be used as an image.

    Files with the name of an image are decoded. GIF files are listed, because they are not read.
    Hidden files and folders are left out. Where the folder has a file ``SHA256SUMS`` (made by the
    command ``sha256sum``), the content is compared with it: a changed bit in a photo is seen by
    nothing else.

    Args:
        folder: The folder; links to other folders are not followed.
        max_pixels: Largest width times height that is decoded.

    Returns:
        The bad files with the reason, sorted by path; an empty list if all is well.

    Raises:
        DataError: If there is no such folder.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.jpg").write_bytes(b"")
        ...     [(bad.path.name, bad.reason) for bad in check_images(folder)]
        [('a.jpg', 'is empty (0 bytes)')]
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"the folder to check must exist, got {str(folder)!r}. Check the path.")
    sums = _known_sums(folder)
    bad = []
    for path in image_files(folder):
        known = sums.pop(path.relative_to(folder).as_posix(), None)
        reason = why_bad(path, max_pixels=max_pixels)
        if not reason and known is not None and sha256_of(path) != known:
            reason = f"is not the file in {CHECKSUMS}: its SHA-256 is another"
        if reason:
            bad.append(BadImage(path, reason))
    missing = [BadImage(folder / name, f"is in {CHECKSUMS} but not there") for name in sums]
    return sorted(bad + [entry for entry in missing if not entry.path.is_file()])


def image_files(folder: str | Path) -> list[Path]:
    """Files below a folder that claim to be images, GIFs and dangling links among them.

    Args:
        folder: The folder; links to other folders are not followed.

    Returns:
        The files in the order of their paths, without hidden ones.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     for name in ("b.png", "a.jpg", "notes.txt", ".hidden.png"):
        ...         Path(folder, name).touch()
        ...     [path.name for path in image_files(folder)]
        ['a.jpg', 'b.png']
    """
    found = []
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not is_hidden(name)]
        for name in names:
            if is_image_name(name) or (name.lower().endswith(".gif") and not is_hidden(name)):
                found.append(Path(root, name))
    return sorted(found)


def why_bad(path: str | Path, *, max_pixels: int = MAX_PIXELS) -> str:
    """Say why a file can not be used as an image.

    Args:
        path: The file.
        max_pixels: Largest width times height that is decoded.

    Returns:
        The reason, or an empty string if it can be used.

    Example:
        >>> why_bad("not/there.jpg")
        'is missing: it was deleted or moved'
    """
    try:
        open_image(path, max_pixels=max_pixels)
    except DataError as error:
        return str(error).removeprefix(repr(str(path))).lstrip(": ")
    return ""


def is_hidden(name: str) -> bool:
    """Is this the name of a file or folder that systems and tools leave beside pictures?

    Args:
        name: Name without folders.

    Returns:
        True for names that start with a dot, and for ``__MACOSX``.

    Example:
        >>> is_hidden(".ipynb_checkpoints"), is_hidden("._1.jpg"), is_hidden("1.jpg")
        (True, True, False)
    """
    return name.startswith(".") or name == "__MACOSX"


def is_image_name(name: str) -> bool:
    """Does a file name count as an image?

    Args:
        name: Name of the file.

    Returns:
        True if it is not hidden and has one of the `EXTENSIONS`.

    Example:
        >>> is_image_name("Photo.JPG"), is_image_name("notes.txt"), is_image_name(".a.jpg")
        (True, False, False)
    """
    return name.lower().endswith(EXTENSIONS) and not is_hidden(name)


def _check_size(image: Image.Image, max_pixels: int) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise DataError(
            f"an image must have at most {max_pixels} pixels, got {width} x {height}. "
            "Scale it down, or raise max_pixels if you trust it."
        )
    if max(width, height) > MAX_ASPECT * min(width, height):
        raise DataError(
            f"the long side of an image must be at most {MAX_ASPECT} times the short one, got "
            f"{width} x {height}. Cut it or remove it."
        )


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16 bits to 8; ``convert`` would clip them, and nearly all would become white."""
    values = np.asarray(image)
    whole = values.dtype.kind in "iu" and values.size > 0
    if not whole or values.min() < 0 or values.max() > 65535:
        raise DataError(
            f"an image must have 8 or 16 bits a channel, got mode {image.mode!r} with numbers of "
            "unknown range. Save it with 8 bits."
        )
    return Image.fromarray(((values.astype(np.uint32) * 255 + 32767) // 65535).astype(np.uint8))


def _reason(path: Path, error: Exception) -> str:
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return "is a link to a file that is not there"
    for kind, words in _WORDS.items():
        if isinstance(error, kind):
            return words
    if path.stat().st_size == 0:
        return "is empty (0 bytes)"
    if path.suffix.lower() == ".gif":
        return "is a GIF, which is not read. Save it as PNG."
    if isinstance(error, UnidentifiedImageError):
        return f"is not an image of a known format ({', '.join(FORMATS)})"
    return f"is damaged ({type(error).__name__}: {error})"


def _known_sums(folder: Path) -> dict[str, str]:
    file = folder / CHECKSUMS
    if not file.is_file():
        return {}
    lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    entries = (line.split(maxsplit=1) for line in lines if line.strip())
    return {
        entry[1].removeprefix("*").removeprefix("./"): entry[0].lower()
        for entry in entries
        if len(entry) == 2
    }
