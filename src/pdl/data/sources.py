"""Where does a named data set come from, on this machine, today?

Looked for in this order: a folder the user names (``data_dir=``, or the variable ``PDL_DATA_DIR``),
the cache, a system package, the internet, and at last a stand-in that always works. Real data is
recognized by its SHA-256 or its layout, and everyone can ask which one was taken.

Variables: ``PDL_DATA_DIR`` names a folder with data; ``PDL_CACHE`` the folder for downloads;
``PDL_OFFLINE=1`` forbids the network.
"""

import atexit
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from pdl.cache import cache_dir, is_offline
from pdl.data import catalog, drawn
from pdl.data.archive import unpack
from pdl.data.catalog import Entry
from pdl.data.download import Patience, download
from pdl.data.places import digest, file_sha256, is_whole, look_in, tree
from pdl.errors import DataError, DownloadError

__all__ = ["Found", "available", "cache_dir", "facts", "fetch", "find", "is_offline"]

logger = logging.getLogger(__name__)

_DOWNLOAD = "download, verified"
RETRY_AFTER = 600.0
"""Seconds for which a failed download is not tried again by `find`; `fetch` always tries."""
_SHIPPED = Path(__file__).parent / "shipped"
_DRAWN_VERSION = 1
"""Counted up when `pdl.data.drawn` draws other pictures."""
_DRAWN_COUNT = sum(map(sum, drawn.COUNTS.values()))


@dataclass(frozen=True)
class Found:
    """A data set that was found: what it is, and where it came from."""

    name: str
    kind: Literal["real", "stand-in"]
    source: str
    """Where it came from, in words without a path: these may go onto a web page."""
    path: Path
    """Its folder."""

    @property
    def train_dir(self) -> Path:
        """Folder of the training images, for a data set that is a tree of images."""
        return self.path / "train"

    @property
    def test_dir(self) -> Path:
        """Folder of the test images, for a data set that is a tree of images."""
        return self.path / "test"

    @property
    def licence(self) -> str:
        """Under which terms it may be used; drawings belong to nobody."""
        drawing = self.name == "food_mini" and self.kind == "stand-in"
        return "MIT" if drawing else catalog.entry(self.name).licence

    @property
    def count(self) -> int:
        """Number of images."""
        if self.kind == "stand-in":
            return catalog.TENTH_COUNT if self.name == "fashion_mnist" else _DRAWN_COUNT
        if self.name == "fashion_mnist":
            return catalog.entry(self.name).count
        return len(tree(self.path))

    @property
    def fingerprint(self) -> str:
        """16 hex digits that change when the content does."""
        if self.name == "fashion_mnist":
            known = catalog.FASHION_CONTENT if self.kind == "real" else catalog.FASHION_TENTH
            return digest(sorted(known.items()))
        files = [
            (path.relative_to(self.path).as_posix(), file_sha256(path)) for path in tree(self.path)
        ]
        return digest(files)


def find(
    name: str,
    *,
    data_dir: str | Path | None = None,
    allow_download: bool = True,
    allow_stand_in: bool = True,
    patience: Patience | None = None,
) -> Found:
    """Find a data set, or something to stand in for it.

    Args:
        name: "fashion_mnist" or "food_mini".
        data_dir: Folder that holds it; then nothing else is looked at.
        allow_download: Download it if it is not on this machine.
        allow_stand_in: Give the stand-in if it can not be had.
        patience: How long to wait for servers.

    Returns:
        Where it is, and whether it is real.

    Raises:
        ConfigError: If there is no data set of that name.
        DataError: If it is not in ``data_dir``, is damaged there, or can not be had and
            ``allow_stand_in`` is False.

    Example:
        >>> found = find("fashion_mnist", allow_download=False)
        >>> found.kind in ("real", "stand-in"), found.count in (70000, 7000)
        (True, True)
    """
    entry = catalog.entry(name)
    if data_dir is not None:
        return _in_named_folder(entry, Path(data_dir))
    found = _on_this_machine(entry)
    if found is None and allow_download and not _in_vain(entry):
        with suppress(DataError):
            found = _downloaded(entry, patience)
    if found is None and allow_stand_in:
        found = _stand_in(entry)
        if entry.name == "food_mini":
            found = replace(found, path=_drawings())
    if found is None:
        raise DataError(
            f"{name} is not on this machine and could not be downloaded. Set PDL_DATA_DIR to a "
            f"folder that holds {entry.folders[0]!r}, or run `pdl data fetch {name}`."
        )
    logger.info("%s: %s, %s", name, found.kind, found.source)
    return found


