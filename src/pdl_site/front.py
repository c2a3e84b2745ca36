"""What stands in the block at the head of a chapter, and is every entry of the right kind?"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import yaml

from pdl_site.errors import SiteError

if TYPE_CHECKING:
    from collections.abc import Mapping

FENCE = "# ---"
REQUIRED = ("title", "description", "order", "level", "minutes")
KINDS: dict[str, type] = {
    "title": str,
    "description": str,
    "order": int,
    "level": str,
    "minutes": int,
    "needs": list,
    "gives": list,
    "data": list,
    "paper": str,
    "seed": int,
}


@dataclass(frozen=True, kw_only=True)
class FrontMatter:
    """The YAML block at the head of a chapter.

    Attributes:
        title: Title of the page.
        description: One sentence for search engines and cards, at most 150 characters.
        order: Place in the book, from 0.
        level: For whom, such as ``beginner``.
        needs: Names of the chapters to read before.
        gives: The ideas a reader takes away, as short nouns.
        minutes: Time to read and try, in minutes.
        data: Data sets used, each a mapping with ``name`` and, for files of the project, ``path``.
        paper: The paper the chapter follows, if any.
        seed: The random seed of the chapter.
    """

    title: str
    description: str
    order: int
    level: str
    minutes: int
    needs: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    data: tuple[Mapping[str, Any], ...] = ()
    paper: str = ""
    seed: int | None = None


def read_front_matter(lines: list[str], label: str) -> tuple[FrontMatter, int]:
    """Read the YAML between the first two fences of a script.

    Args:
        lines: Lines of the script.
        label: What messages call it.

    Returns:
        The front matter, and the index of the line that closes it.

    Raises:
        SiteError: If it is missing, not YAML, or an entry is missing, unknown or of a wrong kind.
    """
    end = _end(lines, label)
    data = _load(lines[1:end], label)

    def fail(message: str, key: str = "") -> SiteError:
        starts = (n for n, line in enumerate(lines[:end], 1) if line.startswith(f"# {key}:"))
        return SiteError(message, path=label, line=next(starts, 1))

    known = [f.name for f in fields(FrontMatter)]
    for key in data:
        if key not in known:
            message = f"unknown key {key!r} in the front matter; known are {', '.join(known)}"
            raise fail(message, str(key))
    if missing := [key for key in REQUIRED if key not in data]:
        raise fail(f"the front matter lacks {', '.join(missing)}")
    for key, kind in KINDS.items():
        if key in data and (not isinstance(data[key], kind) or isinstance(data[key], bool)):
            raise fail(f"{key} must be {kind.__name__}, got {data[key]!r}", key)
    for key in ("needs", "gives"):
        if wrong := [entry for entry in data.get(key, []) if not isinstance(entry, str)]:
            raise fail(f"each entry of {key} must be str, got {wrong[0]!r}", key)
    if len(data["description"]) > 150:
        found = len(data["description"])
        raise fail(f"description has {found} characters, at most 150 are shown", "description")
    for entry in data.get("data", []):
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise fail(f"each entry of data needs a name, got {entry!r}", "data")
    for key in ("needs", "gives", "data"):
        data[key] = tuple(data.get(key, ()))
    return FrontMatter(**data), end


def _end(lines: list[str], label: str) -> int:
    if not lines or lines[0].rstrip() != FENCE:
        message = f"a chapter begins with front matter between two lines {FENCE!r}"
        raise SiteError(message, path=label, line=1)
    for n, line in enumerate(lines[1:], start=1):
        if line.rstrip() == FENCE:
            return n
        if not line.startswith("#"):
            break
    raise SiteError(f"the front matter is not closed by a line {FENCE!r}", path=label, line=1)


def _load(lines: list[str], label: str) -> dict[Any, Any]:
    source = "\n".join(re.sub(r"^# ?", "", line) for line in lines)
    try:
        data = yaml.safe_load(source)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        line = 2 if mark is None else mark.line + 2
        raise SiteError(f"front matter is not YAML: {problem}", path=label, line=line) from error
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise SiteError("front matter must be a mapping 'key: value'", path=label, line=2)
    return data
