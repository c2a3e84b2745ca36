"""How is an archive of strangers unpacked without harm?

Python's own ``extractall`` follows links out of the target folder, keeps dangerous file modes, and
knows no limit. Here only plain files and folders are written, below the target, counted while they
are written; everything else is refused. Files go into a temporary folder that gets the target's
name at the very end: the target is there whole or not at all.
"""

import bz2
import gzip
import lzma
import os
import re
import shutil
import stat
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol, cast, runtime_checkable

from pdl.errors import ArchiveError

MAX_BYTES = 2 * 1024**3
"""Most bytes that an archive may hold when unpacked."""
MAX_MEMBERS = 100_000
"""Most files and folders that an archive may hold."""
MAX_RATIO = 200
"""Most bytes unpacked for each byte of the archive: photos have about 1, a zip bomb 1000."""
RATIO_FREE = 1024**2
"""Bytes that may be unpacked whatever the ratio: small text files shrink a lot."""

_CHUNK = 64 * 1024
_DRIVE = re.compile(r"^[A-Za-z]:")
_LONG_NAMES = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_MAX_HEADER = 64 * 1024
_COMPRESSED: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


class Limits(NamedTuple):
    """How much an archive may hold: bytes when unpacked, members, and bytes per archive byte."""

    max_bytes: int = MAX_BYTES
    max_members: int = MAX_MEMBERS
    max_ratio: float = MAX_RATIO


@runtime_checkable
class _Readable(Protocol):
    def read(self, size: int = ..., /) -> bytes: ...


class _Member(NamedTuple):
    name: str
    is_folder: bool
    content: _Readable | None = None
    size: int = 0