def fetch(name: str, *, patience: Patience | None = None) -> Found:
    """Make sure that the real data set is on this machine; download it if need be.

    Args:
        name: "fashion_mnist" or "food_mini".
        patience: How long to wait for servers.

    Returns:
        Where it is.

    Raises:
        ConfigError: If there is no data set of that name.
        DownloadError: If it is not here and can not be downloaded.

    Example:
        >>> fetch("clothes")
        Traceback (most recent call last):
        pdl.errors.ConfigError: no data set is called 'clothes'. Try fashion_mnist or food_mini.
    """
    entry = catalog.entry(name)
    return _on_this_machine(entry) or _downloaded(entry, patience)


def available() -> list[Found]:
    """What there is of each data set on this machine, without the network.

    Returns:
        One entry for each data set there is. A stand-in may not be drawn yet.

    Example:
        >>> [found.name for found in available()]
        ['fashion_mnist', 'food_mini']
    """
    return [_on_this_machine(entry) or _stand_in(entry) for entry in catalog.ENTRIES.values()]


def facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What a page says about a data set that it uses.

    Args:
        entry: What the page declares, with its "name".

    Returns:
        "kind" ("real" or "stand-in"), "count" of images, "fingerprint", "source" and "licence".

    Raises:
        ConfigError: If there is no data set of that name.

    Example:
        >>> sorted(facts({"name": "fashion_mnist"}))
        ['count', 'fingerprint', 'kind', 'licence', 'source']
    """
    found = find(str(entry.get("name")))
    keys = ("kind", "count", "fingerprint", "source", "licence")
    return {key: getattr(found, key) for key in keys}


def _on_this_machine(entry: Entry) -> Found | None:
    named = os.environ.get("PDL_DATA_DIR", "").strip()
    if named:
        folder = Path(named).expanduser()
        if not folder.is_dir():
            raise DataError(
                f"PDL_DATA_DIR must name a folder, got {named!r}. Correct it or unset it."
            )
        if path := look_in(entry, folder):
            return Found(entry.name, "real", "PDL_DATA_DIR", path)
    if path := _in_cache(entry):
        return Found(entry.name, "real", _DOWNLOAD, path)
    if entry.system is not None and entry.system.is_dir():
        try:
            if is_whole(entry, entry.system):
                source = f"system package {entry.system_name}"
                return Found(entry.name, "real", source, entry.system)
        except DataError as error:
            logger.info("left out the system package: %s", error)
    return None


def _in_named_folder(entry: Entry, folder: Path) -> Found:
    path = look_in(entry, folder) if folder.is_dir() else None
    if path is None:
        raise DataError(
            f"data_dir must hold {entry.name} in a folder {entry.folders[0]!r}, got "
            f"{str(folder)!r}. Correct it, or leave it out to look elsewhere."
        )
    return Found(entry.name, "real", "data_dir", path)


def _in_cache(entry: Entry) -> Path | None:
    """Where the cache holds the data set, whole; damaged files count as absent."""
    with suppress(DataError, OSError):
        folder = cache_dir() / entry.name
        if entry.name == "fashion_mnist":
            return folder if is_whole(entry, folder) else None
        unpacked = folder / entry.folders[0]
        marker = (unpacked / ".unpacked").read_text(encoding="utf-8")
        if marker == entry.remote[0].sha256 and is_whole(entry, unpacked):
            return unpacked
    return None


def _downloaded(entry: Entry, patience: Patience | None) -> Found:
    """Fill the cache; other processes wait and find it filled."""
    if is_offline():
        raise DownloadError(
            f"{entry.name} must be downloaded, but PDL_OFFLINE forbids the network. Unset it, or "
            f"set PDL_DATA_DIR to a folder that holds {entry.folders[0]!r}."
        )
    folder, patience = cache_dir() / entry.name, patience or Patience()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".fetch.lock", timeout=patience.total * len(entry.remote)):
            path = _in_cache(entry) or _fill(entry, folder, patience)
    except Timeout as error:
        raise DownloadError(
            f"{entry.name} is being downloaded by another process that does not finish. "
            "Try again later."
        ) from error
    except OSError as error:
        raise DownloadError(
            f"the cache must be writable, got {str(folder)!r}: {error.strerror or error}. "
            "Free some space, or set PDL_CACHE to another folder."
        ) from error
    except DataError:
        with suppress(OSError):
            _memo(folder).touch()
        raise
    _memo(folder).unlink(missing_ok=True)
    return Found(entry.name, "real", _DOWNLOAD, path)


def _fill(entry: Entry, folder: Path, patience: Patience) -> Path:
    files = [download(file, folder, patience=patience) for file in entry.remote]
    if entry.name == "fashion_mnist":
        return folder
    target = folder / entry.folders[0]
    # Not what we unpacked, or not whole; and what a killed process left while it unpacked.
    for old in (target, *folder.glob(f".{target.name}.*/")):
        if old.is_dir():
            shutil.rmtree(old)
    unpack(files[0], target, marker=entry.remote[0].sha256)
    files[0].unlink()
    if not is_whole(entry, target):
        raise DownloadError(
            f"{files[0].name} must hold train and test folders of {drawn.CLASSES}, got others. "
            "Report this, please."
        )
    return target


def _memo(folder: Path) -> Path:
    return folder / ".unreachable"


def _in_vain(entry: Entry) -> bool:
    """Is a download forbidden, or did it fail a moment ago?"""
    if is_offline():
        return True
    try:
        age = time.time() - _memo(cache_dir() / entry.name).stat().st_mtime
    except (OSError, DownloadError):
        return False
    return 0 <= age < RETRY_AFTER


def _stand_in(entry: Entry) -> Found:
    if entry.name == "fashion_mnist":
        path = _SHIPPED / entry.name
        return Found(entry.name, "stand-in", "a tenth, shipped with pdl", path)
    with suppress(DownloadError):
        return Found(entry.name, "stand-in", "drawn by pdl", _drawn_folder())
    return Found(entry.name, "stand-in", "drawn by pdl", Path(tempfile.gettempdir()))


def _drawn_folder() -> Path:
    return cache_dir() / "food_mini" / f"drawn-{_DRAWN_VERSION}"


def _drawings() -> Path:
    """The drawn photos, in the cache if it can be written, else in a temporary folder."""
    with suppress(OSError, DownloadError):
        folder = _drawn_folder()
        if _all_drawn(folder):
            return folder
        shutil.rmtree(folder, ignore_errors=True)
        with suppress(OSError):  # another process may be quicker
            drawn.draw_food_folder(folder)
        if _all_drawn(folder):
            return folder
    return _temporary_drawings()


def _all_drawn(folder: Path) -> bool:
    return len(tree(folder)) == _DRAWN_COUNT


@lru_cache(maxsize=1)
def _temporary_drawings() -> Path:
    parent = tempfile.mkdtemp(prefix="pdl-")
    atexit.register(shutil.rmtree, parent, ignore_errors=True)
    return drawn.draw_food_folder(Path(parent, "food_mini"))
