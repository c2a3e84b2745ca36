"""Lead every chapter down the street: read, key, run what is not kept, render."""

from __future__ import annotations

import concurrent.futures
import importlib
import itertools
import json
import logging
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pdl_site import key as keys
from pdl_site.errors import SiteError
from pdl_site.execute import run_chapter
from pdl_site.exercises import exercise_notebook
from pdl_site.imports import ModuleMap
from pdl_site.kernel import RunOptions, kill_kernels
from pdl_site.notebook import to_notebook
from pdl_site.record import Record, RunCache
from pdl_site.render import Context, Page, render
from pdl_site.runcard import duration, run_card, run_facts, run_json
from pdl_site.script import Chapter, read_chapter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

log = logging.getLogger("mkdocs.plugins.pdl_site")
EXERCISES = "exercises"
"""Folder of the pages with exercise notebooks, in the site and in the archive of all notebooks."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a book is made of and how.

    Attributes:
        root: The project's root.
        tutorials: Folder of the scripts.
        sources: Folders of the project's packages.
        cache: Folder of kept runs.
        jobs: Chapters run at once; 0 for one per processor.
        threads: Threads of the numeric libraries in each kernel; another number gives other bits.
        cell_timeout: Longest time of one cell in seconds.
        chapter_timeout: Longest time of one chapter in seconds.
        packages: Distributions whose versions are shown and make old outputs stale.
        library: Package whose objects the pages link to.
        dark: Dark color by light color, for the twins of drawings.
        ground: Color under photos.
        find_data: ``module:function`` that finds a data set by its entry in the front matter.
        site_url: Address of the folder of the chapters' pages.
        repo_url: Address of the repository.
        branch: Branch from which Colab opens a notebook.
        exercises: Folder of the pages with exercise notebooks; empty when there are none.
        install: Name of the project's own distribution, with the extras that chapters need.
    """

    root: Path
    tutorials: Path
    sources: tuple[Path, ...]
    cache: Path
    jobs: int = 0
    threads: int = 1
    cell_timeout: int = 120
    chapter_timeout: int = 600
    packages: tuple[str, ...] = ()
    library: str = ""
    dark: Mapping[str, str] = field(default_factory=dict)
    ground: str = "#ffffff"
    find_data: str = ""
    site_url: str = ""
    repo_url: str = ""
    branch: str = "gh-pages"
    exercises: str = ""
    install: str = ""


@dataclass(frozen=True)
class Entry:
    """A chapter, its key, and the best record there is.

    Attributes:
        chapter: The chapter.
        key: Key of a true run.
        facts: Facts of its data.
        record: The true run, else the newest old one, else None.
    """

    chapter: Chapter
    key: str
    facts: list[dict[str, Any]]
    record: Record | None

    @property
    def fresh(self) -> bool:
        """Whether the record is true to the code as it stands."""
        return self.record is not None and self.record.key == self.key


