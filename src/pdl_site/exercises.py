"""The exercises of a chapter as a notebook of their own: what they stand on, and empty cells."""

from __future__ import annotations

import functools
import json
from typing import TYPE_CHECKING, NamedTuple

import nbformat

from pdl_site.notebook import install_cell, new_notebook, plain_markdown, with_id
from pdl_site.prose import fill
from pdl_site.record import values_of
from pdl_site.slicing import names_in, needed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pdl_site.record import Record
    from pdl_site.script import Cell, Chapter

BEFORE = """## What the exercises stand on

These cells are taken from the chapter. Run them first."""


_needed = functools.lru_cache(maxsize=64)(needed)  # an edit of prose leaves the code as it was


class Exercise(NamedTuple):
    """One exercise and what answers it.

    Attributes:
        task: The cell that sets it.
        given: Code that belongs to the task.
        solution: Code that solves it, cell by cell.
        checks: Cells that hold a solution against what it must do, once it is there.
    """

    task: Cell
    given: tuple[Cell, ...] = ()
    solution: tuple[Cell, ...] = ()
    checks: tuple[Cell, ...] = ()


def exercises_of(chapter: Chapter) -> list[Exercise]:
    """Find the exercises of a chapter.

    A check is given to the reader where it looks at names that a solution binds. A check that
    stands alone is the solution itself, and is kept back.

    Args:
        chapter: The chapter.

    Returns:
        Its exercises, in order.
    """
    found: list[Exercise] = []
    bound: set[str] = set()
    for cell in chapter.cells:
        if "exercise" in cell.tags:
            found.append(Exercise(cell))
        elif found and cell.kind == "code":
            last = found[-1]
            names = names_in(cell.source)
            if "solution" not in cell.tags:
                if not last.solution:
                    found[-1] = last._replace(given=(*last.given, cell))
            elif last.solution and "check" in cell.tags and names.needs & bound:
                found[-1] = last._replace(checks=(*last.checks, cell))
            else:
                found[-1] = last._replace(solution=(*last.solution, cell))
                bound |= names.binds
    return found


def exercise_notebook(chapter: Chapter, record: Record | None, *, site_url: str = "",
                      install: str = "") -> bytes:  # fmt: skip
    """Make the notebook with the exercises of a chapter, without their solutions.

    Args:
        chapter: The chapter.
        record: Its run, for the values in the prose.
        site_url: Address of the folder of the chapters' pages.
        install: Requirement that installs the library, put into a first cell.

    Returns:
        A notebook in UTF-8, the same for the same input; empty when there is no exercise.
    """
    exercises = exercises_of(chapter)
    if not exercises:
        return b""
    values = values_of(chapter, record)
    notebook = new_notebook(f"Exercises: {chapter.front.title}")
    link = f"[{chapter.front.title}]({chapter.name}.py)"
    head = (
        f"# Exercises: {chapter.front.title}\n\nTo the chapter {link}. Each exercise has an empty "
        "cell. Where a check follows it, the check says whether your answer holds. The solutions "
        "are in the chapter, folded under each exercise."
    )
    _add(notebook, "markdown", plain_markdown(head, site_url), "title")
    if install:
        notebook.cells.append(install_cell(install))
    if groundwork := groundwork_of(chapter, exercises):
        _add(notebook, "markdown", BEFORE, "before")
        for cell in groundwork:
            _add(notebook, "code", cell.source, f"cell-{cell.number:03d}")
    known: set[str] = set()
    for number, exercise in enumerate(exercises, start=1):
        task = exercise.task
        text = fill(task.source, values.get(task.number, ["…"] * len(task.expressions)))
        text = text.replace("### ", "## ", 1)
        _add(notebook, "markdown", plain_markdown(text, site_url), f"task-{number}")
        for cell in exercise.given:
            _add(notebook, "code", cell.source, f"cell-{cell.number:03d}")
        _add(notebook, "code", _empty(exercise, known), f"answer-{number}")
        for check in exercise.checks:
            _add(notebook, "code", check.source, f"cell-{check.number:03d}")
    return (json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def groundwork_of(chapter: Chapter, exercises: Sequence[Exercise]) -> list[Cell]:
    """Find the cells of a chapter that its exercises stand on.

    Args:
        chapter: The chapter.
        exercises: Its exercises.

    Returns:
        Those cells, in order.
    """
    first = exercises[0].task.number
    earlier = [cell for cell in chapter.code_cells if cell.number < first]
    parts = [cell for one in exercises for cell in (*one.given, *one.solution, *one.checks)]
    later = tuple(cell.source for cell in parts)
    always = tuple(place for place, cell in enumerate(earlier) if "leaves-files" in cell.tags)
    places = _needed(tuple(cell.source for cell in earlier), later, always=always)
    return [earlier[place] for place in places]


def _empty(exercise: Exercise, known: set[str]) -> str:
    """The cell for an answer: it says by which names the check knows the answer."""
    bound = names_in("\n".join(cell.source for cell in exercise.solution)).binds
    needs = {name for check in exercise.checks for name in names_in(check.source).needs}
    known |= bound
    wanted = needs & bound or needs & known
    if not wanted:
        return "# Your answer\n"
    return f"# Your answer. The check looks at: {', '.join(sorted(wanted))}\n"


def _add(notebook: nbformat.NotebookNode, kind: str, source: str, name: str) -> None:
    cell: nbformat.NotebookNode
    if kind == "code":
        cell = nbformat.v4.new_code_cell(source)
    else:
        cell = nbformat.v4.new_markdown_cell(source)
    notebook.cells.append(with_id(cell, name))
