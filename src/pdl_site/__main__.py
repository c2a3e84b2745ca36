"""The street without MkDocs: ``python -m pdl_site run``, ``export DIR`` and ``pack DIR FILE``."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from yaml_env_tag import construct_env_tag  # type: ignore[import-untyped]  # it has no stubs

from pdl_site.book import EXERCISES, Book, Settings
from pdl_site.errors import SiteError
from pdl_site.repository import repository_url
from pdl_site.takeaway import archive

if TYPE_CHECKING:
    from pdl_site.script import Chapter


class _Loader(yaml.SafeLoader):
    """Reads the options of ``mkdocs.yml``; tags of other plugins become nothing."""


_Loader.add_multi_constructor("", lambda _loader, _suffix, _node: None)
_Loader.add_constructor("!ENV", construct_env_tag)


def read_settings(config: Path) -> Settings:
    """Read the plugin's options from ``mkdocs.yml`` without loading MkDocs.

    Args:
        config: The file.

    Returns:
        The settings of the book.

    Raises:
        SiteError: If the file can not be read or does not name the plugin.
    """
    try:
        data = yaml.load(config.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise SiteError(f"can not be read: {error.strerror}", path=str(config)) from error
    except yaml.YAMLError as error:
        raise SiteError(f"is not YAML: {error}", path=config.name) from error
    options = _options(data)
    if options is None:
        raise SiteError("does not list the plugin pdl_site", path=config.name)
    root = config.resolve().parent
    site_url = str(data.get("site_url") or "").rstrip("/")
    plain = (
        "jobs",
        "threads",
        "cell_timeout",
        "chapter_timeout",
        "library",
        "ground",
        "find_data",
        "branch",
        "install",
    )
    return Settings(
        root=root,
        tutorials=root / options.get("tutorials", "tutorials"),
        sources=tuple(root / folder for folder in options.get("sources", ["src"])),
        cache=root / (os.environ.get("PDL_SITE_CACHE") or options.get("cache", ".cache/pdl_site")),
        packages=tuple(options.get("packages", [])),
        dark={light.lower(): dark for light, dark in options.get("dark", {}).items()},
        site_url=f"{site_url}/{options.get('uri', 'learn')}" if site_url else "",
        repo_url=data.get("repo_url") or repository_url(root),
        exercises=EXERCISES if _options(data, "mkdocs-jupyter") is not None else "",
        **{key: options[key] for key in plain if key in options},
    )


def _options(data: Any, name: str = "pdl_site") -> dict[str, Any] | None:
    """Find a plugin's options in a list of plugins or in a mapping."""
    plugins = data.get("plugins") if isinstance(data, dict) else None
    if isinstance(plugins, dict):
        plugins = [{key: options} for key, options in plugins.items()]
    for plugin in plugins or []:
        if plugin == name:
            return {}
        if isinstance(plugin, dict) and name in plugin:
            return plugin[name] or {}
    return None


def main(arguments: list[str] | None = None) -> int:
    """Run chapters, or write their pages into a folder.

    Args:
        arguments: Command line without the program's name.

    Returns:
        Exit status: 0, 1 with the fault as the last line on stderr, or 130 after Ctrl-C.
    """
    parser = argparse.ArgumentParser(prog="python -m pdl_site", description=__doc__)
    parser.add_argument("-f", "--config", type=Path, default=Path("mkdocs.yml"))
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="run the chapters that are stale")
    run.add_argument("names", nargs="*", help="only these chapters")
    export = commands.add_parser("export", help="write Markdown, images and notebooks into DIR")
    export.add_argument("folder", type=Path, metavar="DIR")
    pack = commands.add_parser("pack", help="put the folder DIR into the zip archive FILE")
    pack.add_argument("folder", type=Path, metavar="DIR")
    pack.add_argument("file", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        if options.command == "pack":
            pack_folder(options.folder, options.file)
            return 0
        book = Book(read_settings(options.config))
        chosen = choose(book.chapters(), getattr(options, "names", []))
        entries = book.entries(chosen)
        ran = book.run(entries)
        sys.stdout.write(f"{ran} of {len(chosen)} chapters ran\n")
        if options.command == "export":
            write(book, options.folder)
    except (SiteError, OSError) as error:
        detail = getattr(error, "detail", "")
        sys.stderr.write(f"{detail}\n{error}\n" if detail else f"{error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def choose(chapters: list[Chapter], names: list[str]) -> list[Chapter]:
    """Pick chapters by name.

    Args:
        chapters: All chapters.
        names: Names of the wanted ones; none means all.

    Returns:
        The wanted chapters in reading order.

    Raises:
        SiteError: If a name belongs to no chapter.
    """
    if unknown := sorted(set(names) - {chapter.name for chapter in chapters}):
        known = ", ".join(chapter.name for chapter in chapters)
        raise SiteError(f"no chapter is named {unknown[0]!r}; there are {known}")
    return [chapter for chapter in chapters if not names or chapter.name in names]


def pack_folder(folder: Path, file: Path) -> None:
    """Put a folder into a zip archive.

    Args:
        folder: The folder; the archive has it at its root.
        file: Where to write; the same content gives the same bytes.

    Raises:
        SiteError: If the folder has no file.
    """
    paths = [path for path in folder.rglob("*") if path.is_file()]
    if not paths:
        raise SiteError(f"there is nothing to pack in {folder}")
    content = {
        f"{folder.name}/{path.relative_to(folder).as_posix()}": path.read_bytes() for path in paths
    }
    file.write_bytes(archive(content))
    sys.stdout.write(f"{file}: {len(paths)} files, {file.stat().st_size // 1000} kB\n")


def write(book: Book, folder: Path) -> None:
    """Write all rendered chapters into a folder.

    Args:
        book: The book, all of whose chapters have run.
        folder: Where to write; made if needed.
    """
    for entry in book.entries():
        page = book.render(entry)
        beside = folder / entry.chapter.name
        beside.mkdir(parents=True, exist_ok=True)
        (folder / f"{entry.chapter.name}.md").write_text(page.markdown, encoding="utf-8")
        for name, content in page.files.items():
            (beside / name).write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