class Book:
    """All chapters of a project.

    Args:
        settings: Where everything is.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.cache = RunCache(settings.cache)
        self.modules = ModuleMap(settings.sources)

    def chapters(self) -> list[Chapter]:
        """Read all scripts.

        Returns:
            The chapters in reading order.

        Raises:
            SiteError: If one can not be read, or two share a place or a figure's name.
        """
        paths = sorted(self.settings.tutorials.glob("*.py"))
        if not paths:
            raise SiteError(f"there is no chapter (*.py) in {self.settings.tutorials}")
        found = sorted(
            (read_chapter(path, self.settings.root) for path in paths),
            key=lambda chapter: (chapter.front.order, chapter.name),
        )
        for first, second in itertools.pairwise(found):
            if first.front.order == second.front.order:
                raise SiteError(
                    f"order {second.front.order} is taken by {first.label}",
                    path=second.label,
                    line=1,
                )
        names = {chapter.name for chapter in found}
        for chapter in found:
            if unknown := sorted(set(chapter.front.needs) - names):
                raise SiteError(
                    f"needs {unknown[0]!r}, which is no chapter", path=chapter.label, line=1
                )
        return found

    def entries(self, chapters: Iterable[Chapter] | None = None) -> list[Entry]:
        """Find what is known of chapters, by one look at all that they share.

        Args:
            chapters: The chapters; all in reading order if not given.

        Returns:
            One entry for each chapter.

        Raises:
            SiteError: If a chapter, or a module that one reaches, can not be read, or data are
                missing.
        """
        settings = self.settings
        self.modules = ModuleMap(settings.sources)
        versions, device = keys.versions(settings.packages), keys.accelerator()
        resolve = self._resolver()
        found = []
        for chapter in self.chapters() if chapters is None else chapters:
            facts = keys.data_facts(chapter, settings.root, resolve)
            key = keys.chapter_key(
                chapter,
                modules=self.modules,
                packages=versions,
                data=facts,
                device=device,
                options=(settings.threads, settings.ground),
            )
            record = self.cache.load(chapter.name, key) or self.cache.latest(chapter.name)
            found.append(Entry(chapter, key, facts, record))
        return found

    def true_entries(self) -> list[Entry]:
        """Find all chapters once more after a run.

        Returns:
            One entry for each chapter in reading order, each with a record true to its code.

        Raises:
            SiteError: If a chapter, a module or data changed meanwhile.
        """
        entries = self.entries()
        for entry in entries:
            if not entry.fresh:
                message = "changed while it ran, or what it uses did; build again"
                raise SiteError(message, path=entry.chapter.label)
        return entries

    def run(self, entries: Sequence[Entry], done: Callable[[Entry], None] | None = None) -> int:
        """Run the chapters whose kept outputs are missing or stale, several at a time.

        Args:
            entries: Chapters in the order in which they shall run.
            done: Called after each run, from the thread that made it.

        Returns:
            How many were run.

        Raises:
            SiteError: The first failure, when all running chapters have ended.
        """
        stale = [entry for entry in entries if not entry.fresh]
        if not stale:
            return 0
        self.cache.prepare()
        jobs = min(self.settings.jobs or os.cpu_count() or 1, len(stale))
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            futures = [pool.submit(self._run_one, entry, done) for entry in stale]
            try:
                finished, _ = concurrent.futures.wait(
                    futures, return_when=concurrent.futures.FIRST_EXCEPTION
                )
            except BaseException:  # Ctrl-C: do not wait for the chapters that run
                pool.shutdown(wait=False, cancel_futures=True)
                kill_kernels()
                raise
            errors = [error for future in finished if (error := future.exception())]
            if errors:
                pool.shutdown(wait=True, cancel_futures=True)
        failures = [f.exception() for f in futures if not f.cancelled() and f.exception()]
        for other in failures[1:]:
            log.error("%s", other)
        if failures and failures[0] is not None:
            raise failures[0]
        return len(stale)

    def render(self, entry: Entry, notice: str = "") -> Page:
        """Render a chapter and the files that stand beside its page.

        Args:
            entry: The chapter.
            notice: A line to put under the title, about outputs that are missing or old.

        Returns:
            The page.
        """
        chapter, record, settings = entry.chapter, _fitting(entry), self.settings
        library = f"{settings.library}."
        uses = [
            {
                name
                for name in names
                # constants, such as a table of colors, are no help to look up
                if settings.library
                and name.startswith(library)
                and not name.split(".")[-1].isupper()
            }
            for names in self.modules.used_names(cell.source for cell in chapter.code_cells)
        ]
        card = ""
        files = {
            f"{chapter.name}.ipynb": to_notebook(
                chapter, record, site_url=settings.site_url, install=self._requirement()
            ),
            f"{chapter.name}.py": chapter.text.encode(),
        }
        if record is not None:
            facts = run_facts(chapter, record)
            subject = settings.packages[0] if settings.packages else ""
            card = run_card(facts, subject=subject, links=self._links(chapter))
            files["run.json"] = run_json(facts)
        page = render(
            chapter,
            record,
            Context(dark=settings.dark, uses=uses, card=card, notice=notice),
        )
        return Page(page.markdown, {**page.files, **files}, page.figures)

    def exercises(self, entry: Entry) -> bytes:
        """Make the notebook with the exercises of a chapter.

        Args:
            entry: The chapter.

        Returns:
            The notebook; empty when the chapter has no exercise or the site no place for it.
        """
        if not self.settings.exercises:
            return b""
        site_url, install = self.settings.site_url, self._requirement()
        return exercise_notebook(entry.chapter, _fitting(entry), site_url=site_url, install=install)

    def colab(self, path: str) -> str:
        """Find where Colab opens a notebook of the site.

        Args:
            path: The notebook's path in the site.

        Returns:
            The address; empty when the project is not on GitHub.
        """
        prefix = "https://github.com/"
        if not self.settings.repo_url.startswith(prefix):
            return ""
        repo = self.settings.repo_url.removeprefix(prefix).strip("/")
        blob = f"{repo}/blob/{self.settings.branch}/{path}"
        return f"https://colab.research.google.com/github/{blob}"

    def _run_one(self, entry: Entry, done: Callable[[Entry], None] | None) -> None:
        chapter = entry.chapter
        with self.cache.lock(chapter.name):
            if self.cache.load(chapter.name, entry.key) is None:
                log.info("Running %s", chapter.label)
                options = RunOptions(
                    root=self.settings.root,
                    sources=self.settings.sources,
                    cell_timeout=self.settings.cell_timeout,
                    chapter_timeout=self.settings.chapter_timeout,
                    threads=self.settings.threads,
                    ground=self.settings.ground,
                )
                record = run_chapter(chapter, entry.key, options)
                record.facts["packages"] = keys.versions(self.settings.packages)
                record.facts["commit"] = commit(self.settings.root)
                record.facts["data"] = entry.facts
                self.cache.save(record)
                log.info("Ran %s in %s", chapter.label, duration(record.facts["seconds"]))
        if done is not None:
            done(entry)

    def _resolver(self) -> Callable[[Mapping[str, Any]], dict[str, Any]] | None:
        if not self.settings.find_data:
            return None
        module, _, function = self.settings.find_data.partition(":")
        try:
            resolve = getattr(importlib.import_module(module), function)
        except (ImportError, AttributeError) as error:
            raise SiteError(
                "option 'find_data' must be 'module:function', "
                f"got {self.settings.find_data!r}: {error}"
            ) from error
        known: dict[str, dict[str, Any]] = {}  # chapters share data sets

        def resolve_once(entry: Mapping[str, Any]) -> dict[str, Any]:
            asked = json.dumps(entry, sort_keys=True, default=str)
            if asked not in known:
                known[asked] = resolve(entry)
            return known[asked]

        return resolve_once

    def _requirement(self) -> str:
        if not self.settings.repo_url or not self.settings.library:
            return ""
        name = f"{self.settings.install} @ " if self.settings.install else ""
        return f"{name}git+{self.settings.repo_url}"

    def _links(self, chapter: Chapter) -> str:
        name = chapter.name
        links = [
            f"[Notebook]({name}/{name}.ipynb){{ download='{name}.ipynb' }}",
            f"[Script]({name}/{name}.py){{ download='{name}.py' }}",
        ]
        if address := self.colab(f"learn/{name}/{name}.ipynb"):
            links.append(f"[Open in Colab]({address})")
        if self.settings.exercises and any("exercise" in cell.tags for cell in chapter.cells):
            links.append(f"[Exercises](../{self.settings.exercises}/{name}.ipynb)")
        return " · ".join(links)


def commit(root: Path) -> str:
    """Name the commit of a work tree.

    Args:
        root: Folder in it.

    Returns:
        Its short hash, or an empty string outside a repository.
    """
    command = ["git", "-C", str(root), "rev-parse", "--short=10", "HEAD"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return found.stdout.strip()


def total_checks(entries: Iterable[Entry]) -> int:
    """Count the claims that the chapters check.

    Args:
        entries: The chapters.

    Returns:
        Number of cells tagged ``check``.
    """
    return sum("check" in cell.tags for entry in entries for cell in entry.chapter.cells)


def _fitting(entry: Entry) -> Record | None:
    """The record, if it can be laid over the cells of the chapter as it stands now."""
    chapter, record = entry.chapter, entry.record
    if record is None:
        return None
    computed = [len(cell.expressions) for cell in chapter.cells if cell.expressions]
    has_values = [len(values) for values in record.values] == computed
    return record if has_values and len(record.outputs) == len(chapter.code_cells) else None