def unpack(
    archive: str | Path, target: str | Path, *, limits: Limits | None = None, marker: str = ""
) -> Path:
    """Unpack a zip or tar archive (plain, gzip, bzip2 or xz) into a new folder.

    Files get mode 0644 and folders 0755, whatever the archive says. Archives inside the archive
    stay files.

    Args:
        archive: The archive; its content says what kind it is, not its name.
        target: The folder to make. It must not exist.
        limits: How much may be unpacked; by default 2 GiB, 100,000 members, ratio 200.
        marker: Text for a file ``.unpacked`` in the target, which says what it was made of; no
            such file if empty.

    Returns:
        The target.

    Raises:
        ArchiveError: If the archive is damaged, encrypted, unsafe or too large, or the target is
            there already or can not be written. Nothing is left behind then.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with zipfile.ZipFile(Path(folder, "a.zip"), "w") as file:
        ...         file.writestr("photos/1.txt", "one")
        ...     made = unpack(Path(folder, "a.zip"), Path(folder, "a"))
        ...     (made / "photos" / "1.txt").read_text()
        'one'
    """
    archive, target = Path(archive), Path(target)
    if target.exists() or target.is_symlink():
        raise ArchiveError(
            f"the target must not exist yet, got {str(target)!r}. Delete it or choose another."
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    except OSError as error:
        raise ArchiveError(
            f"{str(target.parent)!r} must be a folder to write into, got: {error.strerror}. "
            "Choose another folder or change its permissions."
        ) from error
    try:
        _unpack(archive, partial, limits or Limits())
        if marker:
            (partial / ".unpacked").write_text(marker, encoding="utf-8")
        partial.chmod(0o755)
        partial.rename(target)
    except ArchiveError:
        raise
    except Exception as error:  # the decoders raise nearly everything on damaged bytes
        raise _explained(archive, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _unpack(archive: Path, target: Path, limits: Limits) -> None:
    """Write all members below ``target``, which is a new and empty folder."""
    budget = _Budget(limits, archive)
    seen: dict[str, str | None] = {}
    with archive.open("rb") as file:
        for count, member in enumerate(_members(file, archive, budget), start=1):
            if count > limits.max_members:
                raise ArchiveError(
                    f"{archive.name} must hold at most {limits.max_members} members, got more. "
                    "Unpack it by hand if you trust it."
                )
            parts = _parts(member.name, archive)
            if not parts and member.is_folder:
                continue
            _claim(parts, seen, archive, is_folder=member.is_folder)
            path = target.joinpath(*parts)
            _make_folder(path if member.is_folder else path.parent, target)
            if member.content is not None:
                _write(path, member, budget)


def _write(path: Path, member: _Member, budget: "_Budget") -> None:
    written = 0
    with path.open("xb") as out:
        while member.content is not None and (chunk := member.content.read(_CHUNK)):
            budget.spend(len(chunk))
            written += out.write(chunk)
    if written != member.size:
        raise ArchiveError(
            f"{member.name!r} must unpack to {member.size} bytes, got {written}. The archive is "
            "damaged; download it again."
        )
    path.chmod(0o644)


class _Budget:
    """Counts what was unpacked, and stops at the limit: sizes in headers may lie."""

    def __init__(self, limits: Limits, archive: Path) -> None:
        by_ratio = int(limits.max_ratio * archive.stat().st_size)
        self.limit = min(limits.max_bytes, max(by_ratio, RATIO_FREE))
        self._left, self._archive = self.limit, archive

    def spend(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise self.error()

    def error(self) -> ArchiveError:
        return ArchiveError(
            f"{self._archive.name} must unpack to at most {self.limit} bytes, got more: it may be "
            "a bomb. If you trust it, raise the limits or unpack it by hand."
        )


def _members(file: IO[bytes], archive: Path, budget: _Budget) -> Iterator[_Member]:
    head = file.read(512)
    file.seek(0)
    if head.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        return _zip_members(file, archive)
    for magic, opener in _COMPRESSED.items():
        if head.startswith(magic):
            return _tar_members(opener(file, "rb"), archive, budget)
    if head[257:262] == b"ustar":
        return _tar_members(file, archive, budget)
    raise ArchiveError(
        f"{archive.name} must be a zip or tar archive, got a file of another kind. "
        "Check where it came from; a login page is often saved under the name of a file."
    )


def _zip_members(file: IO[bytes], archive: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(file) as opened:
        for info in opened.infolist():
            # orig_filename: ZipInfo cuts filename at a NUL, and turns the separators of Windows.
            name, mode = info.orig_filename, info.external_attr >> 16
            kind = stat.S_IFMT(mode)
            is_folder = name.endswith("/")
            if kind not in {0, stat.S_IFDIR if is_folder else stat.S_IFREG}:
                raise _not_plain(archive, name)
            if info.flag_bits & 0x1:
                raise ArchiveError(
                    f"{archive.name} must not be encrypted, got {name!r} with a password. "
                    "Unpack it by hand."
                )
            if is_folder:
                yield _Member(name, True)
            else:
                with opened.open(info) as content:
                    yield _Member(name, False, content, info.file_size)


def _tar_members(file: _Readable, archive: Path, budget: _Budget) -> Iterator[_Member]:
    # As a stream ("r|") tarfile never seeks: offsets that lie can not send it in circles.
    counted = _Counted(file, budget)
    # tarfile asks for IO[bytes], and only reads.
    stream = cast("IO[bytes]", cast("object", counted))
    with tarfile.open(fileobj=stream, mode="r|", tarinfo=_StrictHeader) as opened:
        for info in opened:
            if info.isdir():
                yield _Member(info.name, True)
            elif info.isreg() and not info.issparse():
                yield _Member(info.name, False, opened.extractfile(info), info.size)
            else:
                raise _not_plain(archive, info.name)
    while counted.read(_CHUNK):  # to the end, where gzip and xz keep their checksum
        pass


class _Counted:
    """A stream that stops at twice the limit: headers and padding can be a bomb too."""

    def __init__(self, file: _Readable, budget: _Budget) -> None:
        self._file, self._budget, self._left = file, budget, 2 * budget.limit

    def read(self, size: int = _CHUNK, /) -> bytes:
        data = self._file.read(size)
        self._left -= len(data)
        if self._left < 0:
            raise self._budget.error()
        return data


class _StrictHeader(tarfile.TarInfo):
    """A header of a tar; tarfile itself takes a damaged one for the end of the archive."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_StrictHeader":
        try:
            info = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError:
            if len(buf) == tarfile.BLOCKSIZE and not any(buf):
                raise  # the mark at the end
            raise ArchiveError(
                "a tar archive must end with its end mark, got a damaged or cut one. "
                "Download it again."
            ) from None
        if info.size < 0 or (info.type in _LONG_NAMES and info.size > _MAX_HEADER):
            raise ArchiveError(
                f"headers of a tar archive must be at most {_MAX_HEADER} bytes, got {info.size}. "
                "The archive is unsafe or damaged."
            )
        return info


def _parts(name: str, archive: Path) -> tuple[str, ...]:
    """The name of a member as path components, or an error if it is not below the target."""
    plain = name.rstrip("/") if len(name) > 1 else name
    parts = tuple(part for part in plain.split("/") if part != ".")
    bad = (
        not plain
        or "\0" in plain
        or "\\" in plain
        or plain.startswith("/")
        or _DRIVE.match(plain) is not None
        or any(part in {"", ".."} for part in parts)
    )
    if bad:
        raise ArchiveError(
            f"names in {archive.name} must be relative paths below the target, got {name!r}. "
            "The archive is unsafe or damaged; do not unpack it by hand either."
        )
    return parts


def _claim(
    parts: tuple[str, ...], seen: dict[str, str | None], archive: Path, *, is_folder: bool
) -> None:
    """Note a name; refuse one that would overwrite another, here or on macOS and Windows.

    ``seen`` maps a folded path to its exact spelling for a folder, and to None for a file.
    """
    for end in range(1, len(parts) + 1):
        exact = "/".join(parts[:end])
        folded = unicodedata.normalize("NFC", exact).casefold()
        folder = is_folder or end < len(parts)
        if folded not in seen:
            seen[folded] = exact if folder else None
        elif not folder or seen[folded] != exact:
            raise ArchiveError(
                f"names in {archive.name} must differ, also when case is ignored, got {exact!r} "
                "twice. Unpack it by hand if you trust it."
            )


def _make_folder(folder: Path, target: Path) -> None:
    for path in [*reversed(folder.relative_to(target).parents), folder.relative_to(target)]:
        made = target / path
        if not made.is_dir():
            made.mkdir(mode=0o755)
            made.chmod(0o755)


def _not_plain(archive: Path, name: str) -> ArchiveError:
    return ArchiveError(
        f"{archive.name} must hold plain files and folders only, got a link, device or other "
        f"special member {name!r}. Unpack it by hand if you trust it."
    )


def _explained(archive: Path, error: Exception) -> ArchiveError:
    if isinstance(error, OSError) and error.errno is not None:
        return ArchiveError(
            f"{archive.name} could not be unpacked: {error.strerror or os.strerror(error.errno)}. "
            "Check the free space, the permissions and the names in it."
        )
    return ArchiveError(
        f"{archive.name} must be a whole archive, got a damaged one "
        f"({type(error).__name__}: {error}). Download it again."
    )
