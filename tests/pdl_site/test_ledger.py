"""Does the page of numbers show what the build got, and stop at a row without a source?"""

from pathlib import Path
from typing import Any

import pytest
import yaml
from projects import KEY, chapter, code, prose, record

from pdl_site.book import Entry
from pdl_site.errors import SiteError
from pdl_site.ledger import computed, corrections_table, numbers_table
from pdl_site.notebook import to_notebook
from pdl_site.render import Context, number_anchor, render

CELLS = (
    code("x = 3"),
    prose("## A section\n\nThe value is {{ x }}.", corrects=["E1"]),
    prose("{{ f'{x:.1f}' }}", tags=["number"], row="N1"),
    prose("{{ x + 1 }}", tags=["number"], row="N2.b", corrects=["E2"]),
)
VALUES = (["3"], ["3.0"], ["4"])
ROWS: dict[str, Any] = {
    "N1": {"what": "x", "notes": "3.0", "course": "3.0"},
    "N2.b": {"what": "x | more", "notes": "5", "course": "4", "why": "The notes round up."},
}
ERRORS = {
    "E1": {"said": "x is 4", "holds": "x is 3"},
    "E2": {"said": "nothing", "holds": "something"},
}


def entries(values: Any = VALUES, *, cells: tuple[str, ...] = CELLS) -> list[Entry]:
    ran = record([[] for cell in cells if "markdown" not in cell], values) if values else None
    return [Entry(chapter(*cells), KEY, [], ran)]


def table(rows: dict[str, Any] | None = None, found: list[Entry] | None = None) -> list[str]:
    return numbers_table(rows or ROWS, found or entries(), "learn").splitlines()


def test_a_row_shows_the_printed_and_the_computed_value() -> None:
    lines = table()
    assert lines[0] == "## A"
    assert lines[4] == "| [x](learn/a.md#number-n1) | 3.0 | 3.0 | 3.0 | same |"
    wanted = "5 | 4 | 4 | same as the course. The notes round up. |"
    assert lines[5] == f"| [x &#124; more](learn/a.md#number-n2-b) | {wanted}"


def test_a_difference_without_a_reason_stops_the_build() -> None:
    rows = ROWS | {"N1": {"what": "x", "notes": "3.1"}}
    with pytest.raises(SiteError, match=r"row 'N1'.*got '3\.0', another value.*why"):
        table(rows)
    rows["N1"]["why"] = "They measured on Mars."
    assert table(rows)[4].endswith("| 3.1 |  | 3.0 | different. They measured on Mars. |")


def test_what_nobody_printed_is_not_called_different() -> None:
    rows = ROWS | {"N1": {"what": "x", "why": "For comparison."}}
    assert table(rows)[4].endswith("|  |  | 3.0 | not printed. For comparison. |")


def test_a_number_stays_with_its_sign() -> None:
    lines = table(ROWS | {"N1": {"what": "x", "notes": "3 %", "why": "W."}})
    assert "| 3&nbsp;% |  | 3.0 |" in lines[4]


def test_rows_and_cells_must_meet() -> None:
    with pytest.raises(SiteError, match=r"rows that no cell computes: N9"):
        table(ROWS | {"N9": {"what": "z"}})
    with pytest.raises(SiteError, match=r"rows that the numbers do not have: N2\.b"):
        table({"N1": ROWS["N1"]})
    twice = (*CELLS, prose("{{ 1 }}", tags=["number"], row="N1"))
    with pytest.raises(SiteError, match="computed in a already"):
        computed(entries(None, cells=twice))


def test_before_a_run_nothing_is_judged() -> None:
    assert table(found=entries(None))[4].endswith("| 3.0 | 3.0 | &hellip; | &hellip; |")


def test_an_old_run_is_not_judged() -> None:
    [entry] = entries((["9"], ["8"], ["7"]))
    old = Entry(entry.chapter, "f" * 24, [], entry.record)
    assert not old.fresh
    assert table(found=[old])[4].endswith("| 3.0 | 3.0 | &hellip; | &hellip; |")


def test_the_anchor_is_on_the_page_and_the_bare_value_is_not() -> None:
    page = render(chapter(*CELLS), entries()[0].record, Context()).markdown
    assert '<div class="pdl-anchor" id="number-n1"></div>' in page
    assert f'id="{number_anchor("N2.b")}"' in page
    assert "3.0" not in page
    assert "The value is 3." in page
    assert b"3.0" not in to_notebook(chapter(*CELLS), entries()[0].record)


def test_errors_lead_to_the_section_that_sets_them_right() -> None:
    lines = corrections_table(ERRORS, entries(), "../learn").splitlines()
    assert lines[2] == "| x is 4 | x is 3 | [A section](../learn/a.md#a-section) |"
    with pytest.raises(SiteError, match="rows that no cell corrects: E3"):
        corrections_table(ERRORS | {"E3": {"said": "", "holds": ""}}, entries(), "learn")
    with pytest.raises(SiteError, match="rows that the corrections do not have: E2"):
        corrections_table({"E1": ERRORS["E1"]}, entries(), "learn")


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (prose("{{ 1 }}", tags=["number"]), "'number' and the key 'row' belong together"),
        (prose("{{ 1 }}", row="N1"), "'number' and the key 'row' belong together"),
        (prose("It is {{ 1 }}.", tags=["number"], row="N1"), "one expression"),
        (prose("{{ 1 }} {{ 2 }}", tags=["number"], row="N1"), "one expression"),
        (prose("{{ 1 }}", tags=["number"], row=["N1"]), "row must be a text"),
        (prose("x", corrects="E1"), "corrects must be a list of texts"),
    ],
)
def test_a_number_is_one_expression_with_a_row(cell: str, words: str) -> None:
    with pytest.raises(SiteError, match=words) as caught:
        chapter(cell)
    assert "tutorials/a.py" in str(caught.value)


def test_each_row_of_the_book_has_its_fields() -> None:

    folder = Path(__file__).parents[2] / "docs/includes"
    numbers = yaml.safe_load((folder / "numbers.yml").read_text(encoding="utf-8"))
    for row, about in numbers.items():
        assert about.keys() <= {"what", "notes", "course", "why"}, row
        assert about["what"], row
        # What nobody printed says why it stands there.
        assert about.get("notes") or about.get("course") or about.get("why"), row
        assert all(isinstance(value, str) for value in about.values()), f"quote {row}"
    corrections = yaml.safe_load((folder / "corrections.yml").read_text(encoding="utf-8"))
    for row, about in corrections.items():
        assert about.keys() == {"said", "holds"}, row
