"""How does a file of known content get here over a network that may fail in any way?

pooch keeps the file under a temporary name until its SHA-256 is right, then moves it into place.
Around that: one process at a time (the others wait and use its file), other mirrors and other
tries, limits on time and size, and no way down from https to http.
"""

import logging
import os
import time
import warnings
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
from filelock import FileLock, Timeout
from tqdm import tqdm
from urllib3.exceptions import HTTPError, NewConnectionError

from pdl.errors import DownloadError
from pdl.files import sha256_of

logger = logging.getLogger(__name__)

MAX_HOPS = 5
"""Most redirects that are followed."""
_CHUNK = 64 * 1024
_REDIRECTS = {301, 302, 303, 307, 308}
_BUSY = {408, 425, 429, 500, 502, 503, 504}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class Patience(NamedTuple):
    """How long to wait for a server; all times in seconds."""

    connect: float = 10.0
    """For the connection."""
    read: float = 30.0
    """For the next bytes."""
    total: float = 900.0
    """For one file from one mirror, and for another process that is fetching it."""
    tries: int = 3
    """How often each mirror is asked, if it is busy or breaks off."""
    pause: float = 1.0
    """Before the second try; twice as long before each further one."""


class RemoteFile(NamedTuple):
    """A file that can be downloaded: where it lies, and what it must be."""

    name: str
    """File name."""
    sha256: str
    """SHA-256 of its bytes, 64 hex digits."""
    size: int
    """Its length in bytes."""
    urls: tuple[str, ...]
    """Its mirrors, the first to try first."""


