"""Is every item of the curriculum treated in the chapter it belongs to?"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pdl_site.script import Chapter

IDS: dict[str, tuple[str, int]] = json.loads((Path(__file__).parent / "ids.json").read_text())


def wanted(name: str) -> set[str]:
    """The ids of a chapter: its prefix and a number from 01."""
    prefix, last = IDS[name]
    return {f"{prefix}.{number:02d}" for number in range(1, last + 1)}


def test_every_chapter_of_the_curriculum_is_written(all_chapters: list[Chapter]) -> None:
    assert {chapter.name for chapter in all_chapters} == set(IDS)


def test_every_item_is_covered(chapter: Chapter) -> None:
    covered = Counter(item for cell in chapter.cells for item in cell.covers)

    assert sorted(wanted(chapter.name) - covered.keys()) == []


def test_no_item_is_invented(chapter: Chapter) -> None:
    known = {item for name in IDS for item in wanted(name)}
    faults = [
        f"{chapter.label}:{cell.line}: {item}"
        for cell in chapter.cells
        for item in cell.covers
        if item not in known
    ]
    assert not faults, "\n".join(faults)
