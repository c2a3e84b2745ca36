"""What a run gave, and the folder where runs are kept: whole and unchanged, or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import os
import secrets
import tempfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from pdl_site.errors import CacheError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pdl_site.script import Chapter

# Not MkDocs' logger: a warning there fails a strict build, and a damaged entry is mended by a run.
log = logging.getLogger("pdl_site.record")
KEPT = 6
"""Runs kept for each chapter; an edit that is taken back finds its old run."""

STALE_PART = 3600
"""Seconds after which nobody is writing a half-written file any more."""


@dataclass(frozen=True)
class Record:
    """The outcome of running one chapter.

    Attributes:
        key: Key of the run.
        chapter: Name of the chapter.
        outputs: For each code cell its cleaned outputs, see :mod:`pdl_site.outputs`.
        values: For each Markdown cell that has expressions their values.
        facts: What ran, where, when and how long, for the run card and ``run.json``.
    """

    key: str
    chapter: str
    outputs: tuple[list[dict[str, Any]], ...]
    values: tuple[list[str], ...]
    facts: dict[str, Any] = field(default_factory=dict)


def values_of(chapter: Chapter, record: Record | None) -> dict[int, list[str]]:
    """What the expressions in the prose came to.

    Args:
        chapter: The chapter.
        record: Its run, or None.

    Returns:
        The values of each Markdown cell that has expressions, by the number of the cell; empty
        without a run.
    """
    computed = (cell.number for cell in chapter.cells if cell.expressions)
    return dict(zip(computed, record.values if record else (), strict=False))


class RunCache:
    """A folder of records, one file each, safe under two builds at once.

    An entry carries a hash of its own contents: one that was cut short or edited is not used.

    Args:
        folder: Where to keep the records; made on first use.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._damaged: set[Path] = set()

    def prepare(self) -> None:
        """Make the folder and see that it can be written.

        Raises:
            CacheError: If it can not.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as error:
            raise CacheError(
                f"the folder of kept runs {self.folder} can not be written "
                f"({error.strerror}); make it writable, or name another one by the option "
                "'cache' of pdl_site or the variable PDL_SITE_CACHE"
            ) from error

    def path(self, chapter: str, key: str) -> Path:
        """Say where a run is kept.

        Args:
            chapter: Name of the chapter.
            key: Key of the run.

        Returns:
            Path of the entry.
        """
        return self.folder / f"{chapter}-{key}.json"

    def load(self, chapter: str, key: str) -> Record | None:
        """Read a kept run.

        Args:
            chapter: Name of the chapter.
            key: Key of the run.

        Returns:
            The record, or None when there is none or it is damaged.
        """
        path = self.path(chapter, key)
        try:
            digest, _, body = path.read_bytes().partition(b"\n")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise CacheError(f"{path} can not be read ({error.strerror}); remove it") from error
        record = _read(body) if hashlib.sha256(body).hexdigest().encode() == digest else None
        if record is not None and (record.chapter, record.key) == (chapter, key):
            return record
        if path not in self._damaged:
            self._damaged.add(path)
            log.warning("%s is damaged or was edited; %s runs again", path.name, chapter)
        return None

    def latest(self, chapter: str) -> Record | None:
        """Read the newest kept run of a chapter, whatever its key.

        Args:
            chapter: Name of the chapter.

        Returns:
            The record, or None.
        """
        for path in self._entries(chapter):
            if record := self.load(chapter, path.stem.rpartition("-")[2]):
                return record
        return None

    def save(self, record: Record) -> None:
        """Keep a run; the file appears whole or not at all.

        Args:
            record: The run.

        Raises:
            CacheError: If it can not be written.
        """
        self.prepare()
        body = json.dumps(dataclasses.asdict(record), default=str).encode()
        part = self.folder / f"{record.chapter}-{secrets.token_hex(8)}.part"
        try:
            with part.open("xb") as file:
                file.write(hashlib.sha256(body).hexdigest().encode() + b"\n" + body)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path(record.chapter, record.key))
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink()
            raise CacheError(
                f"the run of {record.chapter} can not be kept in {self.folder}: {error.strerror}"
            ) from error
        old = self._entries(record.chapter)[KEPT:]
        left_by_a_killed_build = (
            path
            for path in self.folder.glob("*.part")
            if path.stat().st_mtime < time.time() - STALE_PART
        )
        with contextlib.suppress(FileNotFoundError):  # another build cleans up too
            for path in (*old, *left_by_a_killed_build):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def lock(self, chapter: str) -> Iterator[None]:
        """Let one process at a time run a chapter; a second one waits, then finds the record.

        Args:
            chapter: Name of the chapter.

        Yields:
            Nothing.
        """
        self.prepare()
        with FileLock(self.folder / f".{chapter}.lock"):
            yield

    def _entries(self, chapter: str) -> list[Path]:
        entries = self.folder.glob(f"{chapter}-{'[0-9a-f]' * 24}.json")
        aged = []
        for path in entries:
            with contextlib.suppress(FileNotFoundError):  # another build may have removed it
                aged.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(aged, reverse=True)]


def _read(body: bytes) -> Record | None:
    """Read the contents of an entry, or None when they are no record."""
    try:
        data = json.loads(body)
        return Record(
            key=data["key"],
            chapter=data["chapter"],
            outputs=tuple(data["outputs"]),
            values=tuple(data["values"]),
            facts=data["facts"],
        )
    except (ValueError, KeyError, TypeError):
        return None
