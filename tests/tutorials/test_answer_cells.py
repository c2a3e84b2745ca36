"""Does the notebook of exercises say all that its checks want to know?"""

from __future__ import annotations

import builtins
import json
from typing import TYPE_CHECKING

from pdl_site.exercises import exercise_notebook, exercises_of, looked_at
from pdl_site.slicing import names_in

if TYPE_CHECKING:
    from pdl_site.script import Chapter


def test_every_name_that_a_check_looks_at_is_explained(chapter: Chapter) -> None:
    exercises = exercises_of(chapter)
    for exercise, wanted in zip(exercises, looked_at(exercises), strict=True):
        told = [text.partition(":")[0] for text in exercise.task.answer]
        lines = "\n".join(cell.source for cell in exercise.solution).splitlines()
        imported = {n for line in lines if "import " in line for n in names_in(line).binds}
        assert sorted(told) == sorted(set(wanted) - imported), f"{chapter.label}, {told}"


def test_each_name_of_a_check_is_made_before_it(chapter: Chapter) -> None:
    """Made by a cell of the notebook, or asked of the reader."""
    text = exercise_notebook(chapter, None)
    known, wanted, answered = set(dir(builtins)), looked_at(exercises_of(chapter)), False
    for cell in json.loads(text)["cells"] if text else []:
        kind, _, number = cell["id"].partition("-")
        if cell["cell_type"] != "code":
            continue
        names = names_in("".join(cell["source"]))
        if answered:
            assert names.needs <= known, f"{cell['id']} needs {names.needs - known}"
        known |= names.binds
        if kind == "answer":
            known, answered = known | set(wanted[int(number) - 1]), True
