"""Does every chapter keep the form that readers learn to trust?"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING

from pdl_site.prose import CODE_FENCE, find_typed_numbers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pdl_site.script import Cell, Chapter

LEVELS = {"beginner", "intermediate", "advanced"}
LONGEST_CELL = 25
LONGEST_FOLDED = 60
"""Lines of a cell whose code stays folded: it draws a picture, and few readers open it."""
WIDEST_LINE = 92
FEWEST_WORDS, MOST_WORDS = 1_000, 3_700
GUIDES = {"own_pictures", "cheat_sheet"}
"""Pages that help with a task: shorter than a chapter, without questions and exercises."""
FEWEST_CHECKPOINTS = 4
FEWEST_EXERCISES = {
    "introduction": 0,
    "own_pictures": 0,
    "common_errors": 4,
    "cheat_sheet": 0,
    "choosing": 3,
    "published_numbers": 0,
    "00_fundamentals": 10,
    "01_workflow": 5,
    "02_classification": 7,
    "03_computer_vision": 13,
    "04_custom_datasets": 8,
    "05_going_modular": 3,
    "06_transfer_learning": 6,
    "07_experiment_tracking": 3,
    "08_vision_transformer": 5,
    "08b_vit_training": 4,
}


def prose(chapter: Chapter) -> Iterator[Cell]:
    """The Markdown cells."""
    return (cell for cell in chapter.cells if cell.kind == "markdown")


def headings(chapter: Chapter) -> list[tuple[int, str]]:
    """Level and text of every heading, in order."""
    return [
        (len(match[1]), match[2])
        for cell in prose(chapter)
        for match in re.finditer(r"^(#{1,6}) (.+)$", CODE_FENCE.sub("", cell.source), re.MULTILINE)
    ]


def at(chapter: Chapter, cell: Cell) -> str:
    """Name the place of a cell as an editor opens it."""
    return f"{chapter.label}:{cell.line}"


def test_front_matter(chapter: Chapter) -> None:
    front = chapter.front

    assert 20 <= len(front.description) <= 150
    assert front.description.endswith(".")
    assert front.level in LEVELS
    assert 5 <= front.minutes <= 180
    assert 1 <= len(front.gives) <= 8
    assert all(len(idea) <= 40 for idea in front.gives)
    assert headings(chapter)[0] == (1, front.title)


def test_needs_lead_backwards(all_chapters: list[Chapter]) -> None:
    order = {chapter.name: chapter.front.order for chapter in all_chapters}

    for chapter in all_chapters:
        for needed in chapter.front.needs:
            assert needed in order, f"{chapter.label} needs {needed}, which is not there"
            assert order[needed] < chapter.front.order, f"{chapter.label} needs a later chapter"


def test_headings_step_down_one_at_a_time(chapter: Chapter) -> None:
    levels = [level for level, _ in headings(chapter)]

    assert levels.count(1) == 1
    assert max(levels) <= 3
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    titles = [title for _, title in headings(chapter)]
    assert len(titles) == len(set(titles))


def test_code_cells_are_short_and_narrow(chapter: Chapter) -> None:
    faults = []
    for cell in chapter.code_cells:
        lines = cell.source.splitlines()
        most = LONGEST_FOLDED if "hide-input" in cell.tags else LONGEST_CELL
        if len(lines) > most:
            faults.append(f"{at(chapter, cell)}: {len(lines)} lines, at most {most}")
        faults += [
            f"{chapter.label}:{cell.line + number}: {len(line)} columns"
            for number, line in enumerate(lines)
            if len(line) > WIDEST_LINE
        ]

    assert not faults, "\n".join(faults)


def test_a_sentence_stands_between_code_cells(chapter: Chapter) -> None:
    def is_shown(cell: Cell) -> bool:
        return cell.kind == "code" and not cell.tags & {"check", "solution", "hide-input"}

    faults = [
        at(chapter, second)
        for first, second in itertools.pairwise(chapter.cells)
        if is_shown(first) and is_shown(second)
    ]

    assert not faults, "\n".join(faults)


def test_length(chapter: Chapter) -> None:
    text = " ".join(CODE_FENCE.sub("", cell.source) for cell in prose(chapter))
    words = len(re.findall(r"\w[\w'-]*", text))

    assert (words < FEWEST_WORDS) == (chapter.name in GUIDES)
    assert words <= MOST_WORDS


def test_checkpoints_have_an_answer(chapter: Chapter) -> None:
    """The cell after "predict first" runs, so that the reader sees whether the guess was right."""
    faults = [
        at(chapter, first)
        for first, second in itertools.pairwise(chapter.cells)
        if "checkpoint" in first.tags and second.kind != "code"
    ]
    count = sum("checkpoint" in cell.tags for cell in chapter.cells)

    assert not faults, "\n".join(faults)
    assert count >= FEWEST_CHECKPOINTS or chapter.name in GUIDES


def test_claims_are_checked_outside_the_exercises_too(chapter: Chapter) -> None:
    assert any("check" in cell.tags and "solution" not in cell.tags for cell in chapter.cells)


def test_every_exercise_has_a_solution_that_is_checked(chapter: Chapter) -> None:
    faults, count = [], 0
    for number, cell in enumerate(chapter.cells):
        if "exercise" not in cell.tags:
            continue
        count += 1
        rest = itertools.takewhile(
            lambda later: "exercise" not in later.tags, chapter.cells[number + 1 :]
        )
        solved = [later for later in rest if "solution" in later.tags]
        if not cell.source.startswith(f"### Exercise {count}: "):
            faults.append(f"{at(chapter, cell)}: begins with {cell.source.splitlines()[0]!r}")
        if not any("check" in later.tags for later in solved) and cell.level != "open":
            faults.append(f"{at(chapter, cell)}: no solution with a check")

    assert not faults, "\n".join(faults)
    assert count >= FEWEST_EXERCISES.get(chapter.name, 3)


def test_what_went_wrong_is_told(chapter: Chapter) -> None:
    assert any("wrong" in cell.tags for cell in chapter.cells)


def test_the_result_comes_first(chapter: Chapter) -> None:
    """A reader sees what the chapter leads to before anything else."""
    first = chapter.code_cells[0]

    assert first.alt, f"{at(chapter, first)}: the first code cell shows no figure"
    assert sum(bool(cell.alt) for cell in chapter.cells) >= 2


def test_figures_are_described(chapter: Chapter) -> None:
    faults = [
        f"{at(chapter, cell)}: {text!r}"
        for cell in chapter.code_cells
        for text in cell.alt
        if len(text) < 30
    ]
    assert not faults, "\n".join(faults)


def test_no_result_is_typed_by_hand(chapter: Chapter) -> None:
    faults = [
        f"{chapter.label}:{cell.line + line}: {found!r}; compute it with {{{{ }}}}, "
        "or put a number quoted from elsewhere into a code span"
        for cell in prose(chapter)
        for line, found in find_typed_numbers(cell.source)
    ]
    assert not faults, "\n".join(faults)
