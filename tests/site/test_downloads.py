"""Does what a reader downloads run, in a fresh kernel, in an empty folder, on another day?"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import nbformat
import pytest

from pdl_site.exercises import exercises_of
from pdl_site.script import read_chapter

TUTORIALS = sorted((Path(__file__).parents[2] / "tutorials").glob("*.py"))
WITH_EXERCISES = [path for path in TUTORIALS if '"exercise"' in path.read_text(encoding="utf-8")]
# In a child: nbclient wants an event loop of its own, and the browser's tests hold one here.
RUN = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
quiet = [cell for cell in notebook.cells if "stderr" not in cell.metadata.get("tags", [])]
outputs = [output for cell in quiet for output in cell.get("outputs", [])]
sys.exit("".join(o.text for o in outputs if o.get("name") == "stderr") or None)
"""


def run(notebook: Path, folder: Path) -> str:
    """Run a notebook in a fresh kernel in a folder; return the end of what went wrong."""
    local = {"MPLBACKEND": "module://matplotlib_inline.backend_inline", "TQDM_DISABLE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(notebook)],
        cwd=folder,
        env={**os.environ, **local},
        capture_output=True,
        text=True,
        check=False,
        timeout=380,
    )
    return done.stderr[-3000:] if done.returncode else ""


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", ["00_fundamentals", "02_classification", "own_pictures"])
def test_the_notebook_runs_clean(name: str, site: Path, tmp_path: Path) -> None:
    """One that only computes, one with many figures, one with files and error output.

    Of the others it is enough that their cells are those of the script: that runs by itself in
    tests/tutorials, and in a kernel in the build.
    """
    assert run(site / "learn" / name / f"{name}.ipynb", tmp_path) == ""


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.parametrize("script", WITH_EXERCISES, ids=lambda path: path.stem)
def test_the_exercises_can_be_solved_where_they_stand(
    script: Path, site: Path, tmp_path: Path
) -> None:
    """With its solutions filled in, the notebook has all it stands on, and all checks hold."""
    path = site / "exercises" / script.stem / f"{script.stem}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    exercises = exercises_of(read_chapter(script))
    answers = {cell.id: cell for cell in notebook.cells if cell.id.startswith("answer-")}
    assert list(answers) == [f"answer-{number}" for number in range(1, len(exercises) + 1)]
    for answer, exercise in zip(answers.values(), exercises, strict=True):
        answer.source = "\n\n".join(cell.source for cell in exercise.solution)
    nbformat.write(notebook, tmp_path / path.name)

    assert run(tmp_path / path.name, tmp_path) == ""


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_the_notebook_has_the_code_of_the_script(script: Path, site: Path) -> None:
    path = site / "learn" / script.stem / f"{script.stem}.ipynb"
    cells = nbformat.read(path, as_version=4).cells
    offered = [cell.source.strip() for cell in cells if cell.cell_type == "code"]

    assert offered == [cell.source.strip() for cell in read_chapter(script).code_cells]


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_the_script_is_the_source(script: Path, site: Path) -> None:
    offered = site / "learn" / script.stem / script.name

    assert offered.read_bytes() == script.read_bytes()


@pytest.mark.parametrize("script", TUTORIALS, ids=lambda path: path.stem)
def test_the_notebook_carries_no_site_markup(script: Path, site: Path) -> None:
    """Admonitions, attribute lists and unfilled places mean nothing to a notebook viewer."""
    path = site / "learn" / script.stem / f"{script.stem}.ipynb"
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")

    assert cells
    for markup in ("\n!!! ", "\n??? ", "{{ ", "{ .", "\n=== "):
        assert markup not in prose


def test_one_archive_has_every_chapter(site: Path) -> None:
    with zipfile.ZipFile(site / "downloads/chapters.zip") as packed:
        names = {f"pdl/{path.stem}.{kind}" for path in TUTORIALS for kind in ("py", "ipynb")}
        names |= {f"pdl/exercises/{path.stem}.ipynb" for path in WITH_EXERCISES}
        assert set(packed.namelist()) == names
        for path in TUTORIALS:
            assert packed.read(f"pdl/{path.name}") == path.read_bytes()


def test_the_list_of_pages_is_that_of_the_sitemap(site: Path) -> None:
    listed = re.findall(r"^- \[.+?\]\((.+?)\)", (site / "llms.txt").read_text(), re.MULTILINE)
    mapped = re.findall(r"<loc>(.+?)</loc>", (site / "sitemap.xml").read_text())

    assert len(listed) == len(set(listed)) > 20
    assert set(listed) == set(mapped)
    assert "](http" in (site / "llms.txt").read_text()
