"""How is a file written whole or not at all, by one run at a time, and known again?"""

import hashlib
import os
import platform
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pdl.errors import ConfigError

_HELD: set[Path] = set()
"""Locks of this process: a lock with our process id that is not in here is an old one."""


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old one or the new one.

    Into a temporary file beside it first, forced onto the disk, then renamed over the old one.
    What an earlier, killed process left behind on the way is removed.

    Args:
        path: The file, in a folder that exists.
        data: All of its content.

    Raises:
        OSError: If the file can not be written, for example because the disk is full. The old file
            is untouched then.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_atomic(Path(folder, "a.txt"), b"whole")
        ...     Path(folder, "a.txt").read_bytes()
        b'whole'
    """
    _sweep(path)
    token = secrets.token_hex(4)
    partial = path.with_name(f".{path.name}.{_host()}.{os.getpid()}.{token}.partial")
    try:
        with partial.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)


def sha256_of(path: Path) -> str:
    """Hash a file without holding it in memory.

    Args:
        path: The file.

    Returns:
        SHA-256 of its content, in hex.

    Raises:
        OSError: If the file can not be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = Path(folder, "a.txt").write_bytes(b"hello")
        ...     sha256_of(Path(folder, "a.txt"))[:8]
        '2cf24dba'
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_writable(folder: Path) -> None:
    """Make a folder if it is missing, and find out now whether files can be written into it.

    Args:
        folder: The folder.

    Raises:
        ConfigError: If they can not.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as parent:
        ...     check_writable(Path(parent, "runs", "a"))
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{_host()}.{os.getpid()}.{secrets.token_hex(4)}.probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ConfigError(
            f"{str(folder)!r} must be a folder to write into, got: {error.strerror}. "
            "Choose another folder or change its permissions."
        ) from error


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Keep other runs from writing the same file, for the length of a ``with`` block.

    A lock that a killed run on this machine left behind is taken over.

    Args:
        path: The file to write; the lock lies beside it, with ``.lock`` added to the name.

    Yields:
        Nothing.

    Raises:
        ConfigError: If another run holds the lock.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, exclusive(Path(folder, "last")):
        ...     [file.name for file in Path(folder).iterdir()]
        ['last.lock']
    """
    lock = path.with_name(path.name + ".lock").absolute()
    for _ in range(2):
        try:
            handle = os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
            break
        except FileExistsError:
            _remove_if_stale(lock)
    else:
        raise ConfigError(
            f"{str(path)!r} is being written by another run ({_owner(lock)}). Choose another file, "
            f"or delete {lock.name} if that run is gone."
        )
    _HELD.add(lock)
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{_host()} {os.getpid()}")
        yield
    finally:
        _HELD.discard(lock)
        lock.unlink(missing_ok=True)


def _remove_if_stale(lock: Path) -> None:
    host, _, pid = _owner(lock).partition(" ")
    ours = pid == str(os.getpid()) and lock not in _HELD
    if host == _host() and pid.isdecimal() and (ours or not _alive(int(pid))):
        lock.unlink(missing_ok=True)


def _owner(lock: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return lock.read_text(encoding="utf-8") or "unknown"
    return "unknown"


def _sweep(path: Path) -> None:
    """Remove the temporary files for ``path`` of processes of this machine that are gone."""
    start = f".{path.name}.{_host()}."
    for partial in path.parent.glob(".*.partial"):
        pid = partial.name.removeprefix(start).split(".")[0]
        if partial.name.startswith(start) and pid.isdecimal() and not _alive(int(pid)):
            partial.unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end the process there; keep its files instead
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _host() -> str:
    return platform.node().replace(" ", "-").replace("/", "-").replace(".", "-") or "localhost"


def _sync_folder(folder: Path) -> None:
    """Force the new name onto the disk too; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
