"""When kept outputs are still true: the key of a run, a hash of all that could change them."""

from __future__ import annotations

import functools
import hashlib
import importlib.metadata
import io
import json
import platform
import sys
import tokenize
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdl_site.errors import SiteError
from pdl_site.imports import ModuleMap, code_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pdl_site.script import Chapter

SCHEMA = 2
"""Raised whenever a run would be recorded otherwise."""


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Look up installed versions.

    Args:
        packages: Names of distributions.

    Returns:
        Version by name, of those that are installed.
    """
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def data_facts(
    chapter: Chapter, root: Path, resolve: Callable[[Mapping[str, Any]], dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Say which data a chapter will see.

    An entry of the front matter with ``path`` names files of the project by a glob; any other is
    asked of ``resolve``.

    Args:
        chapter: The chapter.
        root: The project's root.
        resolve: Function of an entry that returns facts, among them ``fingerprint``.

    Returns:
        One mapping for each entry, with its ``name`` and ``fingerprint``.

    Raises:
        SiteError: If a data set is missing.
    """
    facts = []
    for entry in chapter.front.data:
        name = entry["name"]
        if "path" in entry:
            pattern = str(entry["path"]).removeprefix("./")
            files = sorted(file for file in _glob(root, pattern) if file.is_file())
            if not files:
                raise SiteError(
                    f"data set {name!r} is missing: no file matches {entry['path']!r}",
                    path=chapter.label,
                    line=1,
                )
            digest = hashlib.sha256()
            for file in files:
                digest.update(file.relative_to(root).as_posix().encode() + b"\0")
                digest.update(hashlib.sha256(file.read_bytes()).digest())
            facts.append({**entry, "files": len(files), "fingerprint": digest.hexdigest()[:16]})
        elif resolve is not None:
            try:
                facts.append({**entry, **resolve(entry)})
            except Exception as error:
                raise SiteError(
                    f"data set {name!r} can not be had: {error}", path=chapter.label, line=1
                ) from error
        else:
            raise SiteError(
                f"data set {name!r} has no path, and the site has no option 'find_data'",
                path=chapter.label,
                line=1,
            )
    return facts


def _glob(root: Path, pattern: str) -> Iterator[Path]:
    try:
        yield from root.glob(pattern)
    except (NotImplementedError, ValueError):  # an absolute or empty pattern
        return


@functools.lru_cache(maxsize=4096)  # every cell of every chapter, at each rebuild
def ends_quietly(source: str) -> bool:
    """Tell whether a cell ends with a semicolon, which hides its last value.

    Args:
        source: Python code.

    Returns:
        Whether the last token that is no comment is a semicolon.

    Example:
        >>> ends_quietly("x;  # hidden"), ends_quietly("x  # shown;")
        (True, False)
    """
    silent = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER}
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    last = [token.string for token in tokens if token.type not in silent][-1:]
    return last == [";"]


def accelerator() -> str:
    """Name the kind of device that a kernel on this machine would find.

    Returns:
        ``cuda`` where the system shows an NVIDIA device, else the processor's architecture.
    """
    has_cuda = Path("/dev/nvidiactl").exists()
    return "cuda" if has_cuda else platform.machine().lower()


def chapter_key(
    chapter: Chapter,
    *,
    modules: ModuleMap,
    packages: Mapping[str, str],
    data: Sequence[Mapping[str, Any]],
    device: str,
    options: Sequence[Any] = (),
) -> str:
    """Hash all that the outputs of a chapter depend on.

    These are the code of its cells as syntax (comments and layout change nothing), the tags that
    change a run, the expressions of its prose, the modules of the project that it reaches, the
    versions of Python and of some packages, its data, the device, and the options of the run.

    Args:
        chapter: The chapter.
        modules: The project's modules.
        packages: Version of each distribution that matters.
        data: Facts of its data sets.
        device: Kind of device.
        options: Options of the site that change what a run gives.

    Returns:
        24 hex digits.

    Raises:
        SiteError: If a module that the chapter reaches is not Python.
    """
    parts: list[Any] = [SCHEMA, sys.version_info[:3], dict(packages), device, list(options)]
    parts.append([fact.get("fingerprint", "") for fact in data])
    for cell in chapter.cells:
        if cell.kind == "code":
            digest = code_digest(cell.source, docstrings=True)
            quiet = ends_quietly(cell.source)
            parts.append([digest, sorted(cell.tags & {"stderr"}), len(cell.alt), quiet])
        elif cell.expressions:
            parts.append([code_digest(e.python, docstrings=True) for e in cell.expressions])
    sources = [cell.source for cell in chapter.code_cells]
    sources += [e.python for cell in chapter.cells for e in cell.expressions]
    for module, file in modules.reach("\n".join(sources)).items():
        parts.append([module, code_digest(modules.read(file))])
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]
