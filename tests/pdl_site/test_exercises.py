"""Has the notebook of exercises all they stand on, and nothing that gives them away?"""

import json
from typing import Any

import nbformat
from projects import chapter, code, prose, record

from pdl_site.exercises import exercise_notebook, exercises_of

CELLS = (
    code("x = 2\nunused = 3"),
    code("# Two is two.\nassert x == 2", tags=["check"]),
    prose("### Exercise 1: double\n\nDouble {{ x }}.", tags=["exercise"], level="warm-up"),
    code("double = 2 * x", tags=["solution"]),
    prose("It is four.", tags=["solution"]),
    code("# It is twice as much.\nassert double == 4", tags=["solution", "check"]),
    prose("### Exercise 2: alone\n\nSee [next](01_b.py#x).", tags=["exercise"], level="open"),
    code(
        "# The secret is out.\nsecret = double + 1\nassert secret == 5", tags=["solution", "check"]
    ),
    prose("### Exercise 3: change\n\nGo on.", tags=["exercise"], level="build"),
    code("step = 1"),
    code("for _ in range(2):\n    double += step", tags=["solution"]),
    code("# It grew.\nassert double == 6", tags=["solution", "check"]),
)


def cells_of(*cells: str, **options: Any) -> list[dict[str, Any]]:
    kept = record(([],) * 8, (["2"],))
    content = exercise_notebook(chapter(*(cells or CELLS)), kept, **options)
    nbformat.validate(nbformat.reads(content.decode(), as_version=4))
    found: list[dict[str, Any]] = json.loads(content)["cells"]
    return found


def test_a_chapter_without_exercises_has_no_notebook() -> None:
    assert exercise_notebook(chapter(code("x = 1")), None) == b""


def test_the_cells_are_the_ground_the_tasks_places_for_answers_and_checks() -> None:
    assert [(cell["cell_type"], cell["id"]) for cell in cells_of()] == [
        ("markdown", "title"),
        ("markdown", "before"),
        ("code", "cell-002"),
        ("markdown", "task-1"),
        ("code", "answer-1"),
        ("code", "cell-007"),
        ("markdown", "task-2"),
        ("code", "answer-2"),
        ("markdown", "task-3"),
        ("code", "cell-011"),
        ("code", "answer-3"),
        ("code", "cell-013"),
    ]


def test_it_tells_how_long_the_ground_may_take() -> None:
    kept = record(([],) * 8, (["2"],))
    kept.facts["seconds"] = 41.4
    ran = exercise_notebook(chapter(*CELLS), kept).decode()
    assert "the chapter, which ran in 41 s." in ran
    assert "ran in" not in exercise_notebook(chapter(*CELLS), None).decode()


def test_no_solution_is_in_it() -> None:
    text = json.dumps(cells_of())
    for given_away in ("2 * x", "It is four", "secret", "range(2)"):
        assert given_away not in text


def test_the_cell_for_an_answer_says_what_its_check_looks_at() -> None:
    answers = [cell["source"] for cell in cells_of() if cell["id"].startswith("answer")]
    assert answers == [
        "# Your answer. The check looks at: double\n",
        "# Your answer\n",
        "# Your answer. The check looks at: double\n",
    ]


def answers_of(*cells: str) -> list[str]:
    return [cell["source"] for cell in cells_of(*cells) if cell["id"].startswith("answer")]


TASK = "### Exercise 1: a\n\nA."
NEXT = prose(TASK.replace("1", "2"), tags=["exercise"], level="build")


def test_it_says_what_each_name_is_and_how_a_function_is_called() -> None:
    told = ["right: the share that is right, as a decimal", "two: the double of `x`"]
    assert answers_of(
        prose(TASK, tags=["exercise"], level="build", answer=told),
        code("def two(x, y=1):\n    return 2 * x\n\n\nright, other = 0.5, 1", tags=["solution"]),
        code("# Half.\nassert (right, two(2), other) == (0.5, 4, 1)", tags=["solution", "check"]),
    ) == [
        "# Your answer. The check looks at:\n"
        "# - right: the share that is right, as a decimal\n"
        "# - two(x, y=1): the double of `x`\n"
        "# - other\n"
    ]


def test_a_name_that_only_a_later_check_looks_at_is_asked_for_where_it_is_made() -> None:
    assert answers_of(
        prose(TASK, tags=["exercise"], level="build"),
        code("parts = [1, 2]\nwhole = sum(parts)", tags=["solution"]),
        code("# Three.\nassert whole == 3", tags=["solution", "check"]),
        NEXT,
        code("most = max(parts)", tags=["solution"]),
        code("# Two.\nassert most == parts[-1]", tags=["solution", "check"]),
    ) == [
        "# Your answer. The check looks at: parts, whole\n",
        "# Your answer. The check looks at: most\n",
    ]


def test_what_a_check_needs_of_the_imports_is_given() -> None:
    assert answers_of(
        prose(TASK, tags=["exercise"], level="build"),
        code("import io\nfrom os import path, sep\n\nx = io.StringIO(sep)", tags=["solution"]),
        code("# Ok.\nassert isinstance(x, io.StringIO) and path", tags=["solution", "check"]),
    ) == ["import io\nfrom os import path\n\n# Your answer. The check looks at: x\n"]


def test_prose_has_the_values_of_the_run_and_plain_links() -> None:
    by_id = {cell["id"]: cell["source"] for cell in cells_of(site_url="https://e/learn")}
    assert by_id["task-1"].startswith("## Exercise 1: double")
    assert "Double 2." in by_id["task-1"]
    assert "[next](https://e/learn/01_b/#x)" in by_id["task-2"]
    assert "](https://e/learn/a/)" in by_id["title"]


def test_the_cell_that_installs_comes_first() -> None:
    cells = cells_of(install="git+https://e")
    assert [cell["id"] for cell in cells[:2]] == ["title", "install"]
    assert '# %pip install -q "git+https://e"' in cells[1]["source"]


def test_a_run_of_other_cells_is_not_asked_for() -> None:
    content = exercise_notebook(chapter(*CELLS), None)
    assert "Double …." in json.loads(content)["cells"][3]["source"]


def test_with_its_solutions_filled_in_it_runs() -> None:
    exercises = exercises_of(chapter(*CELLS))
    lines = []
    for cell in cells_of():
        kind, _, number = cell["id"].partition("-")
        if kind == "answer":
            lines += [part.source for part in exercises[int(number) - 1].solution]
        elif cell["cell_type"] == "code":
            lines.append(cell["source"])
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)
    assert names["double"] == 6
