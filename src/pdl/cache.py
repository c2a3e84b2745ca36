"""Where are downloads and other costly files kept, and may the network be asked for them?"""

import os
from pathlib import Path

import platformdirs

from pdl.errors import DownloadError


def cache_dir() -> Path:
    """The folder for downloads: ``PDL_CACHE``, or the system's usual place.

    Returns:
        An absolute path; the folder need not exist yet.

    Raises:
        DownloadError: If ``PDL_CACHE`` is not a folder, or there is no home folder.

    Example:
        >>> cache_dir().is_absolute()
        True
    """
    named = os.environ.get("PDL_CACHE", "").strip()
    folder = Path(named).expanduser() if named else platformdirs.user_cache_path("pdl")
    if not named and not folder.is_absolute():
        raise DownloadError(
            f"the cache needs a home folder, got {str(folder)!r}. Set PDL_CACHE to a folder."
        )
    if folder.exists() and not folder.is_dir():
        raise DownloadError(
            f"PDL_CACHE must name a folder, got {str(folder)!r}, which is a file. Change it."
        )
    return folder.absolute()


def is_offline() -> bool:
    """Is the network forbidden by ``PDL_OFFLINE``?

    Returns:
        True if the variable is set to anything but "", "0", "false" or "no".
    """
    return os.environ.get("PDL_OFFLINE", "").strip().lower() not in {"", "0", "false", "no"}
