"""The exercises of a chapter as a notebook of their own: what they stand on, and empty cells."""

from __future__ import annotations

import ast
import functools
import json
import textwrap
from typing import TYPE_CHECKING, NamedTuple

import nbformat

from pdl_site.notebook import install_cell, new_notebook, plain_markdown, with_id
from pdl_site.prose import fill
from pdl_site.record import values_of
from pdl_site.runcard import duration
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
        "cell. Where a check follows it, the check says whether your answer holds. It looks for "
        "the names that the empty cell lists, so use those. A check that says nothing is content. "
        "An `AssertionError` points at the line that does not hold; the comment on top of the "
        "check says what was expected, and printing both sides of the line shows how far off "
        "you are. The solutions are in the chapter, folded under each exercise."
    )
    _add(notebook, "markdown", plain_markdown(head, site_url), "title")
    if install:
        notebook.cells.append(install_cell(install))
    if groundwork := groundwork_of(chapter, exercises):
        text = BEFORE
        if record:
            time = duration(record.facts["seconds"])
            text += f" They are a part of the chapter, which ran in {time}."
        _add(notebook, "markdown", text, "before")
        for cell in groundwork:
            _add(notebook, "code", cell.source, f"cell-{cell.number:03d}")
    wanted = looked_at(exercises)
    for number, exercise in enumerate(exercises, start=1):
        task = exercise.task
        text = fill(task.source, values.get(task.number, ["…"] * len(task.expressions)))
        text = text.replace("### ", "## ", 1)
        _add(notebook, "markdown", plain_markdown(text, site_url), f"task-{number}")
        for cell in exercise.given:
            _add(notebook, "code", cell.source, f"cell-{cell.number:03d}")
        _add(notebook, "code", _empty(exercise, wanted[number - 1]), f"answer-{number}")
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


def looked_at(exercises: Sequence[Exercise]) -> list[list[str]]:
    """Find by which names the checks know the answers.

    Args:
        exercises: The exercises of a chapter.

    Returns:
        For each exercise the names that its answer must bind: for its own checks, and for those
        of later exercises that do not bind them again. A check that looks only at what an earlier
        answer made, such as a model that is trained now, asks for that.
    """
    names = [names_in("\n".join(cell.source for cell in one.solution)) for one in exercises]
    needs = [{n for cell in one.checks for n in names_in(cell.source).needs} for one in exercises]
    wanted = [need & name.binds for need, name in zip(needs, names, strict=True)]
    for place, need in enumerate(needs):
        earlier = set().union(*(name.binds for name in names[:place]))
        if not wanted[place]:
            wanted[place] = need & earlier
        for name in need & earlier - names[place].binds:
            last = max(before for before in range(place) if name in names[before].binds)
            wanted[last].add(name)
    return [sorted(each) for each in wanted]


def _empty(exercise: Exercise, wanted: Sequence[str]) -> str:
    """The cell for an answer: it says by which names the checks know the answer."""
    body = [node for cell in exercise.solution for node in ast.parse(cell.source).body]
    imports = _imports(body, wanted)
    given = names_in("\n".join(imports)).binds
    called = {node.name: node for node in body if isinstance(node, ast.FunctionDef)}
    told = dict(text.split(": ", 1) for text in exercise.task.answer)
    labels = {
        name: f"{name}({ast.unparse(called[name].args)})" if name in called else name
        for name in wanted
        if name not in given
    }
    if not labels:
        return "# Your answer\n"
    head = "".join(f"{line}\n" for line in imports) + ("\n" if imports else "")
    if not told:
        return f"{head}# Your answer. The check looks at: {', '.join(labels.values())}\n"
    lines = ["# Your answer. The check looks at:"]
    for name in sorted(labels, key=[*told, *labels].index):
        text = f"{labels[name]}: {told[name]}" if name in told else labels[name]
        lines += textwrap.wrap(text, 92, initial_indent="# - ", subsequent_indent="#   ")
    return head + "\n".join(lines) + "\n"


def _imports(body: Sequence[ast.stmt], wanted: Sequence[str]) -> list[str]:
    """The imports of a solution by which a check goes: they are given."""
    lines = []
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            kept = [each for each in node.names if (each.asname or each.name) in wanted]
            if kept:
                node.names = kept
                lines.append(ast.unparse(node))
    return lines


def _add(notebook: nbformat.NotebookNode, kind: str, source: str, name: str) -> None:
    cell: nbformat.NotebookNode
    if kind == "code":
        cell = nbformat.v4.new_code_cell(source)
    else:
        cell = nbformat.v4.new_markdown_cell(source)
    notebook.cells.append(with_id(cell, name))