class _AgainError(Exception):
    """The transfer failed in a way that may pass."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


def download(file: RemoteFile, folder: str | Path, *, patience: Patience | None = None) -> Path:
    """Get a file into a folder, if it is not there already.

    Args:
        file: What to download.
        folder: Where to keep it; made if missing.
        patience: How long to wait for what.

    Returns:
        Path of the file, which has the right SHA-256.

    Raises:
        DownloadError: If no mirror gave the right bytes, or the folder can not be written. A file
            of that name with other content is left as it was.

    Example:
        >>> import hashlib, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:  # already there: nothing is asked for
        ...     _ = Path(folder, "a.txt").write_bytes(b"hello")
        ...     digest = hashlib.sha256(b"hello").hexdigest()
        ...     download(RemoteFile("a.txt", digest, 5, ()), folder).name
        'a.txt'
    """
    folder, patience = Path(folder), patience or Patience()
    path = folder / file.name
    try:
        if _is_right(path, file):
            return path
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / f".{file.name}.lock", timeout=patience.total):
            if not _is_right(path, file):  # another process may have been quicker
                _from_mirrors(file, folder, patience)
    except Timeout as error:
        raise DownloadError(
            f"{file.name} is being downloaded by another process, which did not finish within "
            f"{patience.total:g} seconds. Try again later."
        ) from error
    except OSError as error:
        raise DownloadError(
            f"the download folder must be writable, got {str(folder)!r}: "
            f"{error.strerror or error}. Free some space, or set PDL_CACHE to another folder."
        ) from error
    return path


def _is_right(path: Path, file: RemoteFile) -> bool:
    return path.is_file() and sha256_of(path) == file.sha256


def _from_mirrors(file: RemoteFile, folder: Path, patience: Patience) -> None:
    """Download under a lock, through a folder of its own that is emptied before and after."""
    partial = folder / f".{file.name}.partial"
    partial.mkdir(exist_ok=True)
    reasons: list[str] = []
    try:
        _empty(partial)
        for url in file.urls:
            reason = _from_mirror(file, url, partial, patience)
            if not reason:
                (partial / file.name).replace(folder / file.name)
                return
            reasons.append(f"{url}: {reason}")
            logger.info("could not download %s from %s: %s", file.name, url, reason)
    finally:
        with suppress(OSError):
            _empty(partial)
            partial.rmdir()
    raise DownloadError(
        f"{file.name} must come from one of its mirrors, got {'; '.join(reasons) or 'no mirror'}. "
        f"Try again later, or download it by hand and put it into {str(folder)!r}."
    )


def _empty(partial: Path) -> None:
    for left in partial.iterdir():  # of a process that was killed
        left.unlink()


def _from_mirror(file: RemoteFile, url: str, partial: Path, patience: Patience) -> str:
    """Try one mirror a few times; returns why it failed, or nothing."""
    with warnings.catch_warnings():  # its progress bars miss widgets in a bare kernel
        warnings.filterwarnings("ignore", message="IProgress not found")
        # Few programs ever download, and it takes a while to import.
        import pooch  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types

    reason = ""
    pooch.get_logger().setLevel(logging.WARNING)  # it would print to stderr
    for attempt in range(patience.tries):
        try:
            pooch.retrieve(
                url,
                known_hash=f"sha256:{file.sha256}",
                fname=file.name,
                path=partial,
                downloader=_Transfer(file, patience),
            )
        except _AgainError as error:
            reason = str(error)
            if attempt + 1 < patience.tries:
                pause = max(error.wait, patience.pause * 2**attempt)
                time.sleep(min(pause, patience.read))
        except DownloadError as error:
            return str(error)
        except ValueError as error:  # what pooch raises when the hash is another
            return str(error)
        else:
            return ""
    return f"{reason} ({patience.tries} tries)"


class _Transfer:
    """Carries the bytes for pooch, which calls it and then looks at the hash."""

    def __init__(self, file: RemoteFile, patience: Patience) -> None:
        self._file, self._patience = file, patience
        self._deadline = time.monotonic() + patience.total

    def __call__(self, url: str, output_file: str, pooch: object) -> None:  # noqa: ARG002 - pooch's
        try:
            with requests.Session() as session, self._answer(session, url) as response:
                self._save(response, Path(output_file))
        except requests.Timeout as error:
            raise _AgainError("no answer in time") from error
        except requests.RequestException as error:
            if _unreachable(error):
                raise DownloadError("the server can not be reached") from error
            raise _AgainError(f"the connection broke ({type(error).__name__})") from error
        except HTTPError as error:
            raise _AgainError(f"the transfer broke off ({type(error).__name__})") from error

    def _answer(self, session: requests.Session, url: str) -> requests.Response:
        check_hop("", url)
        for _ in range(MAX_HOPS + 1):
            response = session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(self._patience.connect, self._patience.read),
                headers={"Accept-Encoding": "identity"},
            )
            if response.status_code not in _REDIRECTS:
                return _checked(response)
            response.close()
            url, before = urljoin(url, response.headers.get("Location", "")), url
            check_hop(before, url)
        raise DownloadError(f"more than {MAX_HOPS} redirects")

    def _save(self, response: requests.Response, path: Path) -> None:
        # read1 returns what has come; read would wait for a whole chunk, past any deadline.
        read = getattr(response.raw, "read1", response.raw.read)
        received, size = 0, self._file.size
        hidden = True if os.environ.get("TQDM_DISABLE") else None  # None: only on a terminal
        with (
            path.open("wb") as out,
            tqdm(
                total=size, unit="B", unit_scale=True, desc=self._file.name, disable=hidden
            ) as bar,
        ):
            while chunk := read(_CHUNK):
                received += len(chunk)
                if received > size:
                    raise DownloadError(f"more than the expected {size} bytes came")
                if time.monotonic() > self._deadline:
                    raise DownloadError(f"{received} of {size} bytes came in the time allowed")
                out.write(chunk)
                bar.update(len(chunk))
        if received < size:
            if "html" in response.headers.get("Content-Type", ""):
                raise DownloadError("a web page came instead of the file")
            raise _AgainError(f"{received} of {size} bytes came")


def check_hop(before: str, url: str) -> None:
    """Refuse an address that is not safe to go to.

    Plain http is for tests and mirrors on this very machine only.

    Args:
        before: The address that redirected here; empty for the first.
        url: The address.

    Raises:
        DownloadError: If it is not https.

    Example:
        >>> check_hop("https://a.org/x", "https://b.org/y")
        >>> check_hop("https://a.org/x", "http://a.org/x")
        Traceback (most recent call last):
        pdl.errors.DownloadError: addresses must be https, got 'http://a.org/x'
    """
    there, here = urlsplit(url), urlsplit(before)
    local = there.scheme == "http" and there.hostname in _LOOPBACK and here.scheme != "https"
    if there.scheme != "https" and not local:
        raise DownloadError(f"addresses must be https, got {url!r}")


def _checked(response: requests.Response) -> requests.Response:
    status = response.status_code
    if status == requests.codes["ok"]:
        return response
    response.close()
    reason = f"HTTP {status} {response.reason or ''}".strip()
    if status in _BUSY:
        seconds = response.headers.get("Retry-After", "")
        raise _AgainError(reason, float(seconds) if seconds.isdecimal() else 0.0)
    raise DownloadError(reason)


def _unreachable(error: requests.RequestException) -> bool:
    """No such host, no network, nobody listening: asking again at once does not help."""
    cause: object = error.args[0] if error.args else None
    return isinstance(getattr(cause, "reason", None), NewConnectionError)
