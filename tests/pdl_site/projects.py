"""How do the tests of the page pipeline make chapters and small projects?"""

import os
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pdl_site.book import Book, Settings
from pdl_site.kernel import RunOptions
from pdl_site.record import Record
from pdl_site.script import Chapter, parse_chapter

KEY = "0" * 24
FRONT = {"title": "A", "description": "One.", "order": 0, "level": "beginner", "minutes": 1}
TIMEOUT = 60
"""Seconds after which a build of a test counts as hanging."""
CONFIG = """\
site_name: T
theme: {name: null, custom_dir: theme}
markdown_extensions: [attr_list, md_in_html, tables]
plugins:
  - pdl_site: {jobs: 2}
"""
TEMPLATE = "<!doctype html><html><body>{{ page.content }}</body></html>"


def _header(meta: dict[str, Any]) -> str:
    return "".join(f" {key}={value!r}".replace("'", '"') for key, value in meta.items())


def code(source: str, **meta: Any) -> str:
    """A code cell; keyword arguments become the keys of its marker."""
    return f"# %%{_header(meta)}\n{textwrap.dedent(source).strip()}\n"


def prose(source: str, **meta: Any) -> str:
    """A Markdown cell."""
    lines = textwrap.dedent(source).strip().splitlines()
    body = "\n".join(f"# {line}".rstrip() for line in lines)
    return f"# %% [markdown]{_header(meta)}\n{body}\n"


def script(*cells: str, **front: Any) -> str:
    """A chapter's text: front matter, a title, and the cells."""
    head = yaml.safe_dump({**FRONT, **front}, sort_keys=False).splitlines()
    block = "\n".join(["# ---", *(f"# {line}" for line in head), "# ---"])
    return "\n".join([block, prose("# A"), *cells])


def parse(text: str, name: str = "a") -> Chapter:
    """Parse a text as ``tutorials/NAME.py``."""
    path = f"tutorials/{name}.py"
    return parse_chapter(text, Path(path), path)


def chapter(*cells: str, **front: Any) -> Chapter:
    """A parsed chapter of these cells; the title is cell 1."""
    return parse(script(*cells, **front))


def options(root: Path, **changes: Any) -> RunOptions:
    """Options for a run that no test waits long for."""
    return RunOptions(**{"root": root, "cell_timeout": 30, "chapter_timeout": 50, **changes})


def record(outputs: Any = (), values: Any = (), **facts: Any) -> Record:
    """A record as a run would leave it."""
    known = {
        "device": "CPU",
        "threads": 1,
        "peak_memory_mb": 90,
        "started": "2026-01-02T03:04:05Z",
        "seconds": 1.5,
        "python": "3.11.7",
        "packages": {},
        "commit": "abc",
        "data": [],
    }
    return Record(KEY, "a", tuple(outputs), tuple(values), {**known, **facts})


@dataclass(frozen=True)
class Project:
    """A small project in a temporary folder."""

    root: Path

    def write(self, path: str, text: str) -> Path:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text), encoding="utf-8")
        return file

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8")

    def book(self, **changes: Any) -> Book:
        known = {
            "root": self.root,
            "tutorials": self.root / "tutorials",
            "sources": (self.root / "src",),
            "cache": self.root / ".cache/pdl_site",
            "cell_timeout": 30,
            "chapter_timeout": 50,
        }
        return Book(Settings(**{**known, **changes}))

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "mkdocs", "build", "--strict", *arguments]

    def environment(self, **changes: str) -> dict[str, str]:
        quiet = {"NO_MKDOCS_2_WARNING": "1", "DISABLE_MKDOCS_2_WARNING": "true"}
        kept = {key: value for key, value in os.environ.items() if not key.startswith("PDL_SITE")}
        return {**kept, **quiet, **changes}

    def build(self, *arguments: str, **changes: str) -> subprocess.CompletedProcess[str]:
        """Run ``mkdocs build --strict`` in a process of its own."""
        return self.call(self.command(*arguments), **changes)

    def call(self, command: list[str], **changes: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=self.root,
            env=self.environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )

    def start(self, *arguments: str, **changes: str) -> subprocess.Popen[str]:
        """Start a build and go on."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.root,
            env=self.environment(**changes),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def page(self, name: str = "a", site: str = "site") -> str:
        return self.read(f"{site}/learn/{name}/index.html")


def make_project(root: Path, *cells: str, config: str = CONFIG, **front: Any) -> Project:
    """Make a project with a home page and, of the cells, the chapter ``tutorials/a.py``."""
    project = Project(root)
    project.write("mkdocs.yml", config)
    project.write("theme/main.html", TEMPLATE)
    project.write("docs/index.md", "# Home\n")
    project.write("tutorials/a.py", script(*cells, **front))
    (root / "src").mkdir(exist_ok=True)
    return project


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The last line that a build printed: what the author reads first."""
    return done.stdout.strip().splitlines()[-1]


def find_for_test(entry: dict[str, Any]) -> dict[str, Any]:
    """What the option ``find_data`` of a test names."""
    return {"fingerprint": f"print of {entry['name']}"}
