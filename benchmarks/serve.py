"""How long until an edit is on the page, and which chapters does it run again?

Works on a copy of the project in a temporary folder, with a live server of its own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import report

REPO = Path(__file__).parents[1]
COPIED = ("mkdocs.yml", "pyproject.toml", "docs", "overrides", "src", "tutorials")
PATIENCE = 900
"""Seconds to wait for anything."""
SHOWN = 3
"""More chapters than these are counted, not named."""


@dataclass(frozen=True)
class Edit:
    """One change to a file, and the text by which its page shows that it took effect.

    Attributes:
        name: What a person would call it.
        file: The file, from the project's root.
        change: Function of the file's text that returns the new text.
        page: Page to watch.
        sign: Text that the page has only after the edit; empty when nothing visible changes.
    """

    name: str
    file: str
    change: Callable[[str], str]
    page: str = ""
    sign: str = ""


def after_first(pattern: str, addition: str) -> Callable[[str], str]:
    """Add text behind the first match of a pattern."""

    def change(text: str) -> str:
        match = re.search(pattern, text, re.MULTILINE)
        if match is None:
            raise SystemExit(f"nothing matches {pattern!r}; the benchmark needs another place")
        return text[: match.end()] + addition + text[match.end() :]

    return change


def at_the_end(addition: str) -> Callable[[str], str]:
    """Add text to the end of a file."""
    return lambda text: f"{text}\n{addition}\n"


def edits(chapter: str, modules: list[str]) -> list[Edit]:
    """List the edits to measure, in one chapter and in some modules of the library."""
    script, page = f"tutorials/{chapter}.py", f"learn/{chapter}/"
    prose, code = r"^# # .+\n#\n# ", r"^# %%(?! \[markdown\]).*\n(?!# )"
    chapter_edits = [
        ("a sentence in a chapter", prose, "Sentence one. ", "Sentence one."),
        ("a comment in its code", code, "# remark two\n", "remark two"),
        ("code in the chapter", code, "edited_three = 3\n", "edited_three"),
    ]
    return [
        *(
            Edit(name, script, after_first(place, addition), page, sign)
            for name, place, addition, sign in chapter_edits
        ),
        Edit(
            "a sentence in a hand-written page",
            "docs/setup.md",
            at_the_end("Sentence four."),
            "setup/",
            "Sentence four.",
        ),
        Edit(
            "a docstring in `pdl.engine`",
            "src/pdl/engine.py",
            after_first(r'^"""', "Docstring five. "),
        ),
        *(
            Edit(
                f"code in `pdl.{module.replace('/', '.')}`",
                f"src/pdl/{module}.py",
                at_the_end("_EDITED = 6"),
            )
            for module in modules
        ),
    ]


def get(url: str) -> str:
    """Fetch a page; empty while it is not there."""
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            return str(answer.read().decode())
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return ""


def wait_for(condition: Callable[[], bool], what: str) -> float:
    """Wait until something holds; return the seconds it took."""
    started = time.perf_counter()
    while not condition():
        if time.perf_counter() - started > PATIENCE:
            raise SystemExit(f"gave up waiting for {what}")
        time.sleep(0.02)
    return time.perf_counter() - started


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a copy of the project live; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "NO_MKDOCS_2_WARNING": "1"}
    command = [sys.executable, "-m", "mkdocs", "serve", "--dev-addr", f"127.0.0.1:{port}"]
    with (folder / "serve.log").open("w") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
        try:
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(timeout=30)


def runs(base: str, chapters: list[str]) -> dict[str, str]:
    """The key and time of the run that each chapter's page shows; empty while it is stale."""
    found = {}
    for chapter in chapters:
        facts = get(f"{base}learn/{chapter}/run.json")
        stale = 'class="pdl-notice' in (get(f"{base}learn/{chapter}/") or 'class="pdl-notice')
        found[chapter] = "" if stale or not facts else json.loads(facts)["started"]
    return found


def measure(edit: Edit, folder: Path, base: str, chapters: list[str]) -> dict[str, object]:
    """Make one edit and watch what follows."""
    log = folder / "serve.log"
    before = runs(base, chapters)
    builds = log.read_text().count("Documentation built")
    file = folder / edit.file
    text = edit.change(file.read_text(encoding="utf-8"))
    started = time.perf_counter()
    file.write_text(text, encoding="utf-8")
    if edit.sign:
        wait_for(lambda: edit.sign in get(base + edit.page), f"the page after {edit.name}")
    else:
        wait_for(lambda: log.read_text().count("Documentation built") > builds, edit.name)
    shown = time.perf_counter() - started
    wait_for(lambda: all(runs(base, chapters).values()), f"outputs after {edit.name}")
    settled = time.perf_counter() - started
    after = runs(base, chapters)
    again = [chapter for chapter in chapters if after[chapter] != before[chapter]]
    return {
        "edit": edit.name,
        "shown": round(shown, 2),
        "again": again,
        "settled": round(settled, 1) if again else None,
    }


def table(rows: list[dict[str, object]], total: int) -> str:
    """Write the measurements as a Markdown table."""
    head = ("edit of", "on the page after", "chapters that run again", "their outputs after")
    lines = []
    for row in rows:
        again = row["again"]
        names = "none"
        if isinstance(again, list) and again:
            names = ", ".join(again) if len(again) <= SHOWN else f"{len(again)} of {total}"
        settled = f"{row['settled']} s" if row["settled"] else ""
        lines.append((row["edit"], f"{row['shown']} s", names, settled))
    return report.table(head, lines)


def copy_project(folder: Path) -> None:
    """Copy what a build needs, and the runs that are kept already."""
    for name in (*COPIED, ".cache/pdl_site"):
        source, target = REPO / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.is_file():
            shutil.copy2(source, target)


def main() -> None:
    """Measure all edits and print the table."""
    parser = report.parser(__doc__, rounds=1)
    parser.add_argument("--chapter", default="01_workflow", help="the chapter to edit")
    parser.add_argument(
        "--modules",
        nargs="+",
        default=["engine", "data/toy", "plotting", "errors"],
        help="the modules to edit; minutes for each that many chapters import",
    )
    options = parser.parse_args()
    chapters = sorted(path.stem for path in (REPO / "tutorials").glob("*.py"))
    with tempfile.TemporaryDirectory(prefix="serve-") as temporary:
        folder = Path(temporary) / "book"
        copy_project(folder)
        with served(folder) as base:
            wait_for(lambda: all(runs(base, chapters).values()), "the site")
            todo = edits(options.chapter, options.modules)
            rows = [measure(edit, folder, base, chapters) for edit in todo]
    by_name = {str(row["edit"]): row for row in rows}
    code, prose = by_name["code in the chapter"], by_name["a sentence in a chapter"]
    found = report.Report(
        rows=[report.Row(f"serve: {r['edit']}", float(str(r["shown"])), "s") for r in rows],
        ratios={"serve.prose_vs_running": float(str(code["settled"])) / float(str(prose["shown"]))},
    )
    report.tell(found, table(rows, len(chapters)), options, "serve")


if __name__ == "__main__":
    main()
