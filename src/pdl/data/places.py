"""How is a data set recognized in a folder?

Nothing here asks the network or imports PyTorch: the page pipeline calls it for every chapter.
"""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Mapping
from functools import lru_cache
from io import BufferedReader
from pathlib import Path
from typing import cast

from pdl.data import catalog, drawn
from pdl.data.catalog import Entry
from pdl.data.images import is_image_name
from pdl.errors import DataError
from pdl.files import sha256_of


def look_in(entry: Entry, folder: Path) -> Path | None:
    """Find a data set in a folder, or in one of its usual folders below.

    Args:
        entry: The data set.
        folder: Where to look.

    Returns:
        The folder it lies in, or None.
    """
    for candidate in (*(folder / name for name in entry.folders), folder):
        if is_whole(entry, candidate):
            return candidate
    return None


def is_whole(entry: Entry, folder: Path) -> bool:
    """Is the real data set in this folder?

    Args:
        entry: The data set.
        folder: Where to look.

    Returns:
        True if it is complete.

    Raises:
        DataError: If a file of it is missing or damaged.
    """
    if entry.name == "fashion_mnist":
        return _check_idx(folder, catalog.FASHION_CONTENT)
    return all(
        (folder / part / name).is_dir() for part in ("train", "test") for name in drawn.CLASSES
    )


def _check_idx(folder: Path, content: Mapping[str, str]) -> bool:
    files = [idx_file(folder, name) for name in content]
    if not any(files):
        return False
    for path, (name, sha256) in zip(files, content.items(), strict=True):
        quick = path is not None and file_sha256(path) in catalog.FASHION_PACKED
        if path is None or not (quick or content_sha256(path) == sha256):
            raise DataError(
                f"{str(folder / name)!r} must be the file of Fashion-MNIST (SHA-256 {sha256} "
                "unpacked), got none or a damaged one. Delete it and try again."
            )
    return True


def idx_file(folder: Path, name: str) -> Path | None:
    """Find a file, packed or not.

    Args:
        folder: Where to look.
        name: Its name without ``.gz``.

    Returns:
        Its path, or None.
    """
    return next((path for path in (folder / f"{name}.gz", folder / name) if path.is_file()), None)


def content_sha256(path: Path) -> str:
    """SHA-256 of the content of a file that may be packed with gzip.

    Args:
        path: The file.

    Returns:
        64 hex digits; an empty string if the file is damaged.
    """
    return _content_sha256(path, *_stamp(path))


@lru_cache(maxsize=64)
def _content_sha256(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - keys of the cache
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return hashlib.file_digest(cast("BufferedReader", file), "sha256").hexdigest()
    except (EOFError, zlib.error, gzip.BadGzipFile):
        return ""


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, computed again only when it changed.

    Args:
        path: The file.

    Returns:
        64 hex digits.
    """
    return _file_sha256(path, *_stamp(path))


@lru_cache(maxsize=4096)
def _file_sha256(path: Path, size: int, changed: int) -> str:  # noqa: ARG001 - keys of the cache
    return sha256_of(path)


def _stamp(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def digest(parts: Iterable[tuple[str, str]]) -> str:
    """One short hash for many files.

    Args:
        parts: Name and SHA-256 of each.

    Returns:
        16 hex digits.

    Example:
        >>> digest([("a", "0"), ("b", "1")]) == digest([("a", "0"), ("b", "2")])
        False
    """
    whole = hashlib.sha256()
    for name, sha256 in parts:
        whole.update(f"{name}\0{sha256}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:16]


def tree(folder: Path) -> list[Path]:
    """The images of a data set with folders for parts and classes.

    Args:
        folder: The folder that holds "train" and "test".

    Returns:
        Their paths, sorted.
    """
    return sorted(path for path in folder.glob("*/*/*") if is_image_name(path.name))
