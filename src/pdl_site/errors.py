"""What can go wrong between a script and its page, said with file, line and cell."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class SiteError(Exception):
    """A fault of a chapter or of its run that must stop the build.

    Args:
        message: What was found, the rule, what to do.
        path: The file that the reader of the message has to open, relative to the project.
        line: Line in that file, from 1.
        cell: Number of the cell in that file, from 1.
        detail: More lines, such as a traceback, printed before the message.

    Example:
        >>> print(SiteError("ValueError: boom", path="tutorials/03.py", line=25, cell=4))
        tutorials/03.py:25: cell 4: ValueError: boom
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | Path | None = None,
        line: int | None = None,
        cell: int | None = None,
        detail: str = "",
    ) -> None:
        place = "" if path is None else f"{path}:"
        if place and line is not None:
            place += f"{line}:"
        if cell is not None:
            place += f" cell {cell}:"
        super().__init__(f"{place} {message}".strip())
        self.detail = detail


class ExecutionError(SiteError):
    """A cell raised, ran too long, wrote where it must not, or took its kernel down."""


class CacheError(SiteError):
    """The folder of kept runs can not be used."""
